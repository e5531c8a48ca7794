#!/bin/bash
# sendmail_gate.sh - a real Sendmail and the gate: whatever spelling, alias or
# list a message takes, the copies at the provider are those that were counted
# as sent; what was never charged does not leave by the account; and an account
# never sends more than it may.
#
# Root.  Exits 77 where no Debian with Sendmail can be had.

LID=${LID:-400}
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$HERE/lib/sendmail.sh"
# shellcheck source=/dev/null
. "$HERE/lib/spellings.sh"

with_sendmail "$@"
on_stage "$@"

PROVIDER=smtp.provider.test	# two accounts: al-at-p, bo-at-p
OUTSIDE=198.51.100.7		# where strangers come from
LIMIT=7				# of bo's account

meter_rules() {
	cat <<-END
		auth-peers = {"root"}
		policy "wide" { per = "everyone" messages = {"10000/24h"}
		    recipients = {"10000/24h"} }
		policy "small" { per = "everyone" messages = {"$LIMIT/24h"} }
		smarthost "a" { host = "$PROVIDER" username = "al-at-p" secret = "a"
		    policies = {"wide"} }
		smarthost "b" { host = "$PROVIDER" username = "bo-at-p" secret = "b"
		    policies = {"small"} }
		policy "each" { per = "sender" messages = {"2/24h"} }
		smarthost "c" { host = "$PROVIDER" username = "al-at-p" secret = "a"
		    policies = {"each"} }
		route "c" { smarthosts = {"c"} }
		rule "cy" { sender = {"cy@office.example"} route = "c" }
		route "a" { smarthosts = {"a"} }
		route "b" { smarthosts = {"b"} }
		rule "bo" { sender = {"bo@office.example"} route = "b" }
		rule "notices" { sender = {"<>"} route = "a" }
		rule "al" { route = "a" }
	END
}

# recipients - what the gate has counted for al's account
recipients() {
	ctl metrics | awk '/^postmeter_account_used_ratio/ &&
	    /smarthost="a"/ && /budget="sent"/ && /recipients/ {
		n = int($NF * 10000 + 0.5)
	} END { print n + 0 }'
}

clear_queue() {
	in_office sh -c 'rm -f /var/spool/mqueue/*'
}

office_is_closed() {
	! port_open "$OFFICE_ADDRESS" "$OFFICE_PORT"
}

# queue_is_empty - what waits is tried again: a busy machine makes Sendmail
# queue what it would deliver at once
queue_is_empty() {
	sendmail_queue_empty && return
	queue_run
	sendmail_queue_empty
}

# handed - recipients that the provider was given; it may make one copy of two
handed() {
	sed -nE '/ disconnect from /s/.* rcpt=([0-9]+).*/\1/p' \
	    "$STAGE/$PROVIDER/mail.log" | awk '{ n += $1 } END { print n + 0 }'
}

handed_is() {
	(($(handed) >= $1))
}

# counted WHAT FROM TO... - one message to all of them: at the provider there
# are as many copies more as the gate has counted recipients
counted() {
	local what=$1 from=$2 before=$AT charged left to accepted=0

	shift 2
	charged=$(recipients)
	smtp_connect
	smtp_quietly "MAIL FROM:$from"
	for to; do
		smtp_quietly "RCPT TO:$to"
		[[ $CODE != 2* ]] || accepted=$((accepted + 1))
	done
	((accepted == 0)) || smtp_message al@office.example "$what" >/dev/null
	smtp_hang_up
	sendmail_waiting >"$STAGE/waiting.log"
	wait_until 60 "$what has left" "$STAGE/waiting.log" queue_is_empty
	charged=$(($(recipients) - charged))
	wait_until 60 "$what: $charged copies" "$STAGE/sendmail.log" \
	    handed_is $((before + charged))
	AT=$(handed)
	left=$((AT - before))
	[[ $left == "$charged" ]] ||
	    fail "$what: $left copies, $charged counted" "$STAGE/postmeter.log"
	CASES=$((CASES + 1))
}

# stranger_says FROM TO - parameters of MAIL may stand behind FROM and ">"
stranger_says() {
	local command from=$1

	[[ $from == *\>* ]] || from+=\>

	# shellcheck disable=SC2034
	exec {SMTP}<>"/dev/tcp/$OUTSIDE/25"
	smtp_answer
	for command in "EHLO stranger.test" "MAIL FROM:<$from" \
	    "RCPT TO:<$2>"; do
		smtp_quietly "$command"
	done
	[[ $CODE != 2* ]] || smtp_message "${from%%>*}" "from a stranger" >/dev/null
	smtp_hang_up
}

title "postmeter, Sendmail and the gate"

step "An office with aliases, a list, a virtual domain; and strangers"
echo "$OUTSIDE stranger.test" >>/etc/hosts
ip address add "$OUTSIDE/32" dev lo
make_ca
meter_secrets a canary-A b canary-B
sendmail_root
meter_rules | meter_configure
# shellcheck disable=SC2016
sed -i '/^FEATURE(`greet_pause/d; /^define(`confCONNECTION_RATE/d' \
    "$ROOT/etc/mail/sendmail.mc"
sed -i "/^MAILER_DEFINITIONS/i \\
DAEMON_OPTIONS(\`Family=inet, Name=MTA-out, Port=smtp, Addr=$OUTSIDE')dnl \\
FEATURE(\`virtusertable', \`text:-k0 -v1 /etc/mail/virtusers')dnl \\
VIRTUSER_DOMAIN(\`virtual.example')dnl" "$ROOT/etc/mail/sendmail.mc"
echo "sold@virtual.example x@customer.test" >"$ROOT/etc/mail/virtusers"
cat >>"$ROOT/etc/aliases" <<-END
	away: x@customer.test
	team: $(printf '%s@customer.test,' t{1,2,3,4,5,6,7,8,9,10,11}) bob
	friends: :include:/etc/mail/friends
	listed: :include:/etc/mail/friends
	owner-listed: al
END
printf '%s@client.test\n' f1 f2 f3 >"$ROOT/etc/mail/friends"
sendmail_configure al bo bob cy
in_office newaliases >"$STAGE/setup.log" 2>&1
start_postmeter
start_provider "$PROVIDER" 127.0.0.2 good yes al-at-p:canary-A bo-at-p:canary-B
start_sendmail
ok "they greet"
AT=0 CASES=0

step "Spellings of a recipient: each copy is counted"
O=office.example C=customer.test
while IFS= read -r to; do
	counted "$to" "<al@$O>" "$to"
done < <(
	spellings_of_a_recipient
	cat <<-END
		<friends@$O>
		<owner-listed@$O>
		<sold@virtual.example>
		<SOLD@VIRTUAL.example>
	END
)
ok "$CASES spellings of one recipient"

step "Spellings of a sender"
before=$CASES
while IFS= read -r from; do
	counted "$from" "$from" "<x@$C>"
done < <(spellings_of_a_sender)
ok "$((CASES - before)) spellings of a sender"
((CASES >= 80)) || fail "only $CASES spellings"

step "Doubles"
before=$CASES
counted "twice" "<al@$O>" "<x@$C>" "<x@$C>"
counted "case" "<al@$O>" "<x@$C>" "<X@$C>" "<x@CUSTOMER.test>"
counted "quotes" "<al@$O>" "<x@$C>" '<"x"@'"$C>"
counted "whole quotes" "<al@$O>" "<x@$C>" "<\"x@$C\">"
counted "dot" "<al@$O>" "<x@$C>" "<x@$C.>"
counted "percent" "<al@$O>" "<x@$C>" "<x%$C@$O>"
counted "route" "<al@$O>" "<x@$C>" "<@$O:x@$C>"
counted "bang" "<al@$O>" "<x@$C>" "<$C!x>"
counted "tag" "<al@$O>" "<x@$C>" "<x+1@$C>" "<x+2@$C>"
counted "alias" "<al@$O>" "<x@$C>" "<away@$O>"
counted "team" "<al@$O>" "<t1@$C>" "<team@$O>"
counted "team twice" "<al@$O>" "<team@$O>" "<TEAM@$O>"
counted "list" "<al@$O>" "<f1@client.test>" "<friends@$O>"
counted "virtual" "<al@$O>" "<x@$C>" "<sold@virtual.example>"
counted "orcpt" "<al@$O>" "<x@$C> ORCPT=rfc822;a@b.test" "<x@$C> ORCPT=rfc822;c@d.test"
counted "inside" "<al@$O>" "<bob@$O>" "<x@$C>" "<al@$O>"
counted "many" "<al@$O>" "<"{a,A,b,B,c,C,d,D}"@$C>"
ok "$((CASES - before)) sets of doubles"

step "A stranger's mail to an alias that leads outside takes no account"
login=$(grep -c 'login=given' "$STAGE/postmeter.log")
stranger_says al@$O away@$O
queue_run
is "logins" "$login" "$(grep -c 'login=given' "$STAGE/postmeter.log")" "$STAGE/postmeter.log"
is "copies by the account" "$AT" "$(handed)"

step "Through a virtual domain it is relayed mail: counted, by its client"
charged=$(recipients)
stranger_says bob@$O sold@virtual.example
wait_until 60 "it is counted" "$STAGE/postmeter.log" \
    grep 'client=198.51.100.7 .* external=1 .* verdict=pass' \
    "$STAGE/postmeter.log"
wait_until 60 "it has left" "$STAGE/sendmail.log" handed_is $((AT + 1))
is "counted at the exit" $((charged + 1)) "$(recipients)"
AT=$(handed) login=$(grep -c 'login=given' "$STAGE/postmeter.log")

step "A list with an owner: its clone has an id of its own, and its parent's account"
clear_queue # of what never leaves
counted "an owner's list" "<al@$O>" "<listed@$O>"
counted "an owner's list, and more" "<al@$O>" "<listed@$O>" "<x@$C>" "<bob@$O>"
stop_provider "$PROVIDER"
smtp_connect
smtp_quietly "MAIL FROM:<al@$O>"
smtp_quietly "RCPT TO:<listed@$O>"
smtp_message al@$O "to the list" >/dev/null
smtp_hang_up
wait_until 60 "the clone waits" "$STAGE/sendmail.log" \
    sendmail_waits_for "f1@client.test"
again_provider "$PROVIDER" 127.0.0.2
end_postmeter KILL
start_postmeter
queue_run
wait_until 60 "the clone has left" "$STAGE/sendmail.log" handed_is $((AT + 3))
AT=$(handed)
ok "by the account of the message, at once, after a wait and over a restart"

step "A clone of a message that nobody charged takes no account"
login=$(grep -c 'login=given' "$STAGE/postmeter.log")
stranger_says "al@$O> ENVID=pm-00112233445566778899aabbccddeeff" listed@$O
stranger_says al@$O listed@$O
wait_until 60 "both wait" "$STAGE/sendmail.log" \
    sendmail_waits_for "f1@client.test"
queue_run
is "logins" "$login" "$(grep -c 'login=given' "$STAGE/postmeter.log")" "$STAGE/postmeter.log"
is "copies by the account" "$AT" "$(handed)"
clear_queue

step "An account never sends more than it may, whatever was accepted before"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	send bo@$O "small $i" x@$C >/dev/null
	# Each of these is cost 0 at the door, and a copy at the exit.
	send bo@$O "away $i" away@$O >/dev/null
done
end_postmeter KILL
start_postmeter
queue_run
queue_run
n=$(grep -rlF '(Authenticated sender: bo-at-p)' "$STAGE/$PROVIDER/mail/inbox/new" | grep -c . || true)
((n <= LIMIT && n > 0)) || fail "$n left, $LIMIT may" "$STAGE/postmeter.log"
ok "$n of at most $LIMIT left by bo's account"

step "Root hands mail to the queue past the filter (-Am): it is seen, and has no key"
clear_queue
login=$(grep -c 'login=given' "$STAGE/postmeter.log")
in_office sendmail -Am -f al@$O x@$C <<<"past the filter" >/dev/null 2>&1 || true
queue_run
is "logins" "$login" "$(grep -c 'login=given' "$STAGE/postmeter.log")" "$STAGE/postmeter.log"
matches "the log has it" 'sender=<al@office.example> was never counted' \
    "$(grep 'never counted' "$STAGE/postmeter.log" | tail -n 1)"
clear_queue

step "Quarantined by an operator, released: by its account, and counted"
AT=$(handed)
stop_provider "$PROVIDER"
send al@$O "quarantined" x@$C >/dev/null
wait_until 60 "it waits" "$STAGE/sendmail.log" \
    sendmail_waits_for "Total requests: 1"
in_office sendmail -Qtest -q >/dev/null 2>&1 || true
again_provider "$PROVIDER" 127.0.0.2
queue_run
is "left while it is quarantined" "$AT" "$(handed)"
in_office sendmail -qQ -Q >/dev/null 2>&1 || true
charged=$(recipients)
queue_run
wait_until 60 "it has left" "$STAGE/sendmail.log" handed_is $((AT + 1))
ok "it left"

step "A limit of each sender at the exit"
for i in 1 2 3 4; do
	# Cost 0 at the door: the alias leads outside.
	send cy@$O "each $i" away@$O >/dev/null
done
queue_run
is "by cy's account" 2 "$(grep -c 'account=c .*login=given' "$STAGE/postmeter.log")"
matches "the others wait" "account c: 2 of 2 messages" \
    "$(grep 'account=c .*login=refused' "$STAGE/postmeter.log" | tail -n 1)"
clear_queue

step "A queue group with r=1 makes parts with ids of their own: each counts"
clear_queue
kill "$(sed -n 1p "$ROOT/run/sendmail/mta/sendmail.pid")"
wait_until 60 "Sendmail has ended" "$STAGE/sendmail.log" office_is_closed
sed -i "/^MAILER_DEFINITIONS/i QUEUE_GROUP(\`mqueue', \`P=/var/spool/mqueue, r=1')dnl" \
    "$ROOT/etc/mail/sendmail.mc"
in_office sh -c 'cd /etc/mail && m4 sendmail.mc >sendmail.cf' \
    2>"$STAGE/setup.log" || fail "m4 sendmail.mc" "$STAGE/setup.log"
start_sendmail
AT=$(handed)
counted "four parts" "<al@$O>" "<"{p1,p2,p3,p4}"@$C>"
counted "parts and an alias" "<al@$O>" "<team@$O>" "<p5@$C>"
stop_provider "$PROVIDER"
smtp_connect
smtp_quietly "MAIL FROM:<al@$O>"
for to in q1 q2 q3; do
	smtp_quietly "RCPT TO:<$to@$C>"
done
smtp_message al@$O "parts that wait" >/dev/null
smtp_hang_up
wait_until 60 "three parts wait" "$STAGE/sendmail.log" \
    sendmail_waits_for "Total requests: 3"
again_provider "$PROVIDER" 127.0.0.2
queue_run
wait_until 60 "they have left" "$STAGE/sendmail.log" handed_is $((AT + 3))
ok "parts leave at once, and after a wait"
