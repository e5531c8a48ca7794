#!/bin/bash
# run.sh SCRIPT... - every fault, one line each; of one that failed, all of it
set -uo pipefail

failed=0 began=$SECONDS
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for script; do
	since=$SECONDS
	if "$script" >"$out" 2>&1; then
		printf 'ok    %-20s %4d s\n' "$(basename "$script" .sh)" \
		    $((SECONDS - since))
		sed -nE 's/^   (ok|skip|figure) +/        /p' "$out"
	else
		printf 'FAIL  %-20s %4d s\n' "$(basename "$script" .sh)" \
		    $((SECONDS - since))
		sed 's/^/      | /' "$out"
		failed=$((failed + 1))
	fi
done
printf '%d of %d faults survived, %d s\n' $(($# - failed)) $# \
    $((SECONDS - began))
((failed == 0))
