# memory.sh - what a connection and what a key take in memory.
# shellcheck shell=bash

# held SOCKET PID N - KiB while N connections are open that have sent a message
held() {
	coproc LOAD { "$BUILD/tests/bench/milterbench" -H -c "$3" "x=$1"; }
	local pid=$LOAD_PID

	read -r _ <&"${LOAD[0]}"
	weight_of "$2"
	eval "exec ${LOAD[1]}>&-"
	wait "$pid" || true
}

# a_connection NAME=SOCKET,PID - bytes that one more connection takes, when
# there are more than the other parts have had
a_connection() {
	local socket=${1#*=} pid=${1##*,} few many

	few=$(held "${socket%,*}" "$pid" 300)
	many=$(held "${socket%,*}" "$pid" 1100)
	jq -nc --arg t "${1%%=*}" --argjson a "$few" --argjson b "$many" \
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

measures "Memory"
{
	a_connection "${NULL[rcpt]}"
	a_connection "$METER"
	a_key
} >"$STAGE/rows"
keep memory . <"$STAGE/rows"
show memory '["", "", "bytes"],
    (.summary[] | [.target, "a " + .what, (.bytes | round)])'
