#!/bin/bash
# kill_at.sh - killed at the N-th write and at the N-th sync, N = 1, 2, ...:
# what was accepted is counted, nothing else is, and it starts by itself.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "killed at the N-th write, killed at the N-th sync"
an_office 'messages = {"30000/24h"}'

# killed_at CALLS N - EXIT tells if there was an N-th
killed_at() {
	start_under strace -f -qq -e "trace=$1" -o /dev/null \
	    -e "inject=$1:signal=SIGKILL:when=$2"
	if await_start; then
		load -c 4 -m 100 -w 1 >/dev/null 2>&1 || true
		is_gone || sleep 0.7
	fi
	is_gone || kill -KILL "$(pgrep -x postmeter)" 2>/dev/null || true
	reap
}

slowest=0
each() {
	local calls=$1 n i=0 began took

	for ((n = 1; n <= $2; n += $3)); do
		i=$((i + 1))
		killed_at "$calls" "$n"
		began=$(date +%s%N)
		start_postmeter
		took=$((($(date +%s%N) - began) / 1000000))
		((took <= slowest)) || slowest=$took
		# A load that is killed with it cannot note its last four.
		books $((4 * i + SLACK))
		end_postmeter KILL
	done
	SLACK=$((SLACK + 4 * i))
}

SLACK=0
# strace counts the calls of each thread by itself.
each pwrite64 60 "$(rounds 10 1)"
each fdatasync,fsync 12 "$(rounds 4 1)"
ok "$(in_ledger accepted) accepted, $(in_ledger unanswered) unanswered, all \
in the books after every kill; slowest start after one $slowest ms"

start_postmeter
load -c 8 -m 4500 >/dev/null
accepted=$(in_ledger accepted)
((accepted <= 30000)) || fail "$accepted accepted, the limit is 30000" "$LOG"
((accepted + $(in_ledger unanswered) + SLACK >= 30000)) ||
    fail "only $accepted accepted of 30000" "$LOG"
ok "then up to the limit: $accepted of 30000 accepted, none beyond"
end_postmeter TERM
