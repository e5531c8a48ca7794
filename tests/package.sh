#!/bin/bash
# package.sh RELEASE - the life of the Debian package: built twice to the same
# bytes, installed, wired into a Postfix that serves, upgraded while mail is
# handed in, removed and purged, in a Debian of that release.
#
# PM_PACKAGE_DEBIAN names a directory for that Debian that is kept.
set -euo pipefail

# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/scenario/lib.sh"

release=$1

# --- inside -------------------------------------------------------------------

PLACES=(/etc /lib /usr /var/lib /var/spool /run)

# whole - every file that could be ours
whole() {
	{ find "${PLACES[@]}" -xdev \( -ipath '*postmeter*' -o -lname '*postmeter*' \) \
	    ! -path '/var/lib/dpkg/*' ! -path '/root/*' \
	    ! -path '/var/spool/postfix/[a-o]*/*' ! -path '/var/log/*' 2>/dev/null || true; } |
	    sort
}

build() {
	make --silent deb BUILD=build >/tmp/deb.log 2>&1 ||
	    fail "make deb" /tmp/deb.log
}

mail() {
	printf 'Subject: %s\n\n' "$1" | sendmail -f root@office.example root
}

queue_is_empty() {
	mailq | grep -q 'is empty'
}

meter_answers() {
	postmeterctl status
}

# life - with a network of our own: what is installed here starts at once
life() {
	local deb=$1

	ip link set lo up
	# A machine that is up: what is installed is started.
	printf '#!/bin/sh\nexit 0\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	# A kept Debian may have it from a run that broke off.
	dpkg -P postmeter >/dev/null 2>&1 || true
	rm -f /var/mail/nobody
	whole >/tmp/before
	step "installed: it counts, and refuses nothing"
	dpkg -i "$deb" >/tmp/dpkg.log 2>&1 || fail "dpkg -i" /tmp/dpkg.log
	matches "its configuration is good" "observe: nothing is refused" \
	    "$(postmeterctl check 2>&1)"
	is "nobody has touched it" "" "$(dpkg --verify postmeter)"
	wait_until 30 "the daemon serves" /var/log/postmeter.log meter_answers
	is "it is a user of its own, in Postfix's group" "postmeter postfix" \
	    "$(id -nG postmeter)"
	is "the keys are for it alone" "640 root:postmeter" \
	    "$(stat -c '%a %U:%G' /etc/postmeter/secrets.conf)"

	step "wired"
	cp /etc/postfix/main.cf /etc/postfix/master.cf /tmp
	postmeterctl setup postfix --apply >/tmp/setup.log 2>&1 ||
	    fail "setup postfix --apply" /tmp/setup.log
	postfix start >/tmp/postfix.log 2>&1 || fail "postfix start" /tmp/postfix.log
	mail one
	wait_until 60 "it is delivered" /var/log/mail.log queue_is_empty
	matches "and counted" 'used.*1' "$(postmeterctl --json show root@office.example)"

	step "upgraded: what is handed in meanwhile waits, and none is lost"
	(for i in {1..20}; do mail "more $i"; done) &
	dpkg -i "$deb" >/tmp/dpkg.log 2>&1 || fail "dpkg -i again" /tmp/dpkg.log
	wait "$!"
	wait_until 30 "the daemon serves again" /tmp/dpkg.log meter_answers
	# shellcheck disable=SC2317
	delivered() {
		postqueue -f
		queue_is_empty && (($(grep -c '^Subject: ' /var/mail/nobody) == 21))
	}
	wait_until 120 "all twenty-one are delivered" /tmp/dpkg.log delivered
	ok "all twenty-one are delivered"

	step "removed: the wiring goes first"
	dpkg -r postmeter >/tmp/dpkg.log 2>&1 || fail "dpkg -r" /tmp/dpkg.log
	is "main.cf is as it was" "" "$(diff /tmp/main.cf /etc/postfix/main.cf)"
	is "master.cf is as it was" "" \
	    "$(diff /tmp/master.cf /etc/postfix/master.cf)"
	mail last
	wait_until 60 "mail flows without it" /tmp/dpkg.log queue_is_empty

	step "purged: nothing is left"
	dpkg -P postmeter >/tmp/dpkg.log 2>&1 || fail "dpkg -P" /tmp/dpkg.log
	is "no file" "" "$(whole | diff /tmp/before - || true)"
	postfix stop >/dev/null 2>&1
}

inside() {
	local before

	export DEBIAN_FRONTEND=noninteractive
	tests/scenario/packages.sh build lab deb
	dpkg-query -W adduser ca-certificates >/dev/null 2>&1 ||
	    apt-get -qq install adduser ca-certificates >/dev/null
	step "built twice"
	build
	before=$(sha256sum <build/deb/postmeter_*.deb)
	build
	is "to the same bytes" "$before" "$(sha256sum <build/deb/postmeter_*.deb)"
	ok "lintian has nothing to say"
	cat >/etc/postfix/main.cf <<-END
		compatibility_level = 3.6
		myhostname = mail.office.example
		mydestination = localhost, mail.office.example, office.example
		alias_maps = inline:{ { root = nobody } }
		inet_interfaces = loopback-only
		inet_protocols = ipv4
		maillog_file = /var/log/mail.log
	END
	[[ -s /etc/postfix/master.cf ]] ||
	    cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
	unshare --net bash tests/package.sh --life build/deb/postmeter_*.deb
}

case $release in
--inside) inside; exit ;;
--life) life "$2"; exit ;;
esac

# --- outside ------------------------------------------------------------------

finish() {
	[[ -z ${made:-} ]] || rm -rf --one-file-system "$made"
}

stage_possible
if [[ -z ${PM_PACKAGE_DEBIAN:-} ]]; then
	made=$(mktemp -d /var/tmp/postmeter-package.XXXXXX)
	PM_PACKAGE_DEBIAN=$made/debian
fi
trap finish EXIT
trap 'exit 130' INT TERM HUP
title "the Debian package on $release"
if [[ ! -d $PM_PACKAGE_DEBIAN ]]; then
	debian_make "$PM_PACKAGE_DEBIAN" "$release" make ||
	    fail "there is no Debian $release to try it in"
fi
rm -rf "$PM_PACKAGE_DEBIAN/root/postmeter"
mkdir -p "$PM_PACKAGE_DEBIAN/root/postmeter"
for part in Makefile README.md LICENSE conf contrib include milter tests; do
	cp -R "$TREE/$part" "$PM_PACKAGE_DEBIAN/root/postmeter"
done
debian_enter "$PM_PACKAGE_DEBIAN" \
    sh -c 'cd /root/postmeter && bash tests/package.sh --inside'
