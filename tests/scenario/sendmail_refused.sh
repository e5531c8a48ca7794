#!/bin/bash
# sendmail_refused.sh - a provider does not take the login of an account, for
# the length of a hundred messages: they wait, none is returned, and all leave
# once it does.  Sendmail goes on without a login that was refused, and returns
# what is then refused at MAIL; so the account has to be closed before.
#
# Root.  Exits 77 where no Debian with Sendmail can be had.

LID=${LID:-430}
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$HERE/lib/sendmail.sh"

with_sendmail "$@"
on_stage "$@"

PROVIDER=smtp.provider.test
DIR=$STAGE/$PROVIDER

meter_rules() {
	cat <<-END
		auth-peers = {"root"}
		smarthost "a" { host = "$PROVIDER" username = "al-at-p" secret = "a" }
		route "a" { smarthosts = {"a"} }
		rule "all" { route = "a" }
	END
}

# provider OFFERS LOGIN AT - as tests/load/refuserd.c has it
provider() {
	echo "$1" >"$DIR/offers"
	echo "$2" >"$DIR/login"
	echo "$3" >"$DIR/at"
}

took() {
	wc -l <"$DIR/took"
}

logins() {
	wc -l <"$DIR/logins"
}

took_is() {
	(($(took) == $1))
}

# waiting - messages in the queue
waiting() {
	sendmail_waiting | sed -nE 's/.*Total requests: ([0-9]+).*/\1/p'
}

waiting_is() {
	(($(waiting) == $1))
}

returned() {
	local n

	n=$(local_mail al)
	echo "${n:-0}"
}

# closed WORD - does status say so, and why?  It ends with 1 then.
closed() {
	{ ctl status || true; } | grep -F CLOSED | grep -F -- "$1"
}

# one SUBJECT - a message of al's
one() {
	smtp_quietly "MAIL FROM:<al@office.example>"
	smtp_quietly "RCPT TO:<x@customer.test>"
	smtp_quietly DATA
	printf '%s\r\n' "Subject: $1" '' x >&"$SMTP"
	smtp_quietly .
	[[ $CODE == 250 ]] || fail "$1: $SAID"
}

# several N SUBJECT
several() {
	local i

	smtp_connect
	for ((i = 1; i <= $1; i++)); do
		one "$2 $i"
	done
	smtp_hang_up
}

# well - the provider takes logins again; an operator says so to the account,
# and what waited leaves
well() {
	local before=$1

	provider "PLAIN LOGIN" yes MAIL
	ctl smarthost a open >/dev/null
	queue_run
	wait_until 150 "all have left" "$STAGE/postmeter.log" took_is "$before"
	is "nothing waits" 0 "$(waiting)"
}

title "postmeter, Sendmail and a login that is refused"

step "An office with Sendmail, and a provider with moods"
make_ca
meter_secrets a canary-A
sendmail_root
meter_rules | meter_configure
# shellcheck disable=SC2016
sed -i '/^FEATURE(`greet_pause/d; /^define(`confCONNECTION_RATE/d' \
    "$ROOT/etc/mail/sendmail.mc"
sendmail_configure al
mkdir -p "$DIR"
make_certificate "$DIR/cert" "$PROVIDER" good
: >"$DIR/took"
: >"$DIR/logins"
provider "PLAIN LOGIN" yes MAIL
"$BUILD/tests/load/refuserd" 127.0.0.2 587 "$DIR/cert.pem" "$DIR/cert.key" \
    "$DIR" &
start_postmeter
start_sendmail
wait_until 60 "the provider greets" "$STAGE/sendmail.log" port_open 127.0.0.2 587
several 60 first
wait_until 120 "they are there" "$STAGE/postmeter.log" took_is 60
ok "sixty messages in a row are there, each by its account"
: >"$DIR/took"
several 1 "one more"
wait_until 60 "it is there" "$STAGE/postmeter.log" took_is 1

step "It refuses the login, and RCPT: a hundred messages wait, one login is tried"
provider "PLAIN LOGIN" no RCPT
: >"$DIR/logins"
several 100 "a wrong password"
wait_until 120 "they wait" "$STAGE/sendmail.log" waiting_is 100
queue_run
queue_run
is "left" 1 "$(took)"
is "returned" 0 "$(returned)" "$STAGE/sendmail.log"
# Some were under way together with the first, and no other is.
n=$(logins)
several 1 "one more"
queue_run
is "logins since" "$n" "$(logins)"
wait_until 60 "status says why" "$STAGE/postmeter.log" \
    closed login
ok "status says why"
well 102
is "returned" 0 "$(returned)" "$STAGE/sendmail.log"

step "It refuses the login, and MAIL, and has mechanisms that nobody here speaks"
provider "LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH" no MAIL
several 40 "a wrong password"
wait_until 120 "they wait" "$STAGE/sendmail.log" waiting_is 40
queue_run
is "left" 102 "$(took)"
is "returned" 0 "$(returned)" "$STAGE/sendmail.log"
wait_until 60 "status says why" "$STAGE/postmeter.log" closed login
well 142

step "The same, as Microsoft and Yahoo offer them"
for offers in "LOGIN XOAUTH2" "PLAIN LOGIN XOAUTH2 OAUTHBEARER"; do
	before=$(took)
	provider "$offers" no MAIL
	several 20 "a wrong password"
	wait_until 120 "they wait" "$STAGE/sendmail.log" waiting_is 20
	queue_run
	is "left" "$before" "$(took)"
	is "returned" 0 "$(returned)" "$STAGE/sendmail.log"
	well $((before + 20))
done

step "It refuses the login, and MAIL: what was under way is returned, no other"
provider "PLAIN LOGIN" no MAIL
several 1 "the first"
wait_until 60 "it is returned" "$STAGE/sendmail.log" local_mail_is al 1
several 19 "a wrong password"
wait_until 120 "they wait" "$STAGE/sendmail.log" waiting_is 19
queue_run
is "left" 182 "$(took)"
is "returned" 1 "$(returned)" "$STAGE/sendmail.log"
well 201

step "It offers no login, and refuses MAIL"
provider "" yes MAIL
several 1 "the first"
wait_until 60 "it is returned" "$STAGE/sendmail.log" local_mail_is al 2
several 5 "no login"
wait_until 120 "they wait" "$STAGE/sendmail.log" waiting_is 5
queue_run
is "left" 201 "$(took)"
is "returned" 2 "$(returned)" "$STAGE/sendmail.log"
well 206
