#!/bin/bash
# sendmail.sh - postmeter and the real Sendmail, end to end: who is counted,
# which account a message leaves by, and that it waits whenever it could leave
# by the wrong one, in clear, or uncounted.
#
# Root.  Exits 77 where no Debian with Sendmail can be had.

# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$HERE/lib/sendmail.sh"

with_sendmail "$@"
on_stage "$@"

PROVIDER=smtp.provider.test	# two accounts: al-at-p, bo-at-p
SECOND=smtp.second.test		# one account: cy-at-s
WRONG=smtp.wrong.test		# a certificate for another name
CLEAR=smtp.clear.test		# offers no STARTTLS

meter_rules() {
	cat <<-END
		auth-peers = {"root"}
		policy "few" {
		    messages = {"2/24h"}
		    text = "ask it@office.example"
		}
		policy "narrow" { recipients-per-message = 3 }
		smarthost "a" { host = "$PROVIDER" username = "al-at-p" secret = "a" }
		smarthost "b" { host = "$PROVIDER" username = "bo-at-p" secret = "b" }
		smarthost "c" { host = "$SECOND" username = "cy-at-s" secret = "c" }
		smarthost "w" { host = "$WRONG" username = "wu-at-w" secret = "w" }
		smarthost "p" { host = "$CLEAR" username = "pi-at-c" secret = "p" }
		route "a" { smarthosts = {"a"} }
		route "b" { smarthosts = {"b"} }
		route "c" { smarthosts = {"c"} }
		route "w" { smarthosts = {"w"} }
		route "p" { smarthosts = {"p"} }
		policy "one-a-day" { per = "everyone" messages = {"1/24h"} }
		policy "two" { per = "everyone" recipients = {"2/24h"} }
		smarthost "d" { host = "$PROVIDER" username = "al-at-p" secret = "a"
		    policies = {"one-a-day"} }
		route "thrifty" { smarthosts = {"d", "c"} }
		smarthost "e" { host = "$PROVIDER" username = "al-at-p" secret = "a"
		    policies = {"two"} }
		route "small" { smarthosts = {"e", "c"} }
		rule "su" { sender = {"su@office.example"} route = "small" }
		rule "th" { sender = {"th@office.example"} route = "thrifty" }
		rule "al" { sender = {"al@office.example"} route = "a" }
		rule "bo" { sender = {"bo@office.example"} route = "b" }
		rule "cy" { sender = {"cy@office.example"} route = "c" }
		rule "wu" { sender = {"wu@office.example"} route = "w" }
		rule "pi" { sender = {"pi@office.example"} route = "p" }
		rule "few" { sender = {"few@office.example"} policies = {"few"} route = "a" }
		rule "na" { sender = {"na@office.example"} policies = {"narrow"} route = "b" }
	END
}

# came WHO USER HOST - copies from WHO that came over the login of USER
came() {
	local file n=0

	for file in $(arrived_with "$3" "From: <$1@office.example>"); do
		grep -qF "(Authenticated sender: $2)" "$file" && n=$((n + 1))
	done
	echo "$n"
}

came_is() {
	(($(came "$1" "$2" "$3") >= $4))
}

# from WHO HOST - copies from WHO, by whatever login
from() {
	arrived_with "$2" "From: <$1@office.example>" | grep -c . || true
}

# second_messages HOST - connections that carried more than one message
second_messages() {
	grep -cE 'disconnect from .* mail=([2-9]|[0-9]{2,})' \
	    "$STAGE/$1/mail.log" || true
}

# logins HOST - how often somebody tried to log in
logins() {
	grep -cE 'disconnect from .* auth=' "$STAGE/$1/mail.log" || true
}

sent() {
	send "$@"
	is "accepted from $1" 250 "$CODE"
}

title "postmeter and Sendmail"

step "An office with Sendmail, and its providers"
one_more_host 127.0.0.4 "$WRONG"
one_more_host 127.0.0.5 "$CLEAR"
make_ca
meter_secrets a canary-A b canary-B c canary-C w canary-W p canary-P
sendmail_root
meter_rules | meter_configure
sendmail_configure al bob
start_postmeter
start_provider "$PROVIDER" 127.0.0.2 good yes al-at-p:canary-A bo-at-p:canary-B
start_provider "$SECOND" 127.0.0.3 good yes cy-at-s:canary-C
start_provider "$WRONG" 127.0.0.4 wrong-name yes wu-at-w:canary-W
start_provider "$CLEAR" 127.0.0.5 good no pi-at-c:canary-P
start_sendmail
ctl setup sendmail --check --sendmail-config "$ROOT/etc/mail" >"$STAGE/check.log" ||
    fail "setup sendmail --check" "$STAGE/check.log"
ok "setup sendmail --check is content"

step "Each sender leaves by the account of its route"
sent al@office.example one x@customer.test
sent bo@office.example two x@customer.test y@client.test
sent cy@office.example three x@customer.test
wait_for_arrival "$PROVIDER" 3
wait_for_arrival "$SECOND" 1
is "al by al-at-p" 1 "$(came al al-at-p "$PROVIDER")"
is "bo by bo-at-p" 2 "$(came bo bo-at-p "$PROVIDER")"
is "cy by cy-at-s" 1 "$(came cy cy-at-s "$SECOND")"

step "Local recipients stay in the office"
sent al@office.example four bob@office.example x@customer.test
wait_for_arrival "$PROVIDER" 4
wait_until 60 "bob has mail" "$STAGE/sendmail.log" local_mail_is bob 1
is "al by al-at-p" 2 "$(came al al-at-p "$PROVIDER")"

step "One person: who hands mail to sendmail(1) has the rule of his address"
printf 'Subject: five\n\nx\n' >"$ROOT/tmp/five"
in_office su al -s /bin/sh -c "sendmail -i x@customer.test </tmp/five" \
    >"$STAGE/setup.log" 2>&1 || fail "sendmail(1)" "$STAGE/setup.log"
wait_for_arrival "$PROVIDER" 5
matches "it was counted as al's" \
    'sender=<al@office\.example> .*rule=al .*smarthost=a' \
    "$(grep client= "$STAGE/postmeter.log" | tail -n 1)"
is "under the name that its machine gave it" 1 \
    "$(arrived_with "$PROVIDER" "Return-Path: <al@mail.office.example>" |
	grep -c .)" "$STAGE/postmeter.log"

step "A queue run keeps the routes, and no login serves two messages"
stop_provider "$PROVIDER"
for i in 1 2 3; do
	sent al@office.example "queued $i" x@customer.test
	sent bo@office.example "queued $i" x@customer.test
done
wait_until 60 "six wait" "$STAGE/sendmail.log" \
    sendmail_waits_for "Total requests: 6"
again_provider "$PROVIDER" 127.0.0.2
queue_run
wait_for_arrival "$PROVIDER" 11
is "al by al-at-p" 5 "$(came al al-at-p "$PROVIDER")"
is "bo by bo-at-p" 5 "$(came bo bo-at-p "$PROVIDER")"
is "al by nobody else" 5 "$(from al "$PROVIDER")"
is "bo by nobody else" 5 "$(from bo "$PROVIDER")"
is "connections that carried a second message" 0 \
    "$(second_messages "$PROVIDER")"

step "A full limit is told at RCPT, too many recipients too"
sent few@office.example five x@customer.test
sent few@office.example six x@customer.test
send few@office.example seven x@customer.test
matches "over the limit" \
    '^450 4\.7\.1 .*Sending limit reached: 2 messages in 24h for few@office.example.*ask it@office.example' \
    "$SAID"
send na@office.example eight {1,2,3,4,5}@customer.test
is "three are taken" 250 "$CODE"
matches "two are left for the next message" \
    '^452 4\.5\.3 .*at most 3 in one message.*452 4\.5\.3 ' "$REFUSED"
wait_for_arrival "$PROVIDER" 16
is "na by bo-at-p" 3 "$(came na bo-at-p "$PROVIDER")"

step "A budget is used up: the next account takes over, at once"
for way in "d al-at-p $PROVIDER" "c cy-at-s $SECOND" "c cy-at-s $SECOND"; do
	read -r smarthost login host <<<"$way"
	matches "explain names $smarthost" "\"smarthost\": *\"$smarthost\"" \
	    "$(ctl --json explain --sender th@office.example --rcpt x@customer.test)"
	before=$(came th "$login" "$host")
	sent th@office.example "by $smarthost" bob@office.example x@customer.test
	wait_until 100 "it is at $host" "$STAGE/sendmail.log" \
	    came_is th "$login" "$host" $((before + 1))
	ok "it left as $login"
done

step "Three do not fit where one would have: the next account, and no wait"
before=$(from su "$SECOND")
sent su@office.example "all three" {1,2,3}@customer.test
wait_until 60 "it is at $SECOND" "$STAGE/sendmail.log" \
    came_is su cy-at-s "$SECOND" $((before + 3))
is "nothing waits" "" "$(sendmail_waits_for su@office.example || true)"
sent su@office.example "two" {1,2}@customer.test
wait_until 60 "two have room there" "$STAGE/sendmail.log" \
    came_is su al-at-p "$PROVIDER" 2
is "nothing waits" "" "$(sendmail_waits_for su@office.example || true)"

step "A certificate for another name: the mail waits, no login is shown"
sent wu@office.example nine x@customer.test
wait_until 150 "it waits" "$STAGE/sendmail.log" \
    sendmail_waits_for "does not match"
is "logins tried" 0 "$(logins "$WRONG")"

step "No STARTTLS: the mail waits, no login is shown"
sent pi@office.example ten x@customer.test
wait_until 150 "it waits" "$STAGE/sendmail.log" \
    sendmail_waits_for "does not support STARTTLS"
is "logins tried" 0 "$(logins "$CLEAR")"

step "postmeter is away: nothing is taken, nothing leaves"
stop_provider "$SECOND"
sent cy@office.example eleven x@customer.test
wait_until 150 "it waits" "$STAGE/sendmail.log" \
    sendmail_waits_for "cy@office.example"
end_postmeter TERM
again_provider "$SECOND" 127.0.0.3
queue_run
smtp_connect
smtp "MAIL FROM:<al@office.example>"
is "nothing is taken" 451 "$CODE"
smtp_hang_up
is "not sent" 1 "$(from cy "$SECOND")"
start_postmeter
queue_run
wait_until 150 "cy's second has come" "$STAGE/sendmail.log" \
    came_is cy cy-at-s "$SECOND" 2
is "cy by cy-at-s" 2 "$(came cy cy-at-s "$SECOND")"

step "What was proved"
is "secrets in what the office wrote" "" \
    "$(grep -rlF canary- "$STAGE/postmeter.log" "$STAGE/setup.log" \
	"$ROOT/var/spool/mqueue" "$ROOT/etc/mail" "$ROOT/var/log" || true)"
ctl setup sendmail --undo --sendmail-config "$ROOT/etc/mail" >/dev/null
cmp -s "$ROOT/etc/mail/sendmail.mc" "$STAGE/sendmail.mc" ||
    fail "--undo left sendmail.mc changed"
ok "--undo leaves sendmail.mc as it was"
