# debian.sh - a Debian of its own in a directory: for what excludes what this
# machine has, or shall be seen on another release.
# shellcheck shell=bash

# debian_mirror - where this machine takes its Debian from, as apt knows it,
# and its release
debian_mirror() {
	local release

	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' \
	    'Created-By: Packages' |
	    awk -v r="$release" '$1 == r && $2 == "main" { print $1, $3; exit }'
}

# debian_make FOLDER RELEASE PACKAGES - minbase and these; "": this release.
# False, and why is told, if it cannot be had.
debian_make() {
	local directory=$1 release=$2 here mirror log

	command -v debootstrap >/dev/null || {
		note "debootstrap is not installed"
		return 1
	}
	read -r here mirror < <(debian_mirror) || {
		note "apt knows no mirror"
		return 1
	}
	log=$(mktemp)
	mkdir -p "$directory.part"
	# In namespaces of its own: what it mounts ends with it.
	if ! setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
	    debootstrap --variant=minbase ${3:+--include="$3"} \
	    "${release:-$here}" "$directory.part" "$mirror" >"$log" 2>&1; then
		note "debootstrap failed"
		tail -n 5 "$log" | sed 's/^/   | /'
		rm -rf --one-file-system "$directory.part" "$log"
		return 1
	fi >&2
	rm -f "$log"
	mv -T "$directory.part" "$directory"
}

# debian_enter FOLDER COMMAND... - in mounts and processes of its own, which
# end with the command.  The directory becomes a mount point, so that namespaces
# can be made inside; /run is empty, as after a start.
debian_enter() {
	local directory=$1

	shift
	cp /etc/resolv.conf "$directory/etc/resolv.conf"
	# shellcheck disable=SC2153 # lib.sh knows it
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
	    bash "$HERE/lib/enter.sh" "$directory" "$@"
}
