#!/bin/bash
# no_credential_leaks.sh - whoever stands where the provider should be sees no
# login, and the mail waits with the reason.
#
# The provider writes down every command of its client.  It is made wrong in
# each way, then right: that it does see the login then shows that it would
# have seen it before.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "no credential leaks"
PROVIDER=smtp.provider.test
RECORD=$STAGE/$PROVIDER/mail.log

stage_office <<'END'
rule "everybody" { route = "office" }
END
provider_records $PROVIDER

# forms_of_the_secret - as it would look on the wire: alone, and in both
# mechanisms
forms_of_the_secret() {
	echo "$SECRET"
	printf '%s' "$SECRET" | base64
	printf '%s' "$LOGIN" | base64
	printf '\0%s\0%s' "$LOGIN" "$SECRET" | base64 -w0
}

# seen - what the provider saw of a login since the record began
seen() {
	grep -aE '< [^ ]*: AUTH' "$RECORD" || true
	grep -aF "$(forms_of_the_secret)" "$RECORD" || true
}

# refused_for REASON - tried now, the office's log since BEGIN has the reason
refused_for() {
	retry_now
	sleep 0.5
	tail -c "+$BEGIN" "$STAGE/office/mail.log" | grep -F -- "$1"
}

# impostor WHAT CERTIFICATE TLS REASON - the mail is tried, waits, and says why
impostor() {
	step "$1"
	provider_becomes $PROVIDER "$2" "$3"
	: >"$RECORD"
	BEGIN=$(stat -c %s "$STAGE/office/mail.log")
	wait_until 60 "the office says: $4" "$STAGE/office/mail.log" \
	    refused_for "$4"
	ok "the office refuses: $4"
	wait_until 60 "the message waits" "$STAGE/office/mail.log" \
	    waiting_because "delay_reason"
	dim "in the queue: $(waiting |
	    sed -nE 's/.*"delay_reason": "([^"]*)".*/\1/p')"
	matches "the provider's record has this visit" 'EHLO mail\.office\.example' \
	    "$(cat "$RECORD")" "$RECORD"
	is "it holds no AUTH and no form of the secret" "" "$(seen)" "$RECORD"
}

provider_becomes $PROVIDER self-signed yes
send alice@office.example "patience" bob@example.org
is "accepted by the office" 250 "$CODE" "$STAGE/postmeter.log"

impostor "a certificate that nobody signed" self-signed yes "self-signed certificate"
impostor "a certificate for another name" wrong-name yes "Server certificate not verified"
impostor "a certificate of yesterday" expired yes "certificate has expired"
impostor "STARTTLS stripped, a login in clear welcome" good no \
    "TLS is required, but was not offered"

step "the right provider"
: >"$RECORD"	# first: a try may still be under way
provider_becomes $PROVIDER good yes
retry_now
wait_for_arrival $PROVIDER 1
ok "the message has arrived"
login_recorded() {
	seen | grep 'AUTH PLAIN '
}
wait_until 60 "the record holds the login" "$RECORD" login_recorded
ok "now the record holds the login: it would have, before"
is "the office's own log never did" "" \
    "$(grep -aF "$(forms_of_the_secret)" "$STAGE/office/mail.log" \
	"$STAGE/postmeter.log" || true)"
