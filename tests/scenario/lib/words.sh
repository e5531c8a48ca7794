# words.sh - what people read: calm lines, coloured only on a terminal, and
# when something fails the reason with the end of the log that knows more.
# shellcheck shell=bash

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
	BOLD='' DIM='' GREEN='' RED='' PLAIN=''
fi

STEPS=0

title() {
	printf '%s%s%s\n' "$BOLD" "$*" "$PLAIN"
}

step() {
	STEPS=$((STEPS + 1))
	printf '\n%s%d. %s%s\n' "$BOLD" "$STEPS" "$*" "$PLAIN"
}

note() {
	printf '   %s\n' "$*"
}

dim() {
	printf '   %s%s%s\n' "$DIM" "$*" "$PLAIN"
}

ok() {
	printf '   %sok%s    %s\n' "$GREEN" "$PLAIN" "$*"
}

# narrated - does somebody look who wants to be told what he sees?
narrated() {
	[[ -n ${NARRATOR:-} ]]
}

# tell WORDS..., aside WORDS... - the narrator's
tell() {
	! narrated || note "$*"
}

aside() {
	! narrated || dim "$*"
}

# unseen COMMAND... - what only the log of a test shows
unseen() {
	if narrated; then "$@" >/dev/null; else "$@"; fi
}

# fail WHAT [LOG] - the end: what went wrong, and the log that knows more
fail() {
	printf '   %sFAIL%s  %s\n' "$RED" "$PLAIN" "$1"
	if [[ -n ${2:-} && -s $2 ]]; then
		printf '\n   the end of %s:\n' "$2"
		tail -n 25 "$2" | sed 's/^/   | /'
	fi
	exit 1
} >&2

# indent - a program's own output, set off from ours
indent() {
	sed 's/^/   /'
}

# is WHAT EXPECTED ACTUAL [LOG] - one claim, proved or the end
is() {
	[[ $2 == "$3" ]] || fail "$1: expected \"$2\", got \"$3\"" "${4:-}"
	ok "$1"
}

# matches WHAT REGEX ACTUAL [LOG]
matches() {
	[[ $3 =~ $2 ]] || fail "$1: expected something like \"$2\", got \"$3\"" \
	    "${4:-}"
	ok "$1"
}

# wait_until SECONDS WHAT LOG COMMAND... - the deadline is for a machine that
# is stuck, never for one that is slow: no result depends on it.
wait_until() {
	local deadline=$((SECONDS + $1)) what=$2 log=$3

	shift 3
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || fail "waited in vain until $what" "$log"
		sleep 0.05
	done
}

# count_files DIR - also when it is not there yet
count_files() {
	if [[ -d $1 ]]; then find "$1" -type f | wc -l; else echo 0; fi
}

# unexpected LINE COMMAND - a command failed that no step had words for
unexpected() {
	fail "line $1: this command failed: $2"
}
set -E
trap 'unexpected "$LINENO" "$BASH_COMMAND"' ERR
