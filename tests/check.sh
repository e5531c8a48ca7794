#!/bin/bash
# check.sh SUITE... - runs them all, then fails if one did.
#
# A line a suite; of one that failed, all it said.  RUN is put before each
# command (valgrind).  A fuzz target is run over its seeds.
set -uo pipefail

passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# seeds TARGET - the files that a fuzz target is run over; none for a suite
seeds() {
	local name=${1##*/}

	[[ $name != fuzz_* ]] || printf '%s\n' "tests/fuzz/seeds/${name#fuzz_}"
}

# run SUITE - its answer in TAP, one line a test
run() {
	local of=()

	mapfile -t of < <(seeds "$1")
	# shellcheck disable=SC2086
	CMOCKA_MESSAGE_OUTPUT=TAP ${RUN:-} "$1" "${of[@]}" >"$out" 2>&1
}

for suite; do
	run "$suite"
	status=$?
	good=$(grep -c '^ok ' "$out")
	# cmocka writes a skipped test as "not ok N # SKIP".
	skip=$(grep -c '^not ok [0-9]* # SKIP' "$out")
	bad=$(($(grep -c '^not ok ' "$out") - skip))
	# It may have died before it could tell, or leaked after.
	((status == 0 || bad > 0)) || bad=1
	((good + bad > 0)) || bad=1
	if ((bad > 0)); then
		printf 'FAIL  %-24s exit %d\n' "${suite##*/}" "$status"
		sed 's/^/      | /' "$out"
	else
		printf 'ok    %-24s %4d%s\n' "${suite##*/}" "$good" \
		    "$( ((skip == 0)) || printf ', %d skipped' "$skip")"
	fi
	passed=$((passed + good)) failed=$((failed + bad))
	skipped=$((skipped + skip))
done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0))
