#!/bin/bash
# floors.sh - that the plan of the house is the house, as a suite in TAP.
#
# A floor sees the contracts of its own and of lower floors, and a contract can
# be read alone; no circles between files or folders, by include or by call;
# one name, one thing in each program; nothing linked that nobody asks for.
set -u
cd "$(dirname "$0")/.." || exit 1

BUILD=${BUILD:-build}
CC=${CC:-gcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck source=tests/support/claim.sh
. tests/support/claim.sh
needs_git

ask() {
	make -s --no-print-directory BUILD="$BUILD" "$@"
}

# --- the compiler's word ------------------------------------------------------

# reach FLOOR HEADER - can a file of that floor include it?
reach() {
	local inc

	read -ra inc <<<"${inc_of[$1]}"
	printf '#include "%s"\n' "$2" |
	    "$CC" -std=c11 -D_GNU_SOURCE -fsyntax-only "${inc[@]}" -x c - 2>&1
}

read -ra floors < <(ask print-floors)
declare -A inc_of
for floor in "${floors[@]}"; do
	inc_of[$floor]=$(ask print-inc FLOOR="$floor")
done

# An include that climbs must end in "no such file", and in nothing else.
no_include_climbs() {
	local bad=0 floor header said

	for floor in "${floors[@]}"; do
		for header in include/*/*.h; do
			[[ " ${inc_of[$floor]} " != *" -I${header%/*} "* ]] ||
			    continue
			said=$(reach "$floor" "${header##*/}")
			[[ $said == *"No such file"* ]] && continue
			echo "$floor reaches up to $header"
			bad=1
		done
	done
	return $bad
}

# Floors are named from below; each sees its own and none that stands above it.
no_list_climbs() {
	local bad=0 floor seen="" dir

	for floor in "${floors[@]}"; do
		seen+=" $floor"
		for dir in ${inc_of[$floor]}; do
			[[ "$seen " == *" ${dir##*/} "* ]] && continue
			echo "$floor is compiled with $dir"
			bad=1
		done
	done
	return $bad
}

contracts_stand_alone() {
	local bad=0 floor header said

	for floor in "${floors[@]}"; do
		for header in include/"$floor"/*.h; do
			[[ -e $header ]] || continue
			said=$(reach "$floor" "${header##*/}") && continue
			printf '%s: %s\n' "$header" "$said"
			bad=1
		done
	done
	return $bad
}

# --- circles ------------------------------------------------------------------

# no_loop FILE - FILE has an arrow a line; an arrow to itself is none
no_loop() {
	local said

	said=$(awk '$1 != $2' "$1" | sort -u | tsort 2>&1 >/dev/null) || true
	[[ -z $said ]] || { echo "$said"; return 1; }
}

include_arrows() {
	git ls-files 'milter/*.[ch]' 'include/*.h' 2>/dev/null |
	    xargs grep -oE '^#include "[^"]+"' |
	    sed -E 's/:#include "([^"]+)"/ \1/' |
	    while read -r from to; do
		if [[ -e ${from%/*}/$to ]]; then
			to=${from%/*}/$to
		else
			to=$(ls include/*/"$to" 2>/dev/null)
		fi
		[[ -z $to ]] || echo "$from $to"
	    done
}

# The same of objects: who calls a function, or names a table, of whom.
call_arrows() {
	find "$BUILD/milter" -name '*.o' | while read -r o; do
		source=${o#"$BUILD"/}
		[[ -e ${source%o}c ]] || continue
		nm -g "$o" | awk -v o="${o#"$BUILD"/}" \
		    '{ print ($(NF - 1) == "U" ? "use" : "make"), o, $NF }'
	done | sort | awk '
		$1 == "make" { home[$3] = $2 }
		$1 == "use" && $3 in home && home[$3] != $2 {
			sub(/\.o$/, "", $2); to = home[$3]; sub(/\.o$/, "", to)
			print $2, to
		}'
}

# folders FILE - the arrows between the folders of files
folders() {
	sed -E 's,include/,milter/,g; s,/[^/ ]+( |$),\1,g' "$1"
}

include_arrows >"$work/includes"
call_arrows >"$work/calls"
folders "$work/includes" >"$work/include-folders"
folders "$work/calls" >"$work/call-folders"

# --- what is in a program -----------------------------------------------------

# objects PROGRAM - those of its own, and what it takes from the archive
objects() {
	ask print-objects PROGRAM="$1" | tr ' ' '\n'
}

# A program's own objects and the whole archive: no name twice, in either.
no_name_twice() {
	local twice

	# shellcheck disable=SC2046
	twice=$(nm -g --defined-only $(objects "$1") "$BUILD/libpostmeter.a" |
	    awk 'NF == 3 && $2 ~ /[TDBRC]/ && $3 !~ /^__(asan|odr|tsan)/ { print $3 }' |
	    sort | uniq -d)
	[[ -z $twice ]] || { echo "$twice"; return 1; }
}

# Every object that is named on the command line is asked for by another one.
nothing_idle() {
	local idle

	# shellcheck disable=SC2046
	idle=$(for o in $(objects "$1"); do
		nm -g "$o" | awk -v o="$o" \
		    '{ print ($(NF - 1) == "U" ? "use" : "make"), o, $NF }'
	done | awk '
		$1 == "use" { used[$3] = 1 }
		$1 == "make" { home[$3] = home[$3] " " $2; all[$2] = 1 }
		END {
			for (s in home) if (s in used || s == "main" || s == "accept") {
				k = split(home[s], h, " ")
				for (i = 1; i <= k; i++) asked[h[i]] = 1
			}
			for (o in all) if (!(o in asked)) print o
		}')
	[[ -z $idle ]] || { echo "$idle"; return 1; }
}

# --- the map ------------------------------------------------------------------

# Every file:function of milter/README.md is defined there.
map_is_true() {
	local bad=0 file name where

	while IFS=: read -r file name; do
		where=$(git ls-files "milter/*$file" | grep -E "(^|/)$file\$")
		[[ -n $where ]] && xargs grep -qE "^$name\\(" <<<"$where" &&
			continue
		echo "$file:$name is not there"
		bad=1
	done < <(grep -oE '[a-z_/]+\.c:[a-z_]+' milter/README.md)
	return $bad
}

claim "floors are listed from below and see nothing above" no_list_climbs
claim "an include that climbs does not compile" no_include_climbs
claim "each contract can be read alone" contracts_stand_alone
claim "arrows were found" test -s "$work/includes" -a -s "$work/calls"
claim "the map names what is there" map_is_true
claim "no circle between files, by include" no_loop "$work/includes"
claim "no circle between folders, by include" no_loop "$work/include-folders"
claim "no circle between files, by call" no_loop "$work/calls"
claim "no circle between folders, by call" no_loop "$work/call-folders"
for p in $(ask print-programs); do
	claim "$p: one name, one thing" no_name_twice "$p"
	claim "$p: nothing that nobody asks for" nothing_idle "$p"
done
echo "1..$n"
