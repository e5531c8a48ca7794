#!/bin/bash
# term.sh - SIGTERM under load: it ends in order, and every message that a
# client saw accepted is in the store.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "SIGTERM under load"
an_office
N=$(rounds 20 500)
start_postmeter
load_on -c 16 -m 10000000 -w 120
slowest=0
for ((i = 1; i <= N; i++)); do
	sleep "0.$((RANDOM % 30 + 10))"
	since=$(date +%s%N)
	kill -TERM "$METER_PID"
	reap
	took=$((($(date +%s%N) - since) / 1000000))
	((took <= slowest)) || slowest=$took
	((EXIT == 0)) || fail "it ended with $EXIT" "$LOG"
	start_postmeter
done
end_load
sleep 0.2
books 16
ok "$N times: $(in_ledger accepted) accepted and all counted, \
$(in_ledger unanswered) unanswered, slowest end $slowest ms"
end_postmeter TERM
