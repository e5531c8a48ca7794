#!/bin/bash
# message_goes_all_the_way.sh - from a mail program in the office to the
# mailbox at the provider, and every way to be stopped in between.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "a message goes all the way"
PROVIDER=smtp.provider.test
LOG=$STAGE/postmeter.log

stage_office <<'END'
policy "staff" {
    messages = {"3/10m"}
    recipients-per-message = 3
    text = "ask it@office.example"
}
rule "everybody" { sender = {"@office.example"} policies = {"staff"} route = "office" }
END

step "under the limit"
send alice@office.example "one" bob@example.org
is "accepted" 250 "$CODE" "$LOG"
wait_for_arrival $PROVIDER 1
is "arrived over TLS with the office's login" \
    "alice@office.example -> bob@example.org  TLSv1.3  login $LOGIN" \
    "$(arrivals $PROVIDER)"
matches "the office had verified certificate and name" \
    "Verified TLS connection established to $PROVIDER\[127.0.0.2\]:587" \
    "$(cat "$STAGE/office/mail.log")"
is "charged once" 1 "$(used alice@office.example)" "$LOG"

step "over the limit"
send alice@office.example "two" bob@example.org
send alice@office.example "three" bob@example.org
send alice@office.example "four" bob@example.org
matches "the fourth is refused before its text is sent" \
    '^450 4\.7\.1 .*Sending limit reached: 3 messages in 10m for alice@office.example; next at [0-9:]+ [+-][0-9]{4} \(in .*\)\. ask it@office.example' \
    "$REFUSED" "$LOG"
is "a refused message costs nothing" 3 "$(used alice@office.example)" "$LOG"
send alice@office.example "to a colleague" dave@office.example
is "mail to a colleague is none of the provider's business" 250 "$CODE" "$LOG"

step "too many recipients"
send erin@office.example "five" one@example.org two@example.org \
    three@example.org four@example.org
matches "the fourth recipient has to wait" \
    '^452 4\.5\.3 .*Too many recipients: at most 3 in one message' \
    "$REFUSED" "$LOG"
is "and is the only one" 1 "$(grep -c . <<<"$REFUSED")"
is "the other three are accepted" 250 "$CODE" "$LOG"

step "colleague and customer in one message"
send erin@office.example "six" dave@office.example carol@example.net
wait_until 60 "dave has both his messages" "$STAGE/office/mail.log" \
    mailbox_is dave 2
wait_for_arrival $PROVIDER 7
is "dave's copy did not leave the house" "" \
    "$(arrived_with $PROVIDER dave@office.example)"

step "handed to sendmail(1)"
handed_in dave@office.example ops@example.net <<<"Subject: seven"
wait_for_arrival $PROVIDER 8
is "metered too" 1 "$(used dave@office.example)" "$LOG"
handed_in alice@office.example ops@example.net <<<"Subject: too many"
refused_at_its_end() {
	grep -q 'milter-reject: END-OF-MESSAGE .*from=<alice@office.example>' \
	    "$STAGE/office/mail.log"
}
wait_until 60 "it is decided" "$LOG" refused_at_its_end
is "over the limit it waits as a whole, and Postfix has no complaint" "" \
    "$(grep 'milter configuration error' "$STAGE/office/mail.log" || true)"
postsuper -c "$STAGE/office" -d ALL maildrop 2>/dev/null

step "nobody's mail"
send mallory@elsewhere.test "eight" bob@example.org
matches "a sender without a rule is refused for good" \
    '^550 5\.7\.1 .*No sending rule for this sender' "$REFUSED" "$LOG"

step "the tool and Postfix agree"
is "setup has nothing left to do" 0 "$(
	ctl setup postfix --check --postfix-config "$STAGE/office" \
	    >"$STAGE/setup.log" 2>&1
	echo $?
)" "$STAGE/setup.log"
says() {
	ctl setup postfix --check --postfix-config "$STAGE/office" 2>&1 || true
}
chmod 700 "$STAGE/office/queue/postmeter"
matches "a directory that Postfix cannot enter is found" \
    'user postfix cannot open .*/milter.sock: Permission denied' "$(says)"
chmod 750 "$STAGE/office/queue/postmeter"
chmod 711 "$STAGE/store"
chown root "$STAGE/store"
matches "a store that the daemon cannot write is found" \
    "user $METER_USER cannot write the store's directory" "$(says)"
chown "$METER_USER" "$STAGE/store"
matches "explain knows why alice must wait" '3 of 3 messages in 10m' \
    "$(ctl explain --sender alice@office.example --rcpt bob@example.org ||
	true)"
wait_until 60 "the queue is empty" "$STAGE/office/mail.log" queue_empty
is "eight copies at the provider and not one more" 8 "$(arrived $PROVIDER)"

step "everything taken back"
ctl setup postfix --undo --postfix-config "$STAGE/office" >/dev/null
is "main.cf is as it was" "" \
    "$(diff "$STAGE/main.cf.before" "$STAGE/office/main.cf")"
is "master.cf is as it was" "" \
    "$(diff "$STAGE/master.cf.before" "$STAGE/office/master.cf")"
end_postmeter TERM
matches "without a daemon nothing is called good" \
    'no daemon answers at .*: all mail gets 451' "$(says)"
