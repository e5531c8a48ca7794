#!/bin/bash
# sendmail_secrets.sh - a real Sendmail never shows the key of a smarthost:
# not to those who talk to it, not to the users of its machine, not in notices,
# queue files or logs.
#
# All that anybody is shown is kept, and searched for each secret in clear and
# in base64 at every alignment.  Then `noverb` is taken out of sendmail.cf: the
# same search finds the secret, so it would have found it before, and --check
# and check --mta say so.
#
# Root.  Exits 77 where no Debian with Sendmail can be had.

LID=${LID:-420}
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$HERE/lib/sendmail.sh"

with_sendmail "$@"
on_stage "$@"

PLAIN_HOST=smtp.provider.test	# an account each: al-at-p, and wu-at-p whose
LOGIN_HOST=smtp.second.test	# password is wrong; lo-at-s, AUTH LOGIN alone
OUTSIDE=198.51.100.7		# where strangers come from
SEEN=$STAGE/seen
AL_SECRET=canary-A-5f3c LO_SECRET=canary-L-9b1e WU_SECRET=canary-W-77d0

meter_rules() {
	cat <<-END
		auth-peers = {"root"}
		smarthost "a" { host = "$PLAIN_HOST" username = "al-at-p" secret = "a" }
		smarthost "l" { host = "$LOGIN_HOST" username = "lo-at-s" secret = "l" }
		smarthost "w" { host = "$PLAIN_HOST" username = "wu-at-p" secret = "w" }
		route "a" { smarthosts = {"a"} }
		route "l" { smarthosts = {"l"} }
		route "w" { smarthosts = {"w"} }
		rule "lo" { sender = {"lo@office.example"} route = "l" }
		rule "wu" { sender = {"wu@office.example"} route = "w" }
		rule "all" { route = "a" }
	END
}

# --- what is searched for ----------------------------------------------------

# aligned TEXT - base64 that holds TEXT, whatever stands before and behind it:
# of each alignment the characters that depend on nothing else
aligned() {
	local shift code

	for shift in 0 1 2; do
		code=$(printf '%*s%s' "$shift" '' "$1" | base64 -w0)
		code=${code:0:$(((shift + ${#1}) * 8 / 6))}
		echo "${code:$(((shift * 8 + 5) / 6))}"
	done
}

# forms LOGIN SECRET - as it would look: alone, and in both mechanisms
forms() {
	echo "$2"
	aligned "$2"
	printf '%s' "$1" | base64
	printf '%s' "$2" | base64
	printf '\0%s\0%s' "$1" "$2" | base64
	printf '%s\0%s\0%s' "$1" "$1" "$2" | base64
}

# found PATH... - the files there that hold a secret in any form
found() {
	grep -rlaF -f "$STAGE/forms" "$@" 2>/dev/null | sort || true
}

# found_anywhere - in what anybody was shown, or what the office wrote.  The
# home of a key is no such file.
found_anywhere() {
	found "$SEEN" "$STAGE/postmeter.log" "$STAGE/setup.log" \
	    "$STAGE/sendmail.log" "$ROOT/var" "$ROOT/etc" "$ROOT/home" \
	    "$ROOT/tmp"
}

# --- clients -----------------------------------------------------------------

# listen - until the end of an answer; what Sendmail tells on the way has 0
listen() {
	local line

	while IFS= read -r -t 60 -u "$WIRE" line; do
		printf '%s\n' "${line%$'\r'}" >>"$1"
		[[ $line =~ ^[1-5][0-9]{2}\  ]] && return
	done
	return 1
}

# talk NAME ADDRESS COMMAND... - says it all, and keeps what comes back
talk() {
	local file=$SEEN/$1 address=$2 command

	shift 2
	: >"$file"
	exec {WIRE}<>"/dev/tcp/$address/25"
	listen "$file" || fail "no greeting" "$file"
	for command; do
		printf '%s\r\n' "$command" >&"$WIRE"
		listen "$file" || fail "no answer to $command" "$file"
	done
	printf 'QUIT\r\n' >&"$WIRE"
	cat <&"$WIRE" >>"$file"
	exec {WIRE}>&-
}

# text FROM - what follows DATA, as one command
text() {
	printf 'From: <%s>\r\nSubject: x\r\n\r\nx\r\n.' "$1"
}

# mail_after NAME ADDRESS FROM TO COMMAND... - COMMANDs and a message, then
# another with VERB in its middle
mail_after() {
	local name=$1 address=$2 from="<$3> RET=FULL" text to

	text=$(text "$3")
	to="<$4> NOTIFY=SUCCESS,FAILURE,DELAY"
	shift 4
	[[ $1 != HELO* ]] || from=${from%% *} to=${to%% *}
	talk "$name" "$address" "$@" "MAIL FROM:$from" "RCPT TO:$to" DATA \
	    "$text" "MAIL FROM:$from" VERB "RCPT TO:$to" VERB DATA "$text"
}

# as_user NAME COMMAND... - an ordinary user's command, with a message to read
as_user() {
	local file=$SEEN/$1 status=0

	shift
	printf 'From: <al@office.example>\nSubject: x\n\nx\n' |
	    timeout 60 chroot --userspec=bob:bob "$ROOT" "$@" \
	    >"$file" 2>&1 || status=$?
	echo "exit $status" >>"$file"
	((status != 124)) || fail "it hangs: $*" "$file"
}

# as_user_says NAME MODE... - SMTP with a sendmail of the user's own
as_user_says() {
	local file=$SEEN/$1 line

	shift
	for line in 'EHLO desk' VERB 'MAIL FROM:<al@office.example>' \
	    'RCPT TO:<x@customer.test>' DATA "$(text al@office.example)" QUIT; do
		printf '%s\r\n' "$line"
	done | timeout 60 chroot --userspec=bob:bob "$ROOT" sendmail "$@" \
	    >"$file" 2>&1 || true
}

strangers_and_clients() {
	local from host=$OFFICE_ADDRESS verb

	for from in al lo wu; do
		mail_after "$1-ehlo-$from" "$host" "$from@office.example" \
		    x@customer.test "EHLO desk" VERB
	done
	mail_after "$1-helo" "$host" al@office.example x@customer.test \
	    "HELO desk" VERB
	mail_after "$1-early" "$host" al@office.example x@customer.test \
	    VERB "EHLO desk" VERB "EHLO desk" RSET VERB
	for verb in verb "VERB ON" "VERB 9"; do
		mail_after "$1-${verb/ /-}" "$host" al@office.example \
		    x@customer.test "EHLO desk" "$verb"
	done
	mail_after "$1-others" "$host" al@office.example x@customer.test \
	    "EHLO desk" DEBUG SHOWQ "HELP VERB" "EXPN away" "VRFY away" VERB
	mail_after "$1-alias" "$OUTSIDE" who@stranger.test \
	    away@office.example "EHLO stranger.test" VERB
	mail_after "$1-virtual" "$OUTSIDE" who@stranger.test \
	    sold@virtual.example "EHLO stranger.test" VERB
}

users() {
	local to=x@customer.test

	as_user "$1-v" sendmail -v $to
	as_user "$1-v-Am" sendmail -v -Am $to
	as_user "$1-v-from" sendmail -v -fal@office.example $to
	as_user "$1-v-alias" sendmail -v away
	as_user "$1-v-virtual" sendmail -v sold@virtual.example
	as_user "$1-v-public" sendmail -v -OPrivacyOptions=public $to
	as_user "$1-verbose" sendmail -OVerbose=True $to
	as_user "$1-verbose-Am" sendmail -Am -OVerbose=True $to
	as_user "$1-d" sendmail -d0-99.127 -v $to
	as_user "$1-d-Am" sendmail -d0-99.127 -v -Am $to
	as_user "$1-d18" sendmail -d18.99 $to
	as_user "$1-d95-Am" sendmail -d18.99,95.99 -Am $to
	as_user "$1-X" sendmail -X /home/bob/traffic -v $to
	as_user "$1-X-Am" sendmail -X /home/bob/traffic -v -Am $to
	as_user "$1-C" sendmail -C /home/bob/own.cf -v $to
	as_user "$1-interactive" sendmail -odi -v -Am $to
	as_user "$1-bv" sendmail -bv -v $to
	as_user "$1-bt" sh -c 'echo "3,0 x@customer.test" | sendmail -bt'
	as_user "$1-map" sh -c \
	    'echo "/map sendmail x<al@office.example><smtp.provider.test>" |
	    sendmail -bt'
	as_user "$1-q" sendmail -q -v
	as_user "$1-q-Am" sendmail -q -v -Am
	as_user "$1-q-Ac" sendmail -q -v -Ac
	as_user "$1-q-d" sendmail -q -d18.99 -v
	as_user "$1-q-sender" sendmail -qSal -v
	as_user "$1-bp" sendmail -bp -v
	as_user_says "$1-bs" -bs
	as_user_says "$1-bs-Am" -bs -Am
	as_user_says "$1-bs-v" -bs -v -Am
	as_user_says "$1-bs-d" -bs -d18.99 -Am
	as_user_says "$1-bs-C" -bs -C /home/bob/own.cf
}

# --- the stage ---------------------------------------------------------------

# sendmail_logs - all that the office says to syslog, at any level
sendmail_logs() {
	# shellcheck disable=SC2016
	in_office perl -MSocket -e '
	    socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die;
	    bind($s, sockaddr_un("/dev/log")) or die;
	    chmod 0666, "/dev/log";
	    open(my $f, ">>", "/var/log/all") or die;
	    while (1) { recv($s, my $m, 65536, 0); syswrite($f, "$m\n"); }' &
	wait_until 60 "somebody listens to syslog" "$STAGE/setup.log" \
	    test -S "$ROOT/dev/log"
}

# sendmail_again - with what sendmail.cf says now
sendmail_again() {
	kill "$(head -n 1 "$ROOT/run/sendmail/mta/sendmail.pid")"
	wait_until 60 "Sendmail is gone" "$STAGE/sendmail.log" \
	    sendmail_is_gone
	start_sendmail -OLogLevel=100
}

sendmail_is_gone() {
	! port_open "$OFFICE_ADDRESS" "$OFFICE_PORT"
}

make_office() {
	echo "$OUTSIDE stranger.test" >>/etc/hosts
	ip address add "$OUTSIDE/32" dev lo
	sendmail_root
	meter_rules | meter_configure
	sed -i "/^MAILER_DEFINITIONS/i \\
DAEMON_OPTIONS(\`Family=inet, Name=MTA-out, Port=smtp, Addr=$OUTSIDE')dnl \\
FEATURE(\`virtusertable', \`text:-k0 -v1 /etc/mail/virtusers')dnl \\
VIRTUSER_DOMAIN(\`virtual.example')dnl" "$ROOT/etc/mail/sendmail.mc"
	echo "sold@virtual.example x@customer.test" >"$ROOT/etc/mail/virtusers"
	echo "away: x@customer.test" >>"$ROOT/etc/aliases"
	sendmail_configure al lo wu bob
	in_office newaliases >"$STAGE/setup.log" 2>&1
	install -d "$ROOT/home/bob" "$ROOT/run/sendmail/mta"
	in_office chown bob /home/bob
}

# provider_refuses NAME ADDRESS - for good
provider_refuses() {
	postconf -c "$STAGE/$1" -e "smtpd_recipient_restrictions = \
check_recipient_access inline:{{$2 = REJECT}}"
	postfix_anew "$STAGE/$1"
}

provider_says_login_only() {
	sed -i 's/^auth_mechanisms = .*/auth_mechanisms = login/' \
	    "$STAGE/$1/dovecot.conf"
	doveadm -c "$STAGE/$1/dovecot.conf" reload
}

# local_notices - what al was told of his mail by Sendmail itself
local_notices() {
	grep -c '^Content-Type: message/delivery-status' \
	    "$ROOT/var/mail/al" 2>/dev/null || true
}

notices_are() {
	(($(local_notices) >= $1))
}

# given_up USER - a queue run that has lost its patience: was USER told?
given_up() {
	in_office sendmail -q -OTimeout.queuereturn=1s >>"$STAGE/queue.log" 2>&1
	local_mail_is "$1" 1
}

# nobody_is_shown WHAT
nobody_is_shown() {
	is "no secret in $1 ($(count_files "$SEEN") dialogues so far)" "" \
	    "$(found_anywhere)"
}

# --- the play ----------------------------------------------------------------

title "no credential leaks from Sendmail"

step "An office with Sendmail, its providers, and somebody who keeps all logs"
make_ca
meter_secrets a "$AL_SECRET" l "$LO_SECRET" w "$WU_SECRET"
{
	forms al-at-p "$AL_SECRET"
	forms lo-at-s "$LO_SECRET"
	forms wu-at-p "$WU_SECRET"
} >"$STAGE/forms"
mkdir "$SEEN"
make_office
start_postmeter
start_provider "$PLAIN_HOST" 127.0.0.2 good yes "al-at-p:$AL_SECRET" wu-at-p:other
start_provider "$LOGIN_HOST" 127.0.0.3 good yes "lo-at-s:$LO_SECRET"
provider_says_login_only "$LOGIN_HOST"
provider_refuses "$PLAIN_HOST" nobody@customer.test
sendmail_logs
start_sendmail -OLogLevel=100
for way in "setup sendmail --check" "check --mta"; do
	# shellcheck disable=SC2086
	ctl $way --sendmail-config "$ROOT/etc/mail" >"$STAGE/check.log" ||
	    fail "$way" "$STAGE/check.log"
	ok "$way is content"
done

step "Whoever talks to it, with VERB in every form"
strangers_and_clients first
wait_for_arrival "$PLAIN_HOST" 14
wait_for_arrival "$LOGIN_HOST" 2
wait_until 60 "one account goes by AUTH LOGIN" "$STAGE/sendmail.log" \
    grep -F sasl_method=LOGIN "$STAGE/$LOGIN_HOST/mail.log"
wait_until 60 "another password is wrong" "$STAGE/sendmail.log" \
    grep 'SASL .* authentication failed' "$STAGE/$PLAIN_HOST/mail.log"
nobody_is_shown "any answer"

step "The users of its machine"
before=$(arrived "$PLAIN_HOST")
users second
wait_for_arrival "$PLAIN_HOST" $((before + 8))
nobody_is_shown "any output"

step "The same where sendmail is set-user-ID root, as it once was"
in_office chmod 4755 /usr/libexec/sendmail/sendmail
users third
in_office chmod 2755 /usr/libexec/sendmail/sendmail
is "no secret in any output" "" "$(found "$SEEN" "$ROOT/home" "$ROOT/var/mail")"
is "nor in the log: what never came by the meter has no key" "" \
    "$(grep -F 'getauth password=' "$ROOT/var/log/all" || true)"

step "Notices, with all headers: delivered, refused, given up"
mail_after refused "$OFFICE_ADDRESS" al@office.example nobody@customer.test \
    "EHLO desk" VERB
mail_after delivered "$OFFICE_ADDRESS" al@office.example bob@office.example \
    "EHLO desk" VERB
mail_after unsent "$OFFICE_ADDRESS" wu@office.example x@customer.test \
    "EHLO desk" VERB
is "the one with the wrong password waits" yes \
    "$(! sendmail_waits_for wu@office.example >/dev/null || echo yes)"
wait_until 60 "al has notices" "$STAGE/sendmail.log" notices_are 4
wait_until 60 "wu has a notice" "$STAGE/sendmail.log" given_up wu
nobody_is_shown "notices, queue files and logs"

step "noverb is taken out of sendmail.cf"
sed -i '/^O PrivacyOptions=/s/,noverb//' "$ROOT/etc/mail/sendmail.cf"
for way in "setup sendmail --check" "check --mta"; do
	status=0
	# shellcheck disable=SC2086
	ctl $way --sendmail-config "$ROOT/etc/mail" >"$STAGE/check.log" 2>&1 ||
	    status=$?
	is "$way fails" 1 "$status" "$STAGE/check.log"
	matches "it says why" 'without noverb' "$(cat "$STAGE/check.log")"
done
sendmail_again
mail_after mutant-al "$OFFICE_ADDRESS" al@office.example x@customer.test \
    "EHLO desk" VERB
mail_after mutant-lo "$OFFICE_ADDRESS" lo@office.example x@customer.test \
    "EHLO desk" VERB
as_user mutant-user sendmail -v x@customer.test
for name in al lo user; do
	matches "now the search finds it in what $name was shown" \
	    "seen/mutant-$name" "$(found "$SEEN")" "$SEEN/mutant-$name"
done
