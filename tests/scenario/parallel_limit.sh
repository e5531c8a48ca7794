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

# limit COUNT - a fresh postmeter that lets so many messages pass
limit() {
	fresh_store
	stage_meter <<-END
		policy "staff" { messages = {"$1/24h"} }
		rule "everybody" { policies = {"staff"} }
	END
	start_postmeter
}

# total NAME - one number of what milterload printed last
total() {
	sed -nE "s/.*\b$1=([0-9]+).*/\1/p" "$STAGE/totals"
}

load() {
	"$BUILD/tests/load/milterload" -s "$MILTER" "$@" >"$STAGE/totals" ||
	    fail "milterload" "$LOG"
}

step "200 connections, one message each, $RUNS times with a fresh store"
for ((run = 1; run <= RUNS; run++)); do
	limit 100
	load -c 200 -m 1
	accepted=$(total accepted) deferred=$(total deferred)
	counted=$(used sender0@office.example)
	end_postmeter TERM
	[[ $accepted == 100 && $deferred == 100 && $counted == 100 ]] ||
	    fail "run $run: $accepted accepted, $deferred deferred, $counted counted" \
		"$LOG"
done
ok "100 accepted, 100 deferred, 100 counted, each time"

step "a limit of 5000, postmeter restarted while 200 connections send"
for signal in TERM KILL TERM KILL; do
	limit 5000
	load -c 200 -m 50 -w 60 &
	load=$!
	wait_until 60 "some hundred have passed" "$LOG" \
	    used_is sender0@office.example 500
	end_postmeter "$signal"
	start_postmeter
	restarted=$(used sender0@office.example)
	wait "$load" || fail "milterload" "$LOG"
	accepted=$(total accepted) unanswered=$(total unanswered)
	# What was deferred while it was away tries again, and fills the limit.
	load -c 200 -m 50
	accepted=$((accepted + $(total accepted)))
	counted=$(used sender0@office.example)
	end_postmeter TERM
	((accepted <= 5000 && accepted + unanswered >= 5000 && counted == 5000)) ||
	    fail "SIG$signal: $accepted accepted, $unanswered unanswered, $counted counted" \
		"$LOG"
	ok "SIG$signal, again at $restarted: $accepted accepted, $unanswered never answered, $counted counted"
done
