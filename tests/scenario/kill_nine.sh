#!/bin/bash
# kill_nine.sh - kill -9 at any time, many times: what clients were promised
# is in the store, and nothing is there that nobody asked for.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

KILLS=${KILLS:-50}
LEDGER=$STAGE/ledger
LOG=$STAGE/postmeter.log

title "nothing is forgotten: kill -9, $KILLS times"

stage_meter <<'END'
policy "staff" { messages = {"100M/24h"} }
rule "everybody" { policies = {"staff"} }
END

# in_ledger VERDICT
in_ledger() {
	awk -v v="$1" '$3 == v { n++ } END { print n + 0 }' "$LEDGER"
}

grown() {
	(($(wc -l <"$LEDGER") > $1))
}

: >"$LEDGER"
start_postmeter
"$BUILD/tests/load/milterload" -s "$MILTER" -c 8 -m 10000000 -a 10 -w 120 \
    -l "$LEDGER" >/dev/null &
LOAD=$!
for ((i = 1; i <= KILLS; i++)); do
	# A few answers more, so that each kill meets work, then any time.
	wait_until 60 "messages pass" "$LOG" grown "$(wc -l <"$LEDGER")"
	sleep "0.0$((RANDOM % 100))"
	end_postmeter KILL
	start_postmeter
done
kill "$LOAD"
wait "$LOAD" 2>/dev/null || true

promised=$(in_ledger accepted)
unanswered=$(in_ledger unanswered)
# What was under way when the load itself ended: one a connection.
unanswered=$((unanswered + 8))
counted=$(used sender0@office.example)
note "$promised accepted, at most $unanswered owed an answer, $counted counted"
((counted >= promised)) ||
    fail "$((promised - counted)) accepted messages are forgotten" "$LOG"
ok "every accepted message is counted"
((counted <= promised + unanswered)) ||
    fail "$((counted - promised - unanswered)) were counted that nobody sent" "$LOG"
ok "nothing else is"
end_postmeter TERM
start_postmeter
is "an orderly restart changes nothing" "$counted" \
    "$(used sender0@office.example)" "$LOG"
