#!/bin/bash
# parallel_limit.sh - 200 connections at once against a limit of 100: exactly
# 100 messages pass, whatever the order, restart or not.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "a limit is exact under 200 parallel connections"
RUNS=${RUNS:-20}
LOG=$STAGE/postmeter.log

stage_meter <<'END'
policy "staff" { messages = {"100/24h"} }
rule "everybody" { policies = {"staff"} }
END

# total NAME - one number of what milterload printed last
total() {
	sed -nE "s/.*\b$1=([0-9]+).*/\1/p" "$STAGE/totals"
}

load() {
	"$BUILD/tests/tools/milterload" -s "$MILTER" "$@" >"$STAGE/totals" ||
	    fail "milterload" "$LOG"
}

step "200 connections, one message each, $RUNS times with a fresh store"
for ((run = 1; run <= RUNS; run++)); do
	fresh_store
	start_postmeter
	load -c 200 -m 1
	accepted=$(total accepted) deferred=$(total deferred)
	counted=$(used sender0@office.example)
	end_postmeter TERM
	[[ $accepted == 100 && $deferred == 100 && $counted == 100 ]] ||
	    fail "run $run: $accepted accepted, $deferred deferred, $counted counted" \
		"$LOG"
done
ok "100 accepted, 100 deferred, 100 counted, each time"

step "restarted in the middle, orderly and not"
for signal in TERM KILL TERM KILL; do
	fresh_store
	start_postmeter
	"$BUILD/tests/tools/milterload" -s "$MILTER" -c 20 -m 3 -w 60 \
	    >"$STAGE/totals.first" || fail "milterload" "$LOG"
	load -c 200 -m 40 -w 60 &
	second=$!
	wait_until 60 "some of the second wave were answered" "$LOG" \
	    used_is sender0@office.example 61
	end_postmeter "$signal"
	start_postmeter
	wait "$second" || fail "milterload" "$LOG"
	accepted=$((60 + $(total accepted))) unanswered=$(total unanswered)
	counted=$(used sender0@office.example)
	end_postmeter TERM
	((accepted <= 100 && accepted + unanswered >= 100 && counted == 100)) ||
	    fail "after SIG$signal: $accepted accepted, $unanswered unanswered, $counted counted" \
		"$LOG"
	ok "SIG$signal: $accepted accepted, $unanswered never answered, 100 counted"
done
