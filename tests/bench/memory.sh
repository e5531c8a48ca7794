# memory.sh - what a connection and what a key take in memory.
# shellcheck shell=bash

# weight_of PID - resident, KiB
weight_of() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# held SOCKET PID N - KiB while N connections are open that have sent a message
held() {
	coproc LOAD { "$BUILD/tests/bench/milterbench" -H -c "$3" "x=$1"; }
	local pid=$LOAD_PID

	read -r _ <&"${LOAD[0]}"
	weight_of "$2"
	eval "exec ${LOAD[1]}>&-"
	wait "$pid" || true
}

# a_connection NAME SOCKET PID - bytes that one more connection takes
a_connection() {
	local few many

	few=$(held "$2" "$3" 100)
	many=$(held "$2" "$3" 900)
	jq -nc --arg t "$1" --argjson a "$few" --argjson b "$many" \
	    '{target: $t, what: "connection", bytes: (($b - $a) * 1024 / 800)}'
}

# a_key - bytes that one more sender takes while it is in memory
a_key() {
	local file=$STAGE/keys before after

	configure "$file" keys/postmeter.db
	daemon "$file"
	"$BUILD/tests/bench/milterbench" -c 8 -S 100 -t 1 \
	    "x=$file.d/milter.sock" >/dev/null
	before=$(weight_of "$PID")
	"$BUILD/tests/bench/milterbench" -c 8 -S 10000 -t 1 \
	    "x=$file.d/milter.sock" >/dev/null
	after=$(weight_of "$PID")
	end "$PID"
	jq -nc --argjson a "$before" --argjson b "$after" --arg t postmeter \
	    '{target: $t, what: "sender", bytes: (($b - $a) * 1024 / 9900)}'
}

step "Memory"
ulimit -n 4096
{
	a_connection null "$STAGE/null.sock" "$NULL"
	a_connection postmeter "$STAGE/pm.d/milter.sock" "$METER"
	a_key
} >"$STAGE/memory"
keep memory . <"$STAGE/memory"
show memory '["", "", "bytes"],
    (.summary[] | [.target, "a " + .what, (.bytes | round)])'
