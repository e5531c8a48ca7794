#!/bin/bash
# refusals.sh - a provider refuses as Google, Microsoft, Amazon SES and SendGrid
# do: the account's gate closes for as long as that means, nothing bounces, and
# mail leaves by the second account.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "a provider refuses the account, not the message"
FIRST=smtp.provider.test
OTHER=smtp.second.test
LOG=$STAGE/postmeter.log

# configure PROVIDER - whose words the first one speaks
configure() {
	meter_configure <<-END
		providers = "$STAGE/providers.conf"
		refusals = "$STAGE/refusals.conf"
		smarthost "first" { provider = "$1" host = "$FIRST" port = 587
		    username = "first@p" secret = "first" margin = 0 recipient-limit = 50 }
		smarthost "other" { host = "$OTHER" username = "other@s" secret = "other" }
		route "both" { smarthosts = {"first", "other"} }
		rule "everybody" { route = "both" }
	END
}

# refuses WHERE REPLY - what the first provider says to a recipient, or at the
# end of a message; "" again: it takes mail
refuses() {
	local rules=permit_sasl_authenticated,reject
	postconf -c "$STAGE/$FIRST" -e "smtpd_recipient_restrictions=$rules" \
	    smtpd_end_of_data_restrictions=
	case $1 in
	recipient)
		postconf -c "$STAGE/$FIRST" -e "smtpd_recipient_restrictions=check_client_access static:{$2},$rules" ;;
	end)
		postconf -c "$STAGE/$FIRST" -e "smtpd_end_of_data_restrictions=check_client_access static:{$2}" ;;
	esac
	postfix -c "$STAGE/$FIRST" reload 2>/dev/null
}

closed_because() {
	grep -F "CLOSED" < <(ctl status) | grep -F -- "$1"
}

# A reload reads it as the daemon's user, who may not enter where the tree is.
cp "$TREE/conf/providers.conf" "$STAGE"

# The same as in conf/refusals.conf, but the hour between two tries is short.
cat >"$STAGE/refusals.conf" <<'END'
refusal "google-daily-soon" {
	provider = {"google-workspace"}
	code = {"550"}
	enhanced = {"5.4.5"}
	text = 'but try again soon'
	class = "quota-day"
	probe = "2s"
	sample = '550 5.4.5 Daily user sending limit exceeded, but try again soon'
	source = "the scenario"
	checked = "2026-11-25"
	certain = true
}
END
configure google-workspace
meter_secrets first "one secret" other "another secret"
chown "$METER_USER" "$STAGE/secrets.conf"
make_ca
start_provider $FIRST 127.0.0.2 good yes "first@p:one secret"
start_provider $OTHER 127.0.0.3 good yes "other@s:another secret"
office_directory
start_postmeter
wire_office
start_office

step "Google: the day is full at the fourth message"
for i in 1 2 3; do
	send "s$i@office.example" "google $i" x@customer.test >/dev/null
done
wait_for_arrival $FIRST 3
refuses end '550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to https://support.google.com/a/answer/166852'
send s4@office.example "google 4" x@customer.test >/dev/null
wait_until 60 "the gate closes" "$LOG" closed_because "Daily user sending limit"
wait_until 60 "the message waits, it does not bounce" \
    "$STAGE/office/mail.log" grep -qE \
    'dsn=4\.[0-9.]+, status=deferred \(account first, not the message: 550 5.4.5' \
    "$STAGE/office/mail.log"
ok "the message waits, it does not bounce"
for i in 5 6 7; do
	send "s$i@office.example" "google $i" x@customer.test >/dev/null
done
wait_until 60 "new mail leaves by the second account" "$STAGE/office/mail.log" \
    eval "(( \$(arrived $OTHER) >= 3 ))"
retry_now
wait_for_arrival $OTHER 4
is "the refused one, too: none is lost, none doubled" "3 4" \
    "$(arrived $FIRST) $(arrived $OTHER)"
is "nobody was sent a bounce" 0 "$(mailbox s4)"
is "the administrator was told once" 1 \
    "$(grep -c 'gate: account=first closed' "$LOG")"

matches "and how much we had counted" \
    'limit was reached at 3 of our 2000 messages in 24h' "$(ctl events)"

step "a daemon that was started again knows it still"
end_postmeter TERM
start_postmeter
matches "closed for the same reason" 'CLOSED.*Daily user sending limit' \
    "$(ctl status || true)"

step "opened by hand, it takes mail again"
refuses nothing
matches "it says so" "open: first" "$(ctl smarthost first open)"
send s8@office.example "google 8" x@customer.test >/dev/null
wait_for_arrival $FIRST 4

step "one message tries, and opens it"
refuses end '550 5.4.5 Daily user sending limit exceeded, but try again soon'
send s10@office.example "google 10" x@customer.test >/dev/null
wait_until 60 "the gate closes" "$LOG" closed_because "try again soon"
refuses nothing
# opens - whoever comes next may be the one that tries
opens() {
	send "p$RANDOM@office.example" probe x@customer.test >/dev/null
	grep -q 'gate: account=first opened' "$LOG"
}
wait_until 60 "a message tried, and the gate opened" "$LOG" opens
is "and is open" "" "$(ctl status | grep CLOSED || true)"

step "fifty recipients are one refusal"
closed_before=$(grep -c 'gate: account=first closed' "$LOG")
refuses recipient '550 5.4.5 Daily user sending limit exceeded'
mapfile -t many < <(printf 'c%d@customer.test\n' {1..50})
send s9@office.example "fifty" "${many[@]}" >/dev/null
wait_until 60 "the gate closes" "$LOG" closed_because "Daily user sending limit"
sleep 2
is "one more line for the administrator" $((closed_before + 1)) \
    "$(grep -c 'gate: account=first closed' "$LOG")"

all_left() {
	retry_now
	sleep 1
	queue_empty
}

# anew PROVIDER - under another name it takes all that waits, and is open: what
# was refused before would else be tried beside what comes next, and its end, a
# connection that the provider cuts, would close the gate for a reason of its own
anew() {
	refuses nothing
	configure "$1"
	ctl reload >/dev/null
	ctl smarthost first open >/dev/null
	wait_until 120 "what waited has left" "$STAGE/office/mail.log" all_left
	ctl smarthost first open >/dev/null
}

# another PROVIDER WHERE REPLY EXPECTED - the same with other words
another() {
	anew "$1"
	refuses "$2" "$3"
	send "t$RANDOM@office.example" "$1" x@customer.test >/dev/null
	wait_until 60 "$1: $4" "$LOG" closed_because "$4"
	ok "$1: $4"
}

step "others say it in other words"
another microsoft-365 end \
    '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; message quota' \
    SubmissionQuotaExceeded
another amazon-ses recipient '454 Throttling failure: Daily message quota exceeded' \
    "Daily message quota"
another sendgrid recipient '451 Authentication failed: Maximum credits exceeded' \
    "Maximum credits"

step "what is said of a recipient closes nothing"
anew google-workspace
refuses recipient '552 5.2.2 The email account that you tried to reach is over quota'
send u1@office.example "over quota" x@customer.test >/dev/null
wait_until 60 "it is returned to its sender" "$STAGE/office/mail.log" \
    grep -q 'status=bounced.*over quota' "$STAGE/office/mail.log"
is "the gate is open" "" "$(ctl status | grep CLOSED || true)"
