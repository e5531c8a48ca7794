#!/bin/bash
# fuzz.sh SECONDS FUZZ_*.C... - each target for so long under libFuzzer.
#
# New findings go to the build directory, never among the seeds: what is worth
# keeping is named and put there by hand.
set -euo pipefail

seconds=$1
shift
for source; do
	name=$(basename "$source" .c)
	name=${name#fuzz_}
	build="build-fuzz"
	make --no-print-directory CC=clang BUILD=$build WERROR=-Werror \
	    SAN="-fsanitize=address,undefined,fuzzer-no-link \
	    -fno-sanitize-recover=all -U_FORTIFY_SOURCE" \
	    "$build/libfuzzer_$name"
	mkdir -p "$build/corpus/$name"
	dict=()
	[[ ! -f tests/fuzz/$name.dict ]] || dict=("-dict=tests/fuzz/$name.dict")
	printf 'fuzz  %s, %s s\n' "$name" "$seconds"
	"$build/libfuzzer_$name" -max_total_time="$seconds" -timeout=10 \
	    -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix="$build/corpus/$name-" "${dict[@]}" \
	    "$build/corpus/$name" "tests/fuzz/seeds/$name"
done
