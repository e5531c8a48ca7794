#!/bin/bash
# release.sh RELEASE [RUNS] - `make demo` and `make test`, as a new user types
# them: a fresh clone, in a Debian of that release that has git, make and sudo
# and nothing else.
#
# The directory of that Debian is made for the run and removed; PM_RELEASE_DEBIAN
# names one that is kept, and is as it was left.  BUSY=4: beside so many
# programs that want the processor, too.
set -euo pipefail

# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/scenario/lib.sh"

release=$1 runs=${2:-1} busy=()

finish() {
	((${#busy[@]} == 0)) || kill "${busy[@]}" 2>/dev/null || true
	[[ -z ${made:-} ]] || rm -rf --one-file-system "$made"
}

((EUID == 0)) || fail "this must run as root: it makes a Debian (use sudo)"
if [[ -z ${PM_RELEASE_DEBIAN:-} ]]; then
	made=$(mktemp -d /var/tmp/postmeter-release.XXXXXX)
	PM_RELEASE_DEBIAN=$made/debian
fi
trap finish EXIT
trap 'exit 130' INT TERM HUP
if [[ ! -d $PM_RELEASE_DEBIAN ]]; then
	note "a Debian $release in $PM_RELEASE_DEBIAN"
	debian_make "$PM_RELEASE_DEBIAN" "$release" git,make,sudo ||
	    fail "there is no Debian $release to try it in"
fi
for ((i = 0; i < ${BUSY:-0}; i++)); do
	timeout 7200 sh -c 'while :; do :; done' &
	busy+=("$!")
done

for ((run = 1; run <= runs; run++)); do
	rm -rf "$PM_RELEASE_DEBIAN/root/postmeter"
	git clone --quiet --no-hardlinks "$TREE" \
	    "$PM_RELEASE_DEBIAN/root/postmeter"
	for command in demo test; do
		title "$release, run $run of $runs: sudo make $command"
		debian_enter "$PM_RELEASE_DEBIAN" \
		    sh -c "cd /root/postmeter && sudo make $command" ||
		    fail "make $command fails on $release"
	done
	left=$(find "$PM_RELEASE_DEBIAN/tmp" "$PM_RELEASE_DEBIAN/var/tmp" \
	    -mindepth 1)
	is "nothing is left in its temporary directorys" "" "$left"
done
