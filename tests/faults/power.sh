#!/bin/bash
# power.sh - the power fails at some hundred or some thousand points, see
# tests/powerfail/test_power.c.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "the power fails"
images=$(rounds 500 5000)
for ((seed = 1; seed <= $(rounds 1 3); seed++)); do
	PM_TEST_SEED=$((seed * 1000000)) PM_TEST_IMAGES=$images \
	    "$BUILD/tests/powerfail/test_power" >"$STAGE/said" 2>&1 ||
	    fail "an image lost what was promised" "$STAGE/said"
	for what in power crash; do
		grep -aq "OK ] with_${what}_" "$STAGE/said" ||
		    fail "$what was not tested" "$STAGE/said"
	done
done
ok "$((2 * images * (seed - 1))) disks that lost their power: all open, none \
lost what was promised"
