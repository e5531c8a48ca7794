# sendmail.sh - the office's mail server is Sendmail: in a Debian of its own,
# for its package and Postfix's exclude each other.
#
# PM_SENDMAIL_CHROOT names a directory to keep that Debian in; without it one is
# made for the run and removed.  The stage sees a copy, so a kept one stays as
# it was made.
# shellcheck shell=bash

SENDMAIL_PACKAGES=sendmail-bin,sendmail-cf,sensible-mda,libsasl2-modules,m4

# skip WHY - not proved here, and nobody shall think it was; an automatic run
# has nobody who reads it, so there it is a failure
skip() {
	[[ -z ${CI:-} ]] || fail "$1"
	printf '%sSKIPPED%s  %s\n' "$RED" "$PLAIN" "$1" >&2
	exit 77
}

# sendmail_debian FOLDER - a Debian with Sendmail there, if it is not yet; who
# wants it at the same time waits
sendmail_debian() {
	local lock

	exec {lock}>"$1.lock"
	flock "$lock"
	[[ -f $1/etc/mail/sendmail.mc ]] ||
	    debian_make "$1" "" "$SENDMAIL_PACKAGES" ||
	    skip "Sendmail's half is not proved"
	exec {lock}>&-
}

# with_sendmail ARGS... - before on_stage: runs this script again with a
# Debian for it, and removes what it made
with_sendmail() {
	local made child status=0

	(($$ != 1)) || return 0
	stage_possible
	if [[ -n ${PM_SENDMAIL_CHROOT:-} ]]; then
		sendmail_debian "$PM_SENDMAIL_CHROOT"
		return 0
	fi
	made=$(mktemp -d /var/tmp/postmeter-sendmail.XXXXXX)
	# shellcheck disable=SC2064
	trap "rm -rf --one-file-system '$made'" EXIT
	PM_SENDMAIL_CHROOT=$made/debian bash "$0" "$@" &
	child=$!
	# shellcheck disable=SC2064
	trap "kill -TERM $child; wait $child || true; exit 130" INT TERM HUP
	wait "$child" || status=$?
	exit "$status"
}

# sendmail_root - a copy of that Debian on the stage, with the stage's names
# and the sockets of postmeter at the path they have outside
sendmail_root() {
	local sockets=$STAGE/office/queue/postmeter

	ROOT=$STAGE/root
	mkdir -p "$ROOT" "$STAGE/copy" "${sockets%/*}"
	mount -t tmpfs -o mode=755 copy "$STAGE/copy"
	mkdir "$STAGE/copy/upper" "$STAGE/copy/work"
	mount -t overlay -o "lowerdir=$PM_SENDMAIL_CHROOT,\
upperdir=$STAGE/copy/upper,workdir=$STAGE/copy/work" office "$ROOT" \
	    2>/dev/null || cp -a "$PM_SENDMAIL_CHROOT/." "$ROOT"
	install -d -o "$METER_USER" -m 750 "$sockets"
	mkdir -p "$ROOT$sockets"
	mount --bind "$sockets" "$ROOT$sockets"
	# The same path inside and outside: for what sendmail.mc includes.
	ln -s / "$ROOT$ROOT"
	mount -t proc proc "$ROOT/proc"
	{
		cat /etc/hosts
		echo "$OFFICE_ADDRESS office.example"
	} >"$ROOT/etc/hosts"
	cp /etc/resolv.conf "$ROOT/etc/"
	install -D -m 644 "$STAGE/ca.pem" \
	    "$ROOT/etc/ssl/certs/ca-certificates.crt"
}

in_office() {
	chroot "$ROOT" "$@"
}

# sendmail_configure USER... - the names it is known by, its local users
sendmail_configure() {
	local user

	cp "$ROOT/etc/mail/service.switch-nodns" "$ROOT/etc/mail/service.switch"
	echo office.example >"$ROOT/etc/mail/local-host-names"
	# The providers have addresses of this machine, not its names.
	sed -i '/^MAILER_DEFINITIONS/i define(`confDONT_PROBE_INTERFACES'\'', `True'\'')dnl' \
	    "$ROOT/etc/mail/sendmail.mc"
	cp "$ROOT/etc/mail/sendmail.mc" "$STAGE/sendmail.mc"
	for user; do
		in_office useradd -M "$user"
	done
	ctl setup sendmail --apply --sendmail-config "$ROOT/etc/mail" \
	    >"$STAGE/setup.log" 2>&1 ||
	    fail "postmeterctl setup sendmail --apply" "$STAGE/setup.log"
	in_office sh -c 'cd /etc/mail && m4 sendmail.mc >sendmail.cf' \
	    2>"$STAGE/setup.log" || fail "m4 sendmail.mc" "$STAGE/setup.log"
}

# start_sendmail OPTION... - the daemon; it delivers at once however busy the
# machine is
start_sendmail() {
	in_office sendmail -bd -OQueueLA=10000 -ORefuseLA=10000 "$@" >"$STAGE/sendmail.log" 2>&1 ||
	    fail "Sendmail does not start" "$STAGE/sendmail.log"
	wait_until 60 "Sendmail greets" "$STAGE/sendmail.log" \
	    port_open "$OFFICE_ADDRESS" "$OFFICE_PORT"
}

# queue_run - one process tries all that waits, as it does every so often; it
# ends when it is through, as it does not without -v
queue_run() {
	in_office sendmail -q -v >/dev/null 2>&1
}

# sendmail_waiting - what waits, and why
sendmail_waiting() {
	in_office sendmail -bp
}

sendmail_waits_for() {
	sendmail_waiting | tr -s ' \n\t' ' ' | grep -F -- "$1"
}

sendmail_queue_empty() {
	sendmail_waiting | grep -F 'is empty'
}

# local_mail USER - how many messages have come to a mailbox of the office
local_mail() {
	grep -c '^From ' "$ROOT/var/mail/$1" 2>/dev/null || true
}

local_mail_is() {
	(($(local_mail "$1") >= $2))
}
