#!/bin/bash
# exhausted.sh - out of descriptors, out of threads: it does not spin, and
# says so or recovers.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "no descriptors, no threads"
an_office

# spends SECONDS PID - hundredths of a second of CPU meanwhile
spends() {
	local before

	before=$(cpu_of "$2")
	sleep "$1"
	echo $(($(cpu_of "$2") - before))
}

start_under prlimit --nofile=64:4096
await_start || fail "it did not start" "$LOG"
"$BUILD/tests/faults/hold" -n 200 "$MILTER" '' >/dev/null &
HOLD=$!
load -c 50 -m 20 >"$STAGE/said"
grep -q 'accepted=1000 ' "$STAGE/said" || fail "$(cat "$STAGE/said")" "$LOG"
cpu=$(spends 2 "$METER_PID")
((cpu <= 10)) || fail "200 idle connections cost $cpu ms of 2 s" "$LOG"
ok "soft limit 64: raised, 250 connections served, idle CPU $((cpu / 2)) %"
kill "$HOLD"
wait "$HOLD" 2>/dev/null || true
end_postmeter TERM

# Nothing can be raised here, and the map socket takes all there is.
start_under prlimit --nofile=64:64
await_start || fail "it did not start" "$LOG"
grep -q 'only 64 descriptors' "$LOG" || fail "no warning" "$LOG"
"$BUILD/tests/faults/hold" -n 200 "$MAP" '' >/dev/null &
HOLD=$!
sleep 1
cpu=$(spends 2 "$METER_PID")
((cpu <= 10)) || fail "out of descriptors it spends $cpu ms in 2 s" "$LOG"
ok "hard limit 64, 200 map connections: a warning, CPU $((cpu / 2)) %"
kill "$HOLD"
wait "$HOLD" 2>/dev/null || true
sleep 1
[[ $(ask_map "transport sender0@office.example") == *"NOTFOUND "* ]] ||
    fail "it does not answer afterwards" "$LOG"
ok "and answers within a second of their end"
end_postmeter TERM

# The user's threads are counted once root is gone.
for ((n = 1; n <= 5; n++)); do
	start_under prlimit --nproc=$n:$n
	if await_start; then
		kill -KILL "$METER_PID"
		reap
		break
	fi
	reap
	((EXIT >= 64 && EXIT <= 78)) || fail "nproc $n: exit $EXIT" "$LOG"
done
ok "too few threads for a start: an exit with words, up to nproc $((n - 1))"
