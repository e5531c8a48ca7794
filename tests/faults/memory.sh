#!/bin/bash
# memory.sh - the N-th allocation fails, N = 1, 2, ...: at start an exit with
# words or none needed, in a transaction 4xx at most; never a crash.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "memory runs out at the N-th call"
with_smarthost
PLAN=$STAGE/plan

# arm N - the next N - 1 calls succeed
arm() {
	local hex

	printf -v hex '%016x' "$1"
	printf '%b' "$(fold -w2 <<<"$hex" | tac | sed 's/^/\\x/' | tr -d '\n')" |
	    dd of="$PLAN" conv=notrunc status=none
}

total() {
	od -An -t d8 -j 8 -N 8 "$PLAN" | tr -d ' '
}

start_armed() {
	head -c 16 /dev/zero >"$PLAN"
	arm "$1"
	start_under env LD_PRELOAD="$BUILD/tests/faults/failmalloc.so" \
	    FAILMALLOC="$PLAN"
}

# ended_with_words WHEN - by itself, not by a signal.  The scanner of libconfuse
# has its own way to end without memory: exit 2.
ended_with_words() {
	if ((EXIT == 2)); then
		tail -n 1 "$LOG" | grep -q 'out of dynamic memory' && return
	fi
	((EXIT >= 64 && EXIT <= 78)) || fail "$1: exit $EXIT" "$LOG"
}

start_armed 0
await_start || fail "it does not start with the shim" "$LOG"
calls=$(total)
kill -KILL "$METER_PID"
reap
step=1 served=0 refused=0 tried=0
[[ ${FAULTS:-} != short ]] || step=$((calls / 60 + 1))
for ((n = 1; n <= calls; n += step)); do
	start_armed "$n"
	tried=$((tried + 1))
	if await_start; then
		served=$((served + 1))
		kill -KILL "$METER_PID"
		reap
		continue
	fi
	reap
	ended_with_words "call $n of $calls at start"
	refused=$((refused + 1))
done
ok "at start, $tried of $calls calls: $refused ended with words, $served could \
do without"

start_armed 0
await_start
load -c 1 -m 5 >/dev/null
for ((n = 1; n <= $(rounds 100 2000); n++)); do
	arm "$n"
	load -c 2 -m 10 -r 3 -w 5 >/dev/null 2>&1 || true
	! is_gone || fail "call $n in a transaction: it has ended" "$LOG"
	((n % 7)) || ask_auth 'relay [smtp.provider.test]:587' >/dev/null || true
done
arm 0
is "refused for good" 0 "$(in_ledger refused)" "$LEDGER"
load -c 2 -m 10 | grep -q 'accepted=20 ' || fail "not well afterwards" "$LOG"
books 0
ok "in transactions, $((n - 1)) calls: $(in_ledger accepted) accepted, \
$(in_ledger deferred) deferred, $(in_ledger dropped) hung up on, all booked"

before=$(total)
ctl reload >/dev/null
calls=$(($(total) - before)) step=1 kept=0 ended=0
[[ ${FAULTS:-} != short ]] || step=$((calls / 40 + 1))
for ((n = 1; n <= calls; n += step)); do
	arm "$n"
	ctl reload >/dev/null 2>&1 || true
	arm 0
	if load -c 1 -m 1 2>/dev/null | grep -q 'accepted=1 '; then
		kept=$((kept + 1))
		continue
	fi
	reap
	ended_with_words "call $n of $calls in a reload"
	ended=$((ended + 1))
	start_armed 0
	await_start
done
books 0
ok "in a reload of $calls calls: $kept reloaded or kept what it had, $ended \
ended with words, and the books hold"
end_postmeter TERM
