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
