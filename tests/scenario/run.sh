#!/bin/bash
# run.sh SCENARIO... - some at a time: each has a stage of its own, and most of
# its time it waits.  What one said is printed whole when it ends.
#
# JOBS says how many at a time; as many as there are processors if it does not.
# The Debian that scenarios of Sendmail stand on is made once for all of them.
set -uo pipefail

JOBS=${JOBS:-$(nproc)}
HERE=$(dirname "$0")
out=$(mktemp -d /var/tmp/postmeter-scenarios.XXXXXX)
export PM_SENDMAIL_CHROOT=${PM_SENDMAIL_CHROOT:-$out/debian}
declare -A running=() # process: scenario
failed=() skipped=() ended=0

end() {
	local status=$?

	trap - EXIT INT TERM HUP
	((${#running[@]} == 0)) || kill -TERM "${!running[@]}" 2>/dev/null
	wait
	rm -rf --one-file-system "$out"
	exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

# under_way - for who looks at a terminal
under_way() {
	[[ ! -t 1 ]] || printf '\r\e[K%s\r' "${running[*]:+under way: ${running[*]}}"
}

# await_one - the next that ends, and what it said
await_one() {
	local pid status=0 name

	under_way
	wait -n -p pid "${!running[@]}" || status=$?
	name=${running[$pid]}
	unset "running[$pid]"
	[[ ! -t 1 ]] || printf '\r\e[K'
	cat "$out/$name"
	ended=$((ended + 1))
	case $status in
	0) ;;
	77) skipped+=("$name") ;;
	*) failed+=("$name") ;;
	esac
}

for name; do
	((${#running[@]} < JOBS)) || await_one
	((${#failed[@]} == 0)) || break
	"$HERE/$name.sh" >"$out/$name" 2>&1 </dev/null &
	running[$!]=$name
done
while ((${#running[@]} > 0)); do
	await_one
done
printf '\n%d of %d scenarios, %d s%s%s\n' "$ended" $# "$SECONDS" \
    "${skipped[*]:+; not proved here: ${skipped[*]}}" \
    "${failed[*]:+; FAILED: ${failed[*]}}"
((${#failed[@]} == 0))
