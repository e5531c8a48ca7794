#!/bin/bash
# message_goes_all_the_way.sh - from a mail program in the office to the
# mailbox at the provider, and every way to be stopped in between.
#
# NARRATOR=yes is `make demo`: the same with somebody who says what is seen. It
# ends at the page, where there is nothing more to look at.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

PROVIDER=smtp.provider.test
LOG=$STAGE/postmeter.log
WEB_UID=65500	# who only looks: a user of its own

title "a message goes all the way"
aside "everything runs in $STAGE, apart from this machine's own mail"
aside "and network, and is gone afterwards"
tell ""
tell "provider   $PROVIDER    Postfix and Dovecot; demands STARTTLS and a login"
tell "office     mail.office.example   Postfix, wired by postmeterctl setup postfix"
tell "limits     3 messages in 10 minutes for each sender,"
tell "           at most 3 recipients in one message"

install -d -o $WEB_UID -m 755 "$STAGE/web"
stage_office <<END
view-socket = "unix:$STAGE/view/view.sock"
view-peers = {"$WEB_UID"}
web-key = "$STAGE/web/key"
policy "staff" {
    messages = {"3/10m"}
    recipients-per-message = 3
    text = "ask it@office.example"
}
rule "everybody" { sender = {"@office.example"} policies = {"staff"} route = "office" }
END

step "Under the limit: alice's mail leaves through the provider"
send alice@office.example "Offer" bob@example.org
is "accepted" 250 "$CODE" "$LOG"
wait_for_arrival $PROVIDER 1
is "at the provider, over verified TLS, as the office's account" \
    "alice@office.example -> bob@example.org  TLSv1.3  login $LOGIN" \
    "$(arrivals $PROVIDER)" "$STAGE/$PROVIDER/mail.log"
matches "the office had verified certificate and name" \
    "Verified TLS connection established to $PROVIDER\[127.0.0.2\]:587" \
    "$(cat "$STAGE/office/mail.log")"
is "charged once" 1 "$(used alice@office.example)" "$LOG"

step "Over the limit: two more are fine, the next one has to wait"
unseen send alice@office.example "Second offer" bob@example.org
unseen send alice@office.example "Third offer" bob@example.org
aside "(the second and the third message, not shown)"
send alice@office.example "Fourth offer" bob@example.org
matches "refused before its text is sent, with the time when it works again" \
    '^450 4\.7\.1 .*Sending limit reached: 3 messages in 10m for alice@office.example; next at [0-9:]+ [+-][0-9]{4} \(in .*\)\. ask it@office.example' \
    "$REFUSED" "$LOG"
is "a refused message costs nothing" 3 "$(used alice@office.example)" "$LOG"
unseen send alice@office.example "To a colleague" dave@office.example
is "mail to a colleague is none of the provider's business" 250 "$CODE" "$LOG"

step "Too many recipients in one message: the rest goes in the next"
send erin@office.example "Invitation" \
    one@example.org two@example.org three@example.org four@example.org
matches "the fourth recipient has to wait" \
    '^452 4\.5\.3 .*Too many recipients: at most 3 in one message' \
    "$REFUSED" "$LOG"
is "and is the only one" 1 "$(grep -c . <<<"$REFUSED")"
is "the three before it were accepted" 250 "$CODE" "$LOG"

step "A colleague and a customer: only the customer's copy leaves the house"
send erin@office.example "Minutes" dave@office.example carol@example.net
wait_until 60 "dave has both his messages" "$STAGE/office/mail.log" \
    mailbox_is dave 2
wait_for_arrival $PROVIDER 7
is "dave's copy stayed in the office" "" \
    "$(arrived_with $PROVIDER dave@office.example)"

step "A program on the server: sendmail(1) is metered too"
tell "\$ echo 'Subject: Backup done' | sendmail -f dave@office.example ops@example.net"
handed_in dave@office.example ops@example.net <<<"Subject: Backup done"
wait_for_arrival $PROVIDER 8
is "it left through the provider as well, metered" 1 \
    "$(used dave@office.example)" "$LOG"
handed_in alice@office.example ops@example.net <<<"Subject: too many"
refused_at_its_end() {
	grep -q 'milter-reject: END-OF-MESSAGE .*from=<alice@office.example>' \
	    "$STAGE/office/mail.log"
}
wait_until 60 "it is decided" "$LOG" refused_at_its_end
is "over the limit it waits as a whole, and Postfix has no complaint" "" \
    "$(grep 'milter configuration error' "$STAGE/office/mail.log" || true)"
postsuper -c "$STAGE/office" -d ALL maildrop 2>/dev/null

step "Nobody's mail: a sender without a rule"
send mallory@elsewhere.test "Lottery" bob@example.org
matches "is refused for good" \
    '^550 5\.7\.1 .*No sending rule for this sender' "$REFUSED" "$LOG"

step "What the administrator sees, and what the provider was given"
demonstrate show alice@office.example
demonstrate top
! narrated || arrivals $PROVIDER | indent
matches "explain knows why alice must wait" '3 of 3 messages in 10m' \
    "$(ctl explain --sender alice@office.example --rcpt bob@example.org ||
	true)"
wait_until 60 "the queue is empty" "$STAGE/office/mail.log" queue_empty
is "eight copies at the provider and not one more" 8 "$(arrived $PROVIDER)"

# the_page - the same, to look at; a picture of it stays
the_page() {
	local address

	step "The page: the same, to look at"
	setpriv --reuid $WEB_UID --regid $WEB_UID --clear-groups \
	    "$BUILD/postmeter-web" -c "$STAGE/postmeter.conf" \
	    --listen 127.0.0.1:8025 2>"$STAGE/web.log" &
	wait_until 60 "the page is ready" "$STAGE/web.log" \
	    grep -q ready: "$STAGE/web.log"
	note "\$ postmeterctl web"
	address=$(ctl web)
	note "$address"
	dim "(good once and on this stage only: it ends with the demo)"
	if ! command -v chromium >/dev/null; then
		dim "(with Chromium installed, a picture of it would be left in build/)"
		return
	fi
	chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
	    --disable-dev-shm-usage --user-data-dir="$STAGE/chrome" \
	    --window-size=1280,1500 --screenshot="$BUILD/page.png" \
	    "$address" >"$STAGE/chromium.log" 2>&1 ||
	    fail "no picture of the page" "$STAGE/chromium.log"
	ok "a picture of it: $BUILD/page.png"
}

if narrated; then
	the_page
	printf '\n%s%sdone%s: %d s, all as promised; nothing of it runs any more\n' \
	    "$BOLD" "$GREEN" "$PLAIN" "$SECONDS"
	exit 0
fi

step "The tool and Postfix agree"
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

step "Everything taken back"
ctl setup postfix --undo --postfix-config "$STAGE/office" >/dev/null
is "main.cf is as it was" "" \
    "$(diff "$STAGE/main.cf.before" "$STAGE/office/main.cf")"
is "master.cf is as it was" "" \
    "$(diff "$STAGE/master.cf.before" "$STAGE/office/master.cf")"
end_postmeter TERM
matches "without a daemon nothing is called good" \
    'no daemon answers at .*: all mail gets 451' "$(says)"
