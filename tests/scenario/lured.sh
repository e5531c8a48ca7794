#!/bin/bash
# lured.sh - other ways to get at a key: a swapped relay host, a changed name,
# a fallback relay, a guessed map, a foreign user.  None gets a byte of it.
#
# Certificates and STARTTLS are in no_credential_leaks.sh.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "a key cannot be lured away"
PROVIDER=smtp.provider.test
THIEF=smtp.second.test
RECORD=$STAGE/$THIEF/mail.log
AUTH=$STAGE/office/queue/postmeter/auth.sock

stage_office <<'END'
rule "everybody" { sender = {"@office.example"} route = "office" }
END
# The thief knows the account, so a login would succeed if it came.
start_provider $THIEF 127.0.0.3 good yes "$LOGIN:$SECRET"
provider_records $THIEF

stolen() {
	grep -aE '< [^ ]*: AUTH' "$RECORD" || true
}

# office_setting NAME=VALUE - the administrator, or somebody, changes main.cf
office_setting() {
	postconf -c "$STAGE/office" -e "$1"
	postfix_anew "$STAGE/office"
}

visited() {
	grep -aF 'EHLO mail.office.example' "$RECORD"
}

step "relayhost swapped: mail with a rule goes where the rule says"
office_setting "relayhost = [$THIEF]:587"
send alice@office.example "one" bob@example.org
wait_for_arrival $PROVIDER 1
ok "it arrived at the provider"
is "nothing came to the swapped host" 0 "$(arrived $THIEF)"

step "relayhost swapped: mail that postmeter does not route has no key"
office_setting "smtpd_milters ="
send stranger@elsewhere.test "two" bob@example.org
wait_until 60 "it was tried at the swapped host" "$RECORD" visited
is "without a login" "" "$(stolen)" "$RECORD"
office_setting "relayhost ="
postsuper -c "$STAGE/office" -d ALL >/dev/null 2>&1
ctl setup postfix --apply --postfix-config "$STAGE/office" >/dev/null
postfix_anew "$STAGE/office"

step "a fallback relay: the mail waits for its provider"
office_setting "smtp_fallback_relay = [$THIEF]:587"
: >"$RECORD"
postfix_stop "$STAGE/$PROVIDER"
send alice@office.example "three" bob@example.org
wait_until 60 "the message waits" "$STAGE/office/mail.log" \
    waiting_because "delay_reason"
is "the fallback was not even visited" "" "$(visited || true)" "$RECORD"
office_setting "smtp_fallback_relay ="

step "the provider's name leads elsewhere: the certificate does not"
stage_hosts 127.0.0.3
retry_now
wait_until 60 "it was tried there" "$RECORD" visited
wait_until 60 "the message waits" "$STAGE/office/mail.log" \
    waiting_because "not verified"
is "no login was shown" "" "$(stolen)" "$RECORD"
stage_hosts 127.0.0.2
postfix_again "$STAGE/$PROVIDER" 127.0.0.2:587
wait_until 120 "the queue is empty" "$STAGE/office/mail.log" emptied
ok "back at its provider, the message left"

step "the auth socket, asked by hand"
# asked USER MAP KEY - what a process of that user is told
asked() {
	setpriv --reuid "$1" --regid postfix --clear-groups \
	    postmap -c "$STAGE/office" -q "$3" "socketmap:unix:$AUTH:$2" 2>&1 ||
	    true
}

is "postfix is told the key of a nexthop" "$LOGIN:$SECRET" \
    "$(asked postfix workspace "[$PROVIDER]:587")"
for key in "$PROVIDER" "[$PROVIDER]" "[$PROVIDER]:25" "[$PROVIDER]:587 " \
    "$LOGIN" "alice@office.example" "*" "[$THIEF]:587"; do
	is "not for \"$key\"" "" "$(asked postfix workspace "$key" |
	    grep -aF "$SECRET" || true)"
done
for map in "" transport first "work*" WORKSPACE ../workspace; do
	is "not from map \"$map\"" "" "$(asked postfix "$map" \
	    "[$PROVIDER]:587" | grep -aF "$SECRET" || true)"
done
for user in nobody www-data "$METER_USER"; do
	is "not to $user" "" "$(asked "$user" workspace "[$PROVIDER]:587" |
	    grep -aF "$SECRET" || true)"
done
matches "they were hung up on, and that is in the log" 'is not in auth-peers' \
    "$(cat "$STAGE/postmeter.log")" "$STAGE/postmeter.log"
