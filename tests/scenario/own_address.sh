#!/bin/bash
# own_address.sh - a provider on port 465 that takes its account's own address
# only, and whose password changes: TLS from the first byte, the sender
# rewritten and the old one kept for replies, a new key without a restart.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "a provider with implicit TLS and one sender"
HOST=smtp.second.test
LOG=$STAGE/postmeter.log

meter_configure <<END
smarthost "own" { host = "$HOST" port = 465 username = "acct" secret = "own"
    envelope-sender = "office@second.test" }
route "own" { smarthosts = {"own"} }
rule "everybody" { sender = {"@office.example"} route = "own" }
END
meter_secrets own "old key"
chown "$METER_USER" "$STAGE/secrets.conf"
make_ca
start_provider $HOST 127.0.0.3 good yes "acct:old key"
echo "127.0.0.3:465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes" \
    >>"$STAGE/$HOST/master.cf"
postfix_anew "$STAGE/$HOST"
wait_until 60 "port 465 is open" "$STAGE/$HOST/mail.log" port_open 127.0.0.3 465
office_directory
start_postmeter
wire_office
start_office

# at_provider TEXT - is there a copy with that line?
at_provider() {
	grep -rqx -- "$1" "$STAGE/$HOST/mail/inbox/new"
}

step "TLS from the first byte, the account's own address"
send alice@office.example "one" x@customer.test
is "accepted" 250 "$CODE" "$LOG"
wait_for_arrival $HOST 1
is "it left as the account" \
    "office@second.test -> x@customer.test  TLSv1.3  login acct" \
    "$(arrivals $HOST)"
matches "certificate and name were verified" \
    "Verified TLS connection established to $HOST\[127.0.0.3\]:465" \
    "$(cat "$STAGE/office/mail.log")"
at_provider 'From: .*office@second.test.*' || fail "From: was not rewritten"
ok "From: is the account"
at_provider 'Reply-To: .*alice@office.example.*' || fail "no Reply-To: alice"
ok "a reply goes to alice"

step "a colleague's mail keeps its sender"
send alice@office.example "two" dave@office.example
wait_until 60 "dave has it" "$STAGE/office/mail.log" mailbox_is dave 1
is "From: is still alice" 1 "$(grep -rlx 'From: <alice@office.example>' \
    "$STAGE/office/mail/dave/new" | wc -l)"

step "the key changes: no restart, not of Postfix, not of postmeter"
sleep 1.1	# Dovecot looks at the second in which its file was written
provider_accounts "$STAGE/$HOST" "acct:new key"
send alice@office.example "three" x@customer.test
wait_until 60 "the old key is refused and the message waits" \
    "$STAGE/office/mail.log" waiting_because "uthentication failed"
ok "with the old key it waits"
printf 'new key\n' | ctl secret set own >"$STAGE/setup.log" 2>&1 ||
    fail "postmeterctl secret set" "$STAGE/setup.log"
wait_until 120 "the queue is empty" "$STAGE/office/mail.log" emptied
is "with the new one it left" 2 "$(arrived $HOST)"
is "the daemon was started once" 1 "$(grep -c 'ready:' "$LOG")"
