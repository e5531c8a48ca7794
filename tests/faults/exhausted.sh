#!/bin/bash
# exhausted.sh - out of descriptors, out of threads: it does not spin, and
# says so or recovers.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "no descriptors, no threads"
# A user of our own, for the kernel counts the threads of all its processes.
{
	cat /etc/passwd
	echo 'meter:x:61234:1::/:/bin/false'
} | stage_private /etc/passwd
METER_USER=meter
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
((cpu <= 10)) || fail "200 idle connections cost ${cpu}0 ms of 2 s" "$LOG"
ok "soft limit 64: raised, 250 connections served, idle CPU $((cpu / 2)) %"
kill "$HOLD"
wait "$HOLD" 2>/dev/null || true
end_postmeter TERM

# crowd WHAT SOCKET - 200 connections where nothing can be raised: no spinning,
# the others are answered, and all is well when they are gone
crowd() {
	start_under prlimit --nofile=64:64
	await_start || fail "it did not start" "$LOG"
	grep -q 'only 64 descriptors' "$LOG" || fail "no warning" "$LOG"
	"$BUILD/tests/faults/hold" -n 200 "$2" '' >/dev/null &
	HOLD=$!
	sleep 1
	cpu=$(spends 2 "$METER_PID")
	((cpu <= 20)) || fail "$1: it spends ${cpu}0 ms in 2 s" "$LOG"
	wait_until 10 "the tool is answered" "$LOG" ctl status
	ok "hard limit 64, 200 $1 connections: a warning, CPU $((cpu / 2)) %, \
the tool is answered"
	kill "$HOLD"
	wait "$HOLD" 2>/dev/null || true
	wait_until 10 "the map answers" "$LOG" answers
	load -c 4 -m 25 | grep -q 'accepted=100 ' ||
	    fail "it does not meter afterwards" "$LOG"
	books 0
	end_postmeter TERM
	ok "and all is well afterwards"
}

answers() {
	[[ $(ask_map "transport sender0@office.example") == *"NOTFOUND "* ]]
}

crowd map "$MAP"
crowd milter "$MILTER"

# The user's threads are counted once root is gone.  libmilter starts some of
# its own only when it serves.
for ((n = 1; n <= 40; n++)); do
	start_under prlimit --nproc=$n:$n
	if await_start && load -c 1 -m 1 2>/dev/null | grep -q 'accepted=1 '
	then
		break
	fi
	is_gone || kill -TERM "$METER_PID"
	reap
	((EXIT >= 64 && EXIT <= 78)) || fail "nproc $n: exit $EXIT" "$LOG"
done
((n <= 40)) || fail "it never served" "$LOG"
ok "too few threads for a start: an exit with words, up to nproc $((n - 1))"

# A burst that needs more threads than there are: libmilter leaves connections
# without an answer, which a mail server gives up after 30 s.
timeout 10 "$BUILD/tests/load/milterload" -s "$MILTER" -l "$LEDGER" -c 50 \
    -m 20 >/dev/null 2>&1 || true
! is_gone || fail "it has ended" "$LOG"
load -c 1 -m 20 | grep -q 'accepted=20 ' ||
    fail "it does not meter afterwards" "$LOG"
books 50
ok "no thread beyond those of the start, a burst of 50 connections: \
$(in_ledger accepted) accepted, all counted, and it goes on afterwards"
end_postmeter TERM
