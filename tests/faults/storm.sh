#!/bin/bash
# storm.sh - SIGHUP and SIGUSR1 by the thousand, under load: the same process,
# the same answers, the same memory.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "a storm of signals"
with_smarthost
N=$(rounds 2000 10000)
start_postmeter
# What messages allocate once (the pages of the trace) is there before.
load -c 8 -m 2500 >/dev/null
load_on -c 8 -m 1000000
storm() {
	local i

	for ((i = 0; i < $1; i++)); do
		kill -HUP "$METER_PID" && kill -USR1 "$METER_PID"
	done
}
storm "$N"
before=$(status_of "$METER_PID" VmRSS)
storm "$N"
after=$(status_of "$METER_PID" VmRSS)
end_load
sleep 0.3
! is_gone || fail "it has ended" "$LOG"
is "messages that were not accepted: 0" 0 "$(awk '$3 != "accepted"' "$LEDGER" | wc -l)"
((after - before <= 4096)) ||
    fail "memory grew from $before to $after KiB" "$LOG"
books 8
ok "$N SIGHUP and $N SIGUSR1: process $METER_PID lives, \
$(grep -c 'is in force' "$LOG") reloads, $((after - before)) KiB more, \
$(in_ledger accepted) messages accepted"
end_postmeter TERM
