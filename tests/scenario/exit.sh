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
WIDE=smtp.wide.test
LOG=$STAGE/postmeter.log

meter_configure <<END
policy "two"  { per = "everyone" messages = {"2/24h"} }
policy "four" { per = "everyone" messages = {"4/24h"} }
policy "few"  { messages = {"3/24h"} }
smarthost "first" { host = "$FIRST" username = "first@p" secret = "first"
    recipient-limit = 1 policies = {"two"} }
smarthost "third" { host = "$OTHER" username = "third@s" secret = "third"
    recipient-limit = 1 policies = {"four"} }
policy "many" { per = "everyone" messages = {"100/24h"} }
policy "counted" { messages = {"100/24h"} }
smarthost "wide" { host = "$WIDE" username = "wide@w" secret = "wide"
    recipient-limit = 1 policies = {"many"} }
route "wide" { smarthosts = {"wide"} }
route "both" { smarthosts = {"first", "third"} }
route "one"  { smarthosts = {"third"} }
rule "few"  { sender = {"few@office.example"} policies = {"few"} route = "one" }
rule "wide" { sender = {"dave@office.example", "<>"} policies = {"counted"}
    route = "wide" }
rule "web"  { sender = {"web@office.example"} policies = {"counted"} }
rule "rest" { sender = {"@office.example"} route = "both" }
END
meter_secrets first "one secret" third "a third" wide "a wide"
make_ca
start_provider $FIRST 127.0.0.2 good yes "first@p:one secret"
start_provider $OTHER 127.0.0.3 good yes "third@s:a third"
one_more_host 127.0.0.4 $WIDE
start_provider $WIDE 127.0.0.4 good yes "wide@w:a wide"
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

# --- what else Postfix does with a message -----------------------------------

# set_office SETTING... - in main.cf, in force: after a reload a process may
# serve one more as it was
set_office() {
	postconf -c "$STAGE/office" -e "$@"
	postfix_stop "$STAGE/office"
	start_office
}

# named TEXT - what check has to say of Postfix
named() {
	matches "check names it" "$1" \
	    "$({ ctl check --mta --postfix-config "$STAGE/office" || true; } 2>&1 | tr '\n' ' ')"
}

# left N - so many have left by the wide account, and are counted there
left() {
	wait_for_arrival $WIDE "$1"
	wait_until 60 "the account counts each" "$LOG" settled wide "$1"
}

# promised KEY - messages charged at the door
promised() {
	ctl --json show "$1" | jq --arg key "$1" \
	    '[.counters[] | select(.key == $key) | .limits[].used][0] // 0'
}

step "a notice without a sender is metered, and counts where it leaves"
handed_in '<>' x@customer.test <<<"Subject: a notice"
left 1

step "what was held and released by hand is charged when it leaves"
set_office 'defer_transports = smarthost-wide'
send dave@office.example held x@customer.test
is "it is taken" 250 "$CODE" "$LOG"
postsuper -c "$STAGE/office" -h ALL 2>/dev/null
set_office 'defer_transports ='
postqueue -c "$STAGE/office" -f
is "nothing leaves while it is held" 1 "$(arrived $WIDE)"
postsuper -c "$STAGE/office" -H ALL 2>/dev/null
retry_now
left 2

step "what is queued anew is charged once more to nobody"
set_office 'defer_transports = smarthost-wide'
send dave@office.example requeued x@customer.test
postsuper -c "$STAGE/office" -r ALL 2>/dev/null
set_office 'defer_transports ='
retry_now
left 3
is "dave pays for two" 2 "$(promised dave@office.example)"

step "a sender that is rewritten leaves by the account of the new one"
echo "web@office.example dave@office.example" >"$STAGE/office/senders"
set_office "sender_canonical_maps = texthash:$STAGE/office/senders"
named 'sender_canonical_maps = [^:]*:[^:]*: senders are rewritten'
send web@office.example rewritten x@customer.test
is "it is taken" 250 "$CODE" "$LOG"
left 4
postconf -c "$STAGE/office" -X sender_canonical_maps

step "what an alias and a copy add is counted by the account, each"
echo "team@office.example a@customer.test, b@customer.test" \
    >"$STAGE/office/aliases"
set_office "virtual_alias_maps = texthash:$STAGE/office/aliases" \
    'always_bcc = all@customer.test'
named '1 alias of texthash:[^ ]* leads outside, team@office.example to 2'
named 'always_bcc = all@customer.test'
send dave@office.example "to a team" team@office.example
left 7
is "dave pays nothing: no recipient of his is outside" 2 "$(promised dave@office.example)"
postconf -c "$STAGE/office" -X virtual_alias_maps always_bcc

step "a filter that hands mail in again charges it twice until check is followed"
postconf -c "$STAGE/office" -M 'scan/unix=scan unix - - n - - smtp' \
    '127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd -o content_filter='
set_office 'content_filter = scan:[127.0.0.1]:10025'
wait_until 30 "the way back is open" "$STAGE/office/mail.log" \
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/10025' 2>/dev/null
send dave@office.example filtered x@customer.test
left 8
is "dave pays twice" 4 "$(promised dave@office.example)"
named '127.0.0.1:10025/inet: what comes back from the filter'
eval "$(ctl --json check --mta --postfix-config "$STAGE/office" 2>/dev/null |
    jq -r '[.. | .remedy? // empty | select(contains("no_milters"))][0]' |
    sed "s|postconf|postconf -c $STAGE/office|; s|postfix reload|postfix -c $STAGE/office reload|")" \
    >/dev/null 2>&1
postfix_stop "$STAGE/office"
start_office
send dave@office.example "filtered again" x@customer.test
left 9
is "and once when the remedy was typed" 5 "$(promised dave@office.example)"
postconf -c "$STAGE/office" -X content_filter

step "mail for a partner goes its own way and is charged to no account"
postconf -c "$STAGE/office" -M 'partner/unix=partner unix - - n - - discard'
set_office 'relay_domains = partner.test' 'relay_transport = partner'
named 'relay_domains = partner.test'
before=$(promised "smarthost wide")
send dave@office.example "to a partner" x@partner.test
is "it is taken" 250 "$CODE" "$LOG"
is "promised stays as it is" "$before" \
    "$(promised "smarthost wide")"
is "and dave pays for it" 6 "$(promised dave@office.example)" "$LOG"
