#!/bin/bash
# reload.sh - mutated configurations reloaded under load: a bad one changes
# nothing, not one verdict.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "bad configurations, reloaded under load"
with_smarthost
cp "$STAGE/postmeter.conf" "$STAGE/good.conf"
# For the tool, which must find the socket whatever the daemon's file says.
reload() {
	"$BUILD/postmeterctl" -c "$STAGE/good.conf" reload >"$STAGE/said" 2>&1
}
start_postmeter
load_on -c 8 -m 1000000
bad=0 good=0
for ((seed = 1; bad < $(rounds 40 200); seed++)); do
	cp "$STAGE/good.conf" "$STAGE/next.conf"
	"$BUILD/tests/faults/mutate" "$seed" "$STAGE/next.conf"
	if "$BUILD/postmeter" -n -c "$STAGE/next.conf" >/dev/null 2>&1; then
		good=$((good + 1)) # another configuration, but a right one
		continue
	fi
	cp "$STAGE/next.conf" "$STAGE/postmeter.conf"
	! reload || fail "seed $seed: a bad configuration was taken" "$LOG"
	bad=$((bad + 1))
done
cp "$STAGE/good.conf" "$STAGE/postmeter.conf"
reload || fail "the good one is refused" "$STAGE/said"
end_load
wrong=$(awk '$3 != "accepted"' "$LEDGER" | wc -l)
is "$bad bad ones refused, $(in_ledger accepted) verdicts meanwhile; wrong: none" \
    0 "$wrong" "$LEDGER"
books 8
end_postmeter TERM

# A window that is widened moves every counter to another form, with what the
# configuration says: whoever looks at one that is gone falls, under the
# sanitizer at once.
step "a signal and the tool reload at the same time, under load"
DAEMON=$BUILD-asan/postmeter
start_postmeter
load_on -c 8 -m 1000000
for ((i = 1; i <= $(rounds 100 1000); i++)); do
	sed "s|100M/24h|100M/$((i % 24 + 1))h|" "$STAGE/good.conf" \
	    >"$STAGE/next.conf"
	mv "$STAGE/next.conf" "$STAGE/postmeter.conf"
	kill -USR1 "$METER_PID"
	reload || fail "round $i: not reloaded" "$LOG"
	kill -0 "$METER_PID" || fail "round $i: the daemon fell" "$LOG"
done
end_load
cp "$STAGE/good.conf" "$STAGE/postmeter.conf"
reload || fail "the good one is refused" "$STAGE/said"
books 16 # of either load, what was under way at its end
ok "$((i - 1)) pairs of reloads, and every message is counted"
end_postmeter TERM
