#!/bin/bash
# packages.sh [bench|faults] - the Debian packages that build, demo and
# scenarios need, and those of the benchmark or of the faults.
#
# Only what is missing is installed, and nothing that is there is upgraded,
# removed or configured anew.  A mail server that gets installed here is not
# started and stays without configuration: the scenarios start their own.
set -euo pipefail

declare -A NEEDS=(
	[build]="gcc make libc6-dev pkgconf libmilter-dev libconfuse-dev
	    libjansson-dev libsqlite3-dev libssl-dev libidn2-dev
	    libunistring-dev libcurl4-openssl-dev libsystemd-dev
	    libcmocka-dev libhiredis-dev libsasl2-dev"
	[stage]="postfix dovecot-core libsasl2-modules openssl iproute2 procps
	    tzdata ca-certificates debootstrap redis-server redis-sentinel"
	[bench]="jq bsdextrautils gnuplot-nox policyd-rate-limit postfwd"
	[faults]="strace faketime gdb"
)
SERVICES=(postfix.service dovecot.service dovecot.socket
	redis-server.service redis-sentinel.service
	policyd-rate-limit.service postfwd.service)

is_installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == \
	    installed ]]
}

# missing SET... - what they need and is not installed, one a line
missing() {
	local set package

	for set; do
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

# hold_services - those that are about to be installed must not be started.
# systemd is told by a mask that a restart of the machine forgets; without
# systemd, run level 1 says the same to the init scripts.
hold_services() {
	local service

	export RUNLEVEL=1
	[[ -d /run/systemd/system ]] || return 0
	for service in "${SERVICES[@]}"; do
		[[ -e /lib/systemd/system/$service ]] && continue
		systemctl --quiet --runtime mask "$service"
		HELD+=("$service")
	done
}

release_services() {
	((${#HELD[@]} == 0)) || systemctl --quiet --runtime unmask "${HELD[@]}"
}

# preseed - to debconf's question what kind of mail server: none
preseed() {
	is_installed debconf || return 0
	debconf-set-selections <<-END
		postfix postfix/main_mailer_type select No configuration
	END
}

main() {
	local want removed

	mapfile -t want < <(missing build stage "$@")
	((${#want[@]} > 0)) || return 0
	if ((EUID != 0)); then
		echo "missing: ${want[*]}: run \`sudo $0 $*\`" >&2
		return 1
	fi
	echo "installing: ${want[*]}"
	echo "(mail servers among them are not started)"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update
	removed=$(would_remove "${want[@]}")
	if [[ -n $removed ]]; then
		echo "to install these, apt would remove: ${removed//$'\n'/ }" >&2
		echo "this is not done; use another machine or a container" >&2
		return 1
	fi
	[[ " ${want[*]} " != *" postfix "* ]] || preseed
	HELD=()
	trap release_services EXIT
	hold_services
	apt-get -qq -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold \
	    --no-install-recommends --no-upgrade install "${want[@]}" \
	    </dev/null >/dev/null
}

main "$@"
