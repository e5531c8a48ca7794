#!/bin/bash
# bench.sh [PART...] - what postmeter costs, held against milters and servers
# that do less or the same, in one run on one machine.
#
# Parts: speed waits latency postfix overshoot store growth replay flush memory
# (all of them if none is named).
# The numbers go to build/bench/PART.json, what people read to the terminal.
# BENCH_SECONDS is the length of one turn, BENCH_ROUNDS how often all take
# theirs.  BENCH_BESIDE, a postmeter of another build, takes its turns in the
# part speed.  Everything runs in namespaces of its own, as the scenarios do.
# shellcheck disable=SC2034
LID=3600
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/../scenario/lib.sh"
on_stage "$@"
shift

TURN=${BENCH_SECONDS:-1}
ROUNDS=${BENCH_ROUNDS:-5}
OUT=$BUILD/bench
BENCH=$TREE/tests/bench
PARTS=("$@")
((${#PARTS[@]} > 0)) || PARTS=(speed waits latency postfix overshoot store growth replay flush memory)

# The store is on a disk: /run, where the stage is, may be none.
DISK=$(mktemp -d "${BENCH_DISK:-/var/tmp}/postmeter-bench.XXXXXX")
chmod 755 "$DISK"
# shellcheck disable=SC2064
trap "rm -rf '$DISK'" EXIT
mkdir -p "$OUT"

# configure FILE STORE - limits that are counted and never reached; a store
# that is no URL is a file of the embedded one
configure() {
	local store=$2

	if [[ $store != *:* ]]; then
		install -d -o "$METER_USER" -m 700 "$DISK/${2%/*}"
		store=sqlite:$DISK/$2
	fi
	{
		meter_places "$STAGE/${1##*/}.d" "$STAGE/${1##*/}.c" "$store"
		cat <<-END
			durability     = "crash"
			new-senders    = "100M/24h"
			policy "staff" {
			    messages = {"100M/24h", "100M/10m"}
			    recipients = {"100M/24h"}
			}
			policy "company" { per = "everyone" recipients = {"100M/24h"} }
			policy "account" { recipients = {"100M/24h"} }
			policy "hundred" { messages = {"100/24h"} }
			smarthost "workspace" {
			    host = "smtp.provider.test"
			    username = "office@office.example"
			    secret = "workspace"
			    policies = {"account"}
			}
			route "office" { smarthosts = {"workspace"} }
			rule "over" { sender = {"over-postmeter@office.example"}
			    policies = {"hundred"} }
			rule "everybody" { sender = {"@office.example"}
			    policies = {"staff", "company"} route = "office" }
		END
	} >"$1"
}

seconds_since() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }'
}

# daemon FILE [PROGRAM] - starts postmeter; PID is its, START how long until it
# served
daemon() {
	local begun=$EPOCHREALTIME

	: >"$1.log"
	"${2:-$BUILD/postmeter}" -c "$1" 2>>"$1.log" &
	PID=$!
	until grep -q 'ready:' "$1.log"; do
		kill -0 "$PID" 2>/dev/null || fail "postmeter" "$1.log"
		sleep 0.002
	done
	# shellcheck disable=SC2034
	START=$(seconds_since "$begun")
}

# weight_of PID - resident, KiB
weight_of() {
	awk '/^Rss:/ { print $2 }' "/proc/$1/smaps_rollup"
}

# null STEPS - starts the milter that says yes to so many of them
null() {
	local socket=$STAGE/null-$1.sock

	"$BUILD/tests/load/nullmilter" "unix:$socket" "$1" &
	PIDS+=($!)
	NULL[$1]=null-$1=$socket,$!
	wait_until 10 "a null milter listens" "" test -S "$socket"
}

end() {
	kill "$@"
	wait "$@" 2>/dev/null || true
}

# measure OPTIONS... - the null milter with postmeter's steps and postmeter
# take turns
measure() {
	"$BUILD/tests/bench/milterbench" -t "$TURN" -n "$ROUNDS" "$@" \
	    "${NULL[rcpt]}" "$METER"
}

# keep PART FILTER - rows from stdin and what FILTER makes of them, as JSON
keep() {
	jq -s -L "$BENCH" --arg date "$(date -u +%FT%TZ)" \
	    --arg cpu "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)" \
	    --argjson cpus "$(nproc)" --arg load "$(cut -d' ' -f1 /proc/loadavg)" \
	    --argjson turn "$TURN" --argjson rounds "$ROUNDS" \
	    "include \"bench\"; {date: \$date, cpu: \$cpu, cpus: \$cpus,
	    load: \$load, turn: \$turn, rounds: \$rounds, rows: .,
	    summary: ($2)}" >"$OUT/$1.json"
}

# measures TITLE - a part begins, and this is what its table is called
measures() {
	TITLE=$1
	step "$1"
}

# show PART FILTER - its summary as a table; FILTER makes arrays of cells
show() {
	{
		echo "$TITLE"
		jq -r -L "$BENCH" \
		    "include \"bench\"; $2 | map(tostring) | @tsv" \
		    "$OUT/$1.json" | column -t -s $'\t' | indent
	} >"$OUT/$1.table"
	tail -n +2 "$OUT/$1.table"
}

ulimit -n 4096
meter_secrets workspace secret
configure "$STAGE/pm" main/postmeter.db
daemon "$STAGE/pm"
METER=postmeter=$STAGE/pm.d/milter.sock,$PID
declare -A NULL
PIDS=("$PID")
BESIDE=()
if [[ -n ${BENCH_BESIDE:-} ]]; then
	configure "$STAGE/beside" beside/postmeter.db
	daemon "$STAGE/beside" "$BENCH_BESIDE"
	BESIDE=(beside="$STAGE/beside.d/milter.sock,$PID")
	PIDS+=("$PID")
fi
for steps in all few rcpt end; do null "$steps"; done
title "postmeter beside milters and servers that do less or the same"
dim "$(nproc) processors, turns of $TURN s, $ROUNDS rounds; compare within a table only"
for part in "${PARTS[@]}"; do
	# shellcheck source=/dev/null
	. "$BENCH/$part.sh"
done
end "${PIDS[@]}"
note "numbers: $OUT/*.json; pictures: make bench-report; into the README: make bench-figures"
