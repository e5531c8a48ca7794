#!/bin/bash
# packages.sh SET... - installs the Debian packages of these sets that are
# missing.
#
# Nothing that is there is upgraded, removed or configured anew.  A service
# that comes along is neither started now nor enabled for the next start of
# the machine: the scenarios start their own.
set -euo pipefail

declare -A NEEDS=(
	# What `make` needs.
	[build]="gcc make libc6-dev pkgconf libmilter-dev libconfuse-dev
	    libjansson-dev libsqlite3-dev libssl-dev libidn2-dev
	    libunistring-dev libcurl4-openssl-dev zlib1g-dev
	    libyaml-dev libsystemd-dev
	    libhiredis-dev libsasl2-dev libmicrohttpd-dev"
	# The laboratory: what demo, suites and scenarios need beside it.
	[lab]="libcmocka-dev binutils bsdutils procps iproute2 util-linux
	    openssl tzdata ca-certificates debootstrap
	    postfix dovecot-core libsasl2-modules redis-server redis-sentinel sqlite3"
	# The page in a browser and behind web servers.
	[page]="chromium chromium-driver nginx apache2-bin curl jq"
	[bench]="jq bsdextrautils gnuplot-nox policyd-rate-limit postfwd"
	[faults]="strace faketime gdb"
	[lint]="clang clang-format clang-tidy cppcheck mandoc shellcheck"
	[deb]="build-essential debhelper dpkg-dev fakeroot dh-apparmor lintian"
)
POLICY=/usr/sbin/policy-rc.d

is_installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == \
	    installed ]]
}

# missing SET... - what they need and is not installed, one a line
missing() {
	local set package

	for set; do
		[[ -n ${NEEDS[$set]:-} ]] || {
			echo "there is no set $set: ${!NEEDS[*]}" >&2
			return 1
		}
		for package in ${NEEDS[$set]}; do
			is_installed "$package" || echo "$package"
		done
	done
}

# would_remove PACKAGE... - what apt would take away to make room
would_remove() {
	apt-get --simulate --no-install-recommends install "$@" |
	    sed -n 's/^Remv \([^ ]*\).*/\1/p'
}

installed() {
	dpkg-query -W -f '${Package} ${db:Status-Status}\n' |
	    sed -n 's/ installed$//p' | sort
}

# --- services: not now, and not at the next start -----------------------------

# hold_services - whatever a package wants to start is refused (invoke-rc.d(8))
hold_services() {
	[[ ! -e $POLICY ]] || mv "$POLICY" "$POLICY.kept"
	printf '#!/bin/sh\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
}

release_services() {
	rm -f "$POLICY"
	[[ ! -e $POLICY.kept ]] || mv "$POLICY.kept" "$POLICY"
}

# disable_services PACKAGE... - those that they enabled for the next start.
# What is removed here stays away when the package is upgraded: it asks
# whether its links are still there.
disable_services() {
	local file name

	(($# > 0)) || return 0
	dpkg-query -L "$@" | sort -u | while read -r file; do
		name=${file##*/}
		case $file in
		*/systemd/system/*.service | */systemd/system/*.socket | \
		    */systemd/system/*.timer | */systemd/system/*.path)
			find /etc/systemd/system -type l \
			    -lname "*/systemd/system/$name" -delete
			;;
		/etc/init.d/?*)
			update-rc.d "$name" disable 2>/dev/null || true
			;;
		esac
	done
}

# --- installing ----------------------------------------------------------------

# preseed - to debconf's question what kind of mail server: none
preseed() {
	is_installed debconf || return 0
	debconf-set-selections <<-END
		postfix postfix/main_mailer_type select No configuration
	END
}

# progress - of what apt tells: a line that moves, or one for each fifth
progress() {
	local kind percent text shown='' fifth

	while IFS=: read -r kind _ percent text; do
		percent=${percent%%.*}
		[[ $percent =~ ^[0-9]+$ ]] || continue
		case $kind in
		dlstatus) text="fetching ${text#Retrieving }" ;;
		pmstatus) ;;
		*) continue ;;
		esac
		fifth=$kind$((percent / 20))
		if [[ -t 1 ]]; then
			printf '\r\e[K  %3d%%  %.60s' "$percent" "$text"
		elif [[ $fifth != "$shown" ]]; then
			printf '  %3d%%  %s\n' "$percent" "$text"
			shown=$fifth
		fi
	done
	[[ ! -t 1 ]] || printf '\r\e[K'
}

# get PACKAGE... - what apt has to say is shown if it fails
get() {
	local log status=0

	log=$(mktemp)
	apt-get -qq -o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 \
	    -o Dpkg::Options::=--force-confold --no-install-recommends \
	    --no-upgrade install "$@" </dev/null 3>&1 >"$log" 2>&1 |
	    progress || status=$?
	((status == 0)) || tail -n 20 "$log" >&2
	rm -f "$log"
	return "$status"
}

# install PACKAGE... - and leave the services of the machine as they are
install() {
	local before added

	before=$(installed)
	trap release_services EXIT
	trap 'exit 130' INT TERM HUP
	hold_services
	get "$@"
	mapfile -t added < <(comm -13 <(echo "$before") <(installed))
	disable_services "${added[@]}"
}

main() {
	local list want removed

	list=$(missing "$@")
	[[ -n $list ]] || return 0
	mapfile -t want <<<"$list"
	if ((EUID != 0)); then
		echo "missing: ${want[*]}: run \`sudo $0 $*\`" >&2
		return 1
	fi
	echo "installing: ${want[*]}"
	echo "(no service among them is started or enabled)"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update
	removed=$(would_remove "${want[@]}")
	if [[ -n $removed ]]; then
		echo "to install these, apt would remove: ${removed//$'\n'/ }" >&2
		echo "this is not done; use another machine or a container" >&2
		return 1
	fi
	[[ " ${want[*]} " != *" postfix "* ]] || preseed
	install "${want[@]}"
}

main "$@"
