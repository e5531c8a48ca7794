#!/bin/bash
# exit.sh - an account is metered where its mail leaves: what an alias makes of
# one message, what a quoted address hides, and fast mail of one sender never
# take an account past its limit.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "the key is the gate"
FIRST=smtp.provider.test
OTHER=smtp.second.test
LOG=$STAGE/postmeter.log

meter_configure <<END
policy "two"  { per = "everyone" messages = {"2/24h"} }
policy "four" { per = "everyone" messages = {"4/24h"} }
policy "few"  { messages = {"3/24h"} }
smarthost "first" { host = "$FIRST" username = "first@p" secret = "first"
    recipient-limit = 1 policies = {"two"} }
smarthost "third" { host = "$OTHER" username = "third@s" secret = "third"
    recipient-limit = 1 policies = {"four"} }
route "both" { smarthosts = {"first", "third"} }
route "one"  { smarthosts = {"third"} }
rule "few"  { sender = {"few@office.example"} policies = {"few"} route = "one" }
rule "rest" { sender = {"@office.example"} route = "both" }
END
meter_secrets first "one secret" third "a third"
make_ca
start_provider $FIRST 127.0.0.2 good yes "first@p:one secret"
start_provider $OTHER 127.0.0.3 good yes "third@s:a third"
office_directory
start_postmeter
wire_office
start_office

# sent ACCOUNT - messages that the exit has counted
sent() {
	ctl --json show "sent $1" | tr -d ' \n' |
	    sed -nE 's/.*"counters":\[[^]]*"used":([0-9]+).*/\1/p'
}

settled() {
	[[ $(sent "$1") == "$2" ]]
}

step "quotes around an address hide nothing"
for i in 1 2; do
	send few@office.example "quoted $i" '"x@customer.test"'
	is "message $i is taken" 250 "$CODE" "$LOG"
done
wait_for_arrival $OTHER 2
wait_until 60 "the exit has counted both" "$LOG" settled third 2

# again - the queue manager asks anew; for half a minute it knows what it heard
again() {
	postqueue -c "$STAGE/office" -f
	sleep 2
	(($(arrived $OTHER) >= $1))
}

step "fast mail goes by the first account twice, then waits, then by the next"
for i in 1 2 3 4; do
	send alice@office.example "fast $i" x@customer.test
	is "message $i is taken" 250 "$CODE" "$LOG"
done
wait_for_arrival $FIRST 2
matches "the queue says why" 'account first: 2 of 2 messages in 24h, next at' \
    "$(postqueue -c "$STAGE/office" -p)" "$LOG"
wait_until 100 "two are at the next" "$STAGE/office/mail.log" again 4
wait_until 60 "first has sent two" "$LOG" settled first 2
wait_until 60 "third has sent four" "$LOG" settled third 4

step "all accounts are full: the next is told at once"
send alice@office.example "one too many" x@customer.test
matches "it is refused for now, with the time" \
    '^450 4\.7\.1 .*Sending limit reached: .* next at ' "$REFUSED$SAID"

step "what became of the deliveries is in the trace"
id=$(ctl --json trace --sender alice@office.example -n 100 |
    jq -r '[.entries[] | select(.stage == "message" and .smarthost == "first")][-1].queue_id')
matches "the provider's answer stands by its message" \
    'delivery +sent.*smarthost +first.*answer +2\.0\.0 .*250 ' \
    "$(ctl trace "$id" | tr '\n' ' ')" "$LOG"
is "both by the first, and nobody else's" "alice@office.example alice@office.example" \
    "$(ctl --json trace "$id" | jq -r '[.deliveries[].sender] | join(" ")')"

step "promised and sent are told apart"
matches "show has both" '"key":"smarthost first".*"key":"sent first"' \
    "$(ctl --json show "smarthost first" | tr -d '\n' | sed 's/": /":/g')"
is "nothing more has reached the first" 2 "$(arrived $FIRST)"
is "nothing more has reached the other" 4 "$(arrived $OTHER)"
