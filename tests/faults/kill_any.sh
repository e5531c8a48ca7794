#!/bin/bash
# kill_any.sh - kill -9 at any time: the scenario, with more of them.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

KILLS=$(rounds 50 1000) LID=7200 "$TREE/tests/scenario/kill_nine.sh"
