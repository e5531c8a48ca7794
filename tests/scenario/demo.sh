#!/bin/bash
# demo.sh - postmeter at work between an office and its provider, in a minute.
#
# Real mail servers and real mail, on loopback, in namespaces and a directory of
# their own; nothing of it is left afterwards.
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

PROVIDER=smtp.provider.test

title "postmeter: an office, its provider, and a meter between them"
dim "everything runs in $STAGE, apart from this machine's own mail"
dim "and network, and is gone afterwards"
echo
note "provider   $PROVIDER    Postfix and Dovecot; demands STARTTLS and a login"
note "office     mail.office.example   Postfix, wired by postmeterctl setup postfix"
note "limits     3 messages in 10 minutes for each sender,"
note "           at most 3 recipients in one message"

# Who only looks: a user of its own, and a socket that answers questions.
WEB_UID=65500
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
is "accepted" 250 "$CODE" "$STAGE/postmeter.log"
wait_for_arrival $PROVIDER 1
matches "at the provider, over verified TLS, as the office's account" \
    "alice@office.example -> bob@example.org  TLSv1.3  login $LOGIN" \
    "$(arrivals $PROVIDER)" "$STAGE/$PROVIDER/mail.log"

step "Over the limit: two more are fine, the next one has to wait"
send alice@office.example "Second offer" bob@example.org >/dev/null
send alice@office.example "Third offer" bob@example.org >/dev/null
dim "(the second and the third message, not shown)"
send alice@office.example "Fourth offer" bob@example.org
matches "refused for now, with the time when it works again" \
    '^450 4\.7\.1 .*3 messages in 10m.*next at ' "$SAID" \
    "$STAGE/postmeter.log"

step "Too many recipients in one message: the rest goes in the next"
send erin@office.example "Invitation" \
    one@example.org two@example.org three@example.org four@example.org
matches "the fourth recipient has to wait" '452 4\.5\.3 ' "$REFUSED" \
    "$STAGE/postmeter.log"
is "the three before it were accepted" 250 "$CODE" "$STAGE/postmeter.log"

step "A colleague and a customer: only the customer's copy leaves the house"
send erin@office.example "Minutes" dave@office.example carol@example.net
wait_until 60 "dave has his copy" "$STAGE/office/mail.log" mailbox_is dave 1
is "dave's copy stayed in the office" "" \
    "$(arrived_with $PROVIDER dave@office.example)"

step "A program on the server: sendmail(1) is metered too"
note "\$ echo 'Subject: Backup done' | sendmail -f dave@office.example ops@example.net"
handed_in dave@office.example ops@example.net <<<"Subject: Backup done"
wait_for_arrival $PROVIDER 8
ok "it left through the provider as well"

step "What the administrator sees"
note "\$ postmeterctl show alice@office.example"
ctl show alice@office.example | indent
echo
note "\$ postmeterctl top"
ctl top | indent

step "What the provider was given"
arrivals $PROVIDER | indent
is "eight copies and not one more" 8 "$(arrived $PROVIDER)"

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
if command -v chromium >/dev/null; then
	chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
	    --disable-dev-shm-usage --user-data-dir="$STAGE/chrome" \
	    --window-size=1280,1500 --screenshot="$BUILD/page.png" \
	    "$address" >"$STAGE/chromium.log" 2>&1 ||
	    fail "no picture of the page" "$STAGE/chromium.log"
	ok "a picture of it: $BUILD/page.png"
else
	dim "(with Chromium installed, a picture of it would be left in build/)"
fi

printf '\n%s%sdone%s: %d s, all as promised; nothing of it runs any more\n' \
    "$BOLD" "$GREEN" "$PLAIN" "$SECONDS"
