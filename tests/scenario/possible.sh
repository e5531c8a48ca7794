#!/bin/bash
# possible.sh - can a stage be built here?  Asked before anything is installed
# or built for it.

# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
stage_possible
