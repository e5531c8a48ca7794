#!/bin/bash
# accounts.sh - three senders, two accounts at one provider and one at another:
# each message leaves once, by the account that `explain` named, also when a
# budget is used up in the middle and when a provider is gone.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "several accounts, none mixed up"
FIRST=smtp.provider.test
OTHER=smtp.second.test
LOG=$STAGE/postmeter.log

meter_configure <<END
policy "two-a-day" { per = "everyone" messages = {"2/24h"} }
smarthost "first"  { host = "$FIRST" username = "first@p" secret = "first"
    policies = {"two-a-day"} }
smarthost "second" { host = "$FIRST" username = "second@p" secret = "second" }
smarthost "third"  { host = "$OTHER" username = "third@s" secret = "third" }
route "thrifty" { smarthosts = {"first", "third"} }
route "plain"   { smarthosts = {"second"} }
route "other"   { smarthosts = {"third"} }
rule "alice" { sender = {"alice@office.example"} route = "thrifty" }
rule "dave"  { sender = {"dave@office.example"} route = "plain" }
rule "erin"  { sender = {"erin@office.example"} route = "other" }
END
meter_secrets first "one secret" second "another secret" third "a third"
make_ca
start_provider $FIRST 127.0.0.2 good yes "first@p:one secret" \
    "second@p:another secret"
start_provider $OTHER 127.0.0.3 good yes "third@s:a third"
office_directory
start_postmeter
wire_office
start_office

# named SENDER - the smarthost that explain names
named() {
	ctl --json explain --sender "$1@office.example" --rcpt x@customer.test |
	    tr -d ' \n' | sed -nE 's/.*"smarthost":"([^"]+)".*/\1/p'
}

# goes WHO SUBJECT ACCOUNT PROVIDER LOGIN - explained, sent with a colleague
# among the recipients, and found where it should be
goes() {
	local before

	is "explain names $3" "$3" "$(named "$1")" "$LOG"
	before=$(arrived "$4")
	send "$1@office.example" "$2" dave@office.example x@customer.test
	is "accepted" 250 "$CODE" "$LOG"
	wait_for_arrival "$4" $((before + 1))
	is "it left as $5, over verified TLS" \
	    "$1@office.example -> x@customer.test  TLSv1.3  login $5" \
	    "$(arrivals "$4" | grep -F "login $5" | grep -F "$1@" | tail -1)"
}

step "each by its own account"
goes alice one first $FIRST first@p
goes dave two second $FIRST second@p
goes erin three third $OTHER third@s

step "a budget is used up in the middle"
goes alice four first $FIRST first@p
goes alice five third $OTHER third@s
goes alice six third $OTHER third@s
matches "the account is full" '2 of 2 messages' \
    "$(ctl show "smarthost first")" "$LOG"

step "nobody's mail took another way"
is "first@p took its two" 2 "$(arrived_with $FIRST 'sender: first@p' | wc -l)"
is "second@p took its one" 1 "$(arrived_with $FIRST 'sender: second@p' | wc -l)"
is "third@s took the rest" 3 "$(arrived_with $OTHER 'sender: third@s' | wc -l)"
wait_until 60 "the colleague has his six" "$STAGE/office/mail.log" \
    mailbox_is dave 6
is "and none of them left the house" "" \
    "$(arrived_with $FIRST dave@office.example | grep -v 'dave@office.example ->' |
	xargs -r grep -l '^X-Original-To: dave@' || true)"

step "a restart of postmeter keeps the way of what waits"
postfix_stop "$STAGE/$OTHER"
send alice@office.example seven x@customer.test
is "accepted while the provider is away" 250 "$CODE" "$LOG"
end_postmeter KILL
start_postmeter
postfix_again "$STAGE/$OTHER" 127.0.0.3:587
wait_until 60 "the queue is empty" "$STAGE/office/mail.log" emptied
is "it left as third@s" 4 "$(arrived_with $OTHER 'sender: third@s' | wc -l)"
