#!/bin/bash
# day_two.sh - what an administrator asks on the second day, on a real Postfix:
# who was refused and why, an exception that is taken back, a stolen password,
# mail that is held and leaves by itself, and what the log would have said.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "the second day"
LOG=$STAGE/postmeter.log
HOST=smtp.provider.test

export ACCOUNT_LIMITS='messages = {"200/24h"} warn-at = {}'

stage_office <<END
report-to = {"erin@office.example"}
on-alert = "$STAGE/alerted.sh"
policy "staff" { messages = {"3/24h"} text = "ask it@office.example" warn-to = "sender" }
policy "patient" { messages = {"1/15s"} when-over = "hold" }
policy "few" { messages = {"60/24h"} }
rule "patient" { sender = {"patient@office.example"} policies = {"patient"} route = "office" }
rule "thief" { sender = {"thief@office.example"} policies = {"few"} route = "office" }
rule "everybody" { sender = {"@office.example"} policies = {"staff"} route = "office" }
END

# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$1 $3: $4" >>%s/alerted\n' "$STAGE" >"$STAGE/alerted.sh"
chmod 755 "$STAGE/alerted.sh"

# left_is_held - tried again until only held mail is in the queue
left_is_held() {
	retry_now
	! waiting | grep -v '"queue_name": "hold"'
}

# mails - a round of what is told by mail
mails() {
	ctl mail --postfix-config "$STAGE/office"
}

# told WHO TEXT - until a mail to WHO says so
told() {
	wait_until 60 "$1 reads: $2" "$STAGE/office/mail.log" \
	    grep -rqE -- "$2" "$STAGE/office/mail/$1/new"
	ok "$1 reads: $2"
}

mails >/dev/null	# what is past is not told

# asked PATTERN COMMAND... - the tool answers, and says that
asked() {
	local pattern=$1 out

	shift
	out=$(ctl "$@" 2>&1) || true
	[[ $out =~ $pattern ]] || {
		printf '%s\n' "$out" >"$STAGE/answer.log"
		fail "$* does not say $pattern" "$STAGE/answer.log"
	}
}

step "somebody is refused: why, and how often"
for n in 1 2 3; do
	send alice@office.example "mail $n" x@customer.test
	is "message $n is accepted" 250 "$CODE" "$LOG"
done
for n in 4 5; do
	send alice@office.example "mail $n" y@customer.test
	is "message $n is refused" 450 "$CODE" "$LOG"
done
asked 'defer at RCPT.*recipient +<y@customer\.test>.*limit +staff: 3 messages in 24h for alice@office\.example, then 3 of 3 used.*450 4\.7\.1 Sending limit reached' \
    trace --sender Alice@Office.Example --refused
ok "trace has the recipient, the rule, the limit and its numbers"
asked 'defer at RCPT' trace --rcpt y@customer.test
ok "and finds it by the recipient"
asked '3 sent .* 2 refused' history alice@office.example
ok "history has the day"
asked '2 +alice@office\.example' top --refused
ok "top --refused has her"
asked 'refused +staff +alice@office\.example +2 times since' events
ok "events have one line for both"
asked 'refused +2 recipients, 0 messages' status
ok "status counts them"

step "who comes near a limit is told by mail, once"
is "there is one to tell" "mailed: alerts 0, warnings 1, reports 0" "$(mails)"
told alice 'alice@office.example has used 95% of what it may send: 3 of 3'
is "and nobody is told twice" "mailed: alerts 0, warnings 0, reports 0" \
    "$(mails)"

step "thirty people send, and a newsletter goes to many"
for n in {1..30}; do
	printf 'MAIL FROM:<p%d@office.example>\r\nRCPT TO:<c%d@customer.test>\r\nDATA\r\nSubject: %d\r\n\r\n.\r\n' \
	    "$n" "$n" "$n"
done >"$STAGE/people"
smtp_connect
while IFS= read -r line; do
	printf '%s\n' "$line" >&"$SMTP"
	[[ $line == Subject:* || $line == $'\r' ]] || smtp_answer
	[[ $CODE == [23]* ]] || fail "one of thirty is refused: $SAID" "$LOG"
done <"$STAGE/people"
smtp_hang_up
send news@office.example "news" {1..20}@customer.test
is "the newsletter is accepted" 250 "$CODE" "$LOG"
wait_for_arrival $HOST $((3 + 30 + 20))
is "each sender of the log has its day in the history" \
    "$(sed -nE 's/.*postfix\/qmgr.*from=<([^>]+@office.example)>.*queue active.*/\1/p' \
	"$STAGE/office/mail.log" | grep -v postmeter | sort | uniq -c |
	awk '{ print $2, $1 }')" \
    "$(ctl --json history -n 1 | tr -d '\n ' | sed 's/{"day"/\n/g' | sed -nE \
	's/.*"who":"([^"]+@[^"]+)","sent":([0-9]+).*/\1 \2/p' | sort)"

step "every message is in the log and in the trace alike"
is "accepted in Postfix's log, passed in the trace" \
    "$(grep -c 'postfix/qmgr.*from=<alice@office.example>.*queue active' \
	"$STAGE/office/mail.log")" \
    "$(ctl --json trace --sender alice@office.example -n 100 |
	tr '{' '\n' | grep -c '"verdict":"pass"')"

step "an exception, and it is taken back"
ctl grant alice@office.example staff messages +1 --for 1h --why "trade fair" \
    >/dev/null
asked 'granted \+1 messages' show alice@office.example
ctl revoke alice@office.example >/dev/null
send alice@office.example "too many" x@customer.test
is "the exception is gone" 450 "$CODE" "$LOG"
asked 'no grant' revoke alice@office.example
ok "a second time there is nothing to take back"

step "a stolen password floods; a block stops what is queued, too"
wait_for_arrival $HOST 3
postfix_stop "$STAGE/$HOST"
for n in {1..6}; do
	send thief@office.example "offer $n" "v$n@customer.test"
done
asked '6 messages to 6 recipients of thief@office\.example are queued' \
    block thief@office.example --postfix-config "$STAGE/office" --why "stolen"
ok "the tool says what is queued already"
asked 'held: 6 queued messages' \
    block thief@office.example --postfix-config "$STAGE/office" --hold-queue
send thief@office.example "offer 7" v7@customer.test
is "and nothing more is accepted" 550 "$CODE" "$LOG"
is "six are on hold" 6 "$(postqueue -c "$STAGE/office" -j |
    grep -c '"queue_name": "hold"')"
asked 'blocked +thief@office\.example' show thief@office.example
asked 'is no network|bits behind' block 10.1.0.0/8
ok "what can match nothing is refused"
postfix_again "$STAGE/$HOST" 127.0.0.2:587
before=$(arrived $HOST)

step "the key is wrong: the gate closes, somebody is told, nothing is lost"
printf '%s:{PLAIN}another key\n' "$LOGIN" >"$STAGE/$HOST/accounts"
for n in 1 2 3 4; do
	send "q$n@office.example" "key $n" k@customer.test
done
# gate_closes - after some tries of what waits
gate_closes() {
	retry_now
	ctl events -n 5 | grep 'gate.*workspace.*closed until'
}
wait_until 90 "the gate closes" "$LOG" gate_closes
mails
told erin 'gate of workspace: closed until'
matches "a program is run for it, too" 'gate workspace: closed until' \
    "$(cat "$STAGE/alerted")"
provider_accounts "$STAGE/$HOST" "$LOGIN:$SECRET"
ctl smarthost workspace open >/dev/null
wait_until 60 "nothing waits but what is held" "$LOG" left_is_held
wait_for_arrival $HOST $((before + 4))
ok "with the right key all four arrive"
before=$((before + 4))

step "held mail leaves by itself, charged, and never two in fifteen seconds"
for n in 1 2 3; do
	send patient@office.example "patience $n" z@customer.test
	is "message $n is accepted" 250 "$CODE" "$LOG"
done
asked 'patient@office\.example +1 recipients +Sending limit reached: 1 message' \
    held --postfix-config "$STAGE/office"
ok "held says whose and why"
asked 'postmeter_held_messages 2' metrics
ok "and monitoring is told how many"
asked 'waits: .*Sending limit reached' \
    release patient@office.example --postfix-config "$STAGE/office"
ok "release lets nothing go before its time"
end=$((SECONDS + 120))
while ctl --json held --postfix-config "$STAGE/office" |
    grep -q '"who":"patient@'; do
	((SECONDS < end)) || fail "held mail does not leave" "$LOG"
	ctl release --due --postfix-config "$STAGE/office" >>"$STAGE/release.log"
	sleep 1
done
wait_for_arrival $HOST $((before + 3))
ok "all three arrived"
asked '3 sent' history patient@office.example
ok "and the day has three sent"
# spans - ms between one that was charged and the next, the newest first
spans() {
	ctl --json trace --sender patient@office.example -n 100 |
	    tr -d '\n ' | sed 's/{"when":/\n/g' |
	    sed -nE 's/^\{"ms":([0-9]+).*"verdict":"(pass|released)".*/\1/p' |
	    awk 'NR > 1 { print last - $1 } { last = $1 }'
}
is "three were charged" 2 "$(spans | wc -l)"
is "and no two of them within fifteen seconds" "" \
    "$(spans | awk '$1 < 15000')"

step "what the log would have said"
ctl replay "$STAGE/office/mail.log" >"$STAGE/replay.txt" 2>&1 || true
# Alice's three passed and three were refused; the replay refuses as many.
matches "the replay stops alice as the daemon did" \
    'alice@office\.example +staff: 3 messages in 24h +1 time, 3 messages' \
    "$(cat "$STAGE/replay.txt")"
matches "and nobody of the thief's sixty" \
    '^replay of 1 file' "$(cat "$STAGE/replay.txt")"

step "a mail about the day"
ctl mail --report --postfix-config "$STAGE/office" >/dev/null
told erin 'Content-Type: text/html'
matches "it names who was refused" 'alice@office.example +[0-9]+ +staff' \
    "$(grep -rhE 'alice@office.example +[0-9]' "$STAGE/office/mail/erin/new")"
