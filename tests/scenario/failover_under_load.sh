#!/bin/bash
# failover_under_load.sh - the first provider dies while mail flows: what it had
# taken it has, what waits for it waits, and the rest leaves by the second; no
# message is lost, none sent twice, and both budgets are right.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "a provider dies under load"
FIRST=smtp.provider.test
OTHER=smtp.second.test
LOG=$STAGE/postmeter.log
PROGRAMS=4 EACH=25

meter_configure <<END
probe-every = "5s"
policy "budget" { per = "everyone" messages = {"1000/24h"} }
smarthost "first" { host = "$FIRST" username = "first@p" secret = "first"
    policies = {"budget"} }
smarthost "other" { host = "$OTHER" username = "other@s" secret = "other"
    policies = {"budget"} }
route "both" { smarthosts = {"first", "other"} strategy = "failover" }
rule "everybody" { route = "both" }
END
meter_secrets first "one secret" other "another secret"
make_ca
start_provider $FIRST 127.0.0.2 good yes "first@p:one secret"
start_provider $OTHER 127.0.0.3 good yes "other@s:another secret"
office_directory
start_postmeter
start_agent
wire_office
start_office

# mail_program NAME - each message has a sender of its own, and so a way of its
# own; it pauses, so that the death falls in the middle
mail_program() {
	local i

	for ((i = 1; i <= EACH; i++)); do
		send "$1-$i@office.example" "$1-$i" x@customer.test >/dev/null
		[[ $CODE == 250 && -z $REFUSED ]] && echo accepted >>"$STAGE/told"
		sleep 1.3
	done
}

told_is() {
	(($(grep -c accepted "$STAGE/told" || true) >= $1))
}

# leaves_by_other - one more message, and which way it took
leaves_by_other() {
	ctl --json explain --sender late@office.example --rcpt x@customer.test |
	    tr -d ' \n' | grep -F '"smarthost":"other"'
}

step "$PROGRAMS mail programs; the first provider dies in the middle"
: >"$STAGE/told"
programs=()
for ((p = 1; p <= PROGRAMS; p++)); do
	mail_program "$p" &
	programs+=($!)
done
wait_until 120 "a third is accepted" "$LOG" told_is $((PROGRAMS * EACH / 3))
postfix_stop "$STAGE/$FIRST"
wait_until 120 "postmeter prefers the other" "$LOG" leaves_by_other
note "noticed after $(grep -c accepted "$STAGE/told") of $((PROGRAMS * EACH))"
wait "${programs[@]}"
for ((i = 1; i <= 5; i++)); do
	send "late-$i@office.example" "late-$i" x@customer.test >/dev/null
	[[ $CODE == 250 ]] && echo accepted >>"$STAGE/told"
done
all=$((PROGRAMS * EACH + 5))
is "all were accepted" "$all" "$(grep -c accepted "$STAGE/told")" "$LOG"

step "the first provider comes back, and the queue empties"
postfix_again "$STAGE/$FIRST" 127.0.0.2:587
wait_until 200 "the queue is empty" "$STAGE/office/mail.log" emptied
first=$(arrived $FIRST) other=$(arrived $OTHER)
note "$first by the first, $other by the other"
is "nothing is lost" "$all" "$({
	subjects $FIRST
	subjects $OTHER
} | sort -u | wc -l)"
is "nothing is sent twice" "$all" $((first + other))
((other >= 5)) || fail "nothing left by the other" "$LOG"

step "each account was charged for what it sent"
# spent SMARTHOST - what its budget says
spent() {
	ctl --json show "smarthost $1" | tr -d ' \n' |
	    sed -nE 's/.*"dimension":"messages"[^}]*"used":([0-9]+).*/\1/p'
}
is "the first" "$first" "$(spent first)" "$LOG"
is "the other" "$other" "$(spent other)" "$LOG"
