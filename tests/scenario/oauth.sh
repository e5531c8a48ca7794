#!/bin/bash
# oauth.sh - mail leaves by access token: a provider that verifies each one, a
# token server that gives good ones and every kind of bad answer, and what is
# left of tokens in logs, files and memory.  LONG=1: a queue of 500 messages, a
# hundred renewals, a token server that never answers.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # on_stage reads it
LID=400
on_stage "$@"

title "mail leaves by access token"
PROVIDER=smtp.provider.test
TOKENS=smtp.second.test	# 127.0.0.3
PLACE=$STAGE/tokens
USER_AT=office@office.example
AGENT_LOG=$STAGE/agent.log
KEY=0123456789abcdef0123456789abcdef
QUEUE=${LONG:+500}
RENEWALS=${LONG:+100}

# --- tokens -------------------------------------------------------------------

b64url() {
	openssl base64 -A | tr '+/' '-_' | tr -d '='
}

# jwt SECONDS BYTES NAME - a signed token that lives for so long, padded
jwt() {
	local head payload now
	now=$(date +%s)
	head=$(printf '{"alg":"HS256","typ":"JWT"}' | b64url)
	payload=$(printf '{"sub":"%s","email":"%s","scope":"mail","iat":%d,"exp":%d,"jti":"%s","pad":"%s"}' \
	    "$USER_AT" "$USER_AT" "$((now - 5))" "$((now + $1))" "$3" \
	    "$(head -c "$2" /dev/zero | tr '\0' P)" | b64url)
	printf '%s.%s.%s' "$head" "$payload" "$(printf '%s.%s' "$head" \
	    "$payload" | openssl dgst -sha256 -hmac "$KEY" -binary | b64url)"
}

# gives [N] STATUS BODY - what the token server says (to request N)
gives() {
	local file=$PLACE/answer
	if (($# == 3)); then file+=.$1; shift; fi
	printf '%s\n%s' "$1" "$2" >"$file.new"
	mv "$file.new" "$file"
}

# gives_token SECONDS BYTES NAME [REFRESH] - a good one
gives_token() {
	gives 200 "{\"access_token\":\"$(jwt "$1" "$2" "$3")\",\"token_type\":\"Bearer\",\"expires_in\":$1${4:+,\"refresh_token\":\"$4\"}}"
}

asked() {
	[[ ! -e $PLACE/asked ]] || grep -c . "$PLACE/asked"
}

start_tokens() {
	make_certificate "$PLACE/$1" "$TOKENS" "$1"
	cat "$PLACE/$1.key" "$PLACE/$1.pem" >"$PLACE/$1.both"
	"$BUILD/tests/load/tokend" 127.0.0.3 "$2" "$PLACE/$1.both" "$PLACE" &
	wait_until 60 "the token server answers" /dev/null \
	    port_open 127.0.0.3 "$2"
}

# log_in - the person's part: the refresh token is pasted
log_in() {
	echo refresh-0 | ctl login first 2>&1 || true
}

# renew_now - the agent looks again at once, for its file changed
renew_now() {
	local before
	before=$(asked)
	touch "$STAGE/store/oauth/first"
	wait_until 60 "the agent asks" "$AGENT_LOG" more_asked "$before"
}

more_asked() {
	(($(asked) > $1))
}

status_has() {
	grep -F -- "$1" < <(ctl status)
}

# --- the provider -------------------------------------------------------------

# provider_oauth DIR - Dovecot verifies the tokens itself
provider_oauth() {
	mkdir -p "$1/keys/default/HS256"
	printf '%s' "$KEY" | openssl base64 -A \
	    >"$1/keys/default/HS256/default"
	chmod -R a+rX "$1/keys"
	if [[ $(dovecot --version) == 2.[0-3].* ]]; then
		cat >"$1/oauth2.conf" <<-END
			introspection_mode = local
			local_validation_key_dict = fs:posix:prefix=$1/keys/
			username_attribute = email
		END
		cat >>"$1/dovecot.conf" <<-END
			auth_mechanisms = plain login xoauth2 oauthbearer
			passdb {
			  driver = oauth2
			  mechanisms = xoauth2 oauthbearer
			  args = $1/oauth2.conf
			}
		END
	else
		cat >>"$1/dovecot.conf" <<-END
			auth_mechanisms = plain login xoauth2 oauthbearer
			oauth2 {
			  introspection_mode = local
			  username_attribute = email
			}
			oauth2_local_validation {
			  dict fs {
			    fs posix {
			      prefix = $1/keys/
			    }
			  }
			}
			passdb oauth2 {
			  mechanisms_filter = xoauth2 oauthbearer
			}
		END
	fi
	doveadm -c "$1/dovecot.conf" reload >>"$1/start.log" 2>&1 ||
	    fail "Dovecot does not take the tokens" "$1/start.log"
}

# service_says NAME VALUE - of the smarthost's client in the office
service_says() {
	postconf -c "$STAGE/office" -P "smarthost-first/unix/$1=$2"
}

install -d "$PLACE"
meter_configure <<END
oauth-state = "$STAGE/store/oauth"
smarthost "first" { host = "$PROVIDER" username = "$USER_AT" auth = "oauth"
    grant = "refresh" client-id = "client" token-url = "https://$TOKENS:8443/token" }
smarthost "second" { host = "$PROVIDER" username = "clerk" secret = "second" }
route "all" { smarthosts = {"first"} }
route "password" { smarthosts = {"second"} }
rule "clerk" { sender = {"clerk@office.example"} route = "password" }
rule "everybody" { route = "all" }
END
meter_secrets second "a password"
chown "$METER_USER" "$STAGE/secrets.conf"
make_ca
stage_private /etc/ssl/certs/ca-certificates.crt <"$STAGE/ca.pem"
# The plugin stands among the modules of the system, on this stage only.
SASL=$(pkg-config --variable=libdir libsasl2)/sasl2
cp -R "$SASL" "$STAGE/sasl2"
cp "$BUILD/libpostmeter-oauth.so" "$STAGE/sasl2/"
mount --bind "$STAGE/sasl2" "$SASL"
start_provider $PROVIDER 127.0.0.2 good yes "clerk:a password"
provider_oauth "$STAGE/$PROVIDER"
start_tokens good 8443
office_directory
start_postmeter
wire_office
start_office
start_agent

step "nobody has allowed it yet"
send alice@office.example "early" bob@example.org
is "mail is accepted" 250 "$CODE" "$STAGE/postmeter.log"
wait_until 60 "and waits: no token is no login, never mail without one" \
    "$STAGE/office/mail.log" waiting_because "bob@example.org"
wait_until 60 "status says what to do" "$AGENT_LOG" \
    status_has "run postmeterctl login"

step "a person allows it"
gives_token 3600 10 first-token refresh-1
matches "login says that there is a token" 'there is a token by refresh' \
    "$(log_in)"
is "the provider's new refresh token is on disk" refresh-1 \
    "$(cat "$STAGE/store/oauth/first")"
is "for the daemon's user alone" "600 $METER_USER" \
    "$(stat -c '%a %U' "$STAGE/store/oauth/first")"
wait_until 60 "the daemon has a token" "$AGENT_LOG" status_has "token by refresh, until"
retry_now
wait_for_arrival $PROVIDER 1
matches "the provider saw XOAUTH2" "sasl_method=XOAUTH2, sasl_username=$USER_AT" \
    "$(cat "$STAGE/$PROVIDER/mail.log")"
matches "test logs in with a token, too" 'AUTH.*235' "$(ctl test first)"

step "a password at the same server, from the same host, stays a password"
before=$(arrived $PROVIDER)
send clerk@office.example "by password" bob@example.org >/dev/null
wait_for_arrival $PROVIDER $((before + 1))
matches "the provider saw one, though it offers XOAUTH2" \
    "sasl_method=(PLAIN|LOGIN), sasl_username=clerk" \
    "$(cat "$STAGE/$PROVIDER/mail.log")"

step "tokens of every length"
for bytes in 10 1700 6600; do
	gives_token 3600 "$bytes" "length-$bytes"
	renew_now
	wait_until 60 "the daemon has it" "$STAGE/postmeter.log" \
	    status_has "token by refresh, until"
	length=$(($(wc -c <"$PLACE/answer") - 70))
	before=$(arrived $PROVIDER)
	send alice@office.example "length $bytes" bob@example.org >/dev/null
	wait_for_arrival $PROVIDER $((before + 1))
	ok "a token of about $length bytes"
done

step "OAUTHBEARER"
service_says smtp_sasl_mechanism_filter oauthbearer
postfix -c "$STAGE/office" reload 2>/dev/null
before=$(arrived $PROVIDER)
send alice@office.example "bearer" bob@example.org
wait_for_arrival $PROVIDER $((before + 1))
matches "the provider saw it" "sasl_method=OAUTHBEARER" \
    "$(cat "$STAGE/$PROVIDER/mail.log")"
service_says smtp_sasl_mechanism_filter xoauth2
postfix -c "$STAGE/office" reload 2>/dev/null

step "what token servers say"
# said BODY-STATUS BODY EXPECTED - the agent tells cause and remedy in status
said() {
	gives "$1" "$2"
	renew_now
	wait_until 60 "$3" "$AGENT_LOG" status_has "$3"
	ok "$3"
}
said 400 '{"error":"invalid_grant","error_description":"Token has been expired or revoked."}' \
    "revoked, unused for 6 months"
said 400 '{"error":"invalid_grant","error_description":"AADSTS50173: x","error_codes":[50173]}' \
    "the password was changed"
said 400 '{"error":"access_denied","error_description":"AADSTS53003: x","error_codes":[53003]}' \
    "Conditional Access"
said 401 '{"error":"invalid_client","error_description":"AADSTS7000222: x","error_codes":[7000222]}' \
    "the client secret has expired"
said 503 '' "the token server has trouble"
said garbage '' "$TOKENS:8443/token: "
said close '' "no answer"
said 200 '{"access_token":""}' "holds no token"
[[ -z ${LONG-} ]] || said slow '' "no answer"
wait_until 60 "the token that is there goes on" "$AGENT_LOG" \
    status_has "token by refresh, until"

step "a token server with the wrong certificate hears nothing"
start_tokens expired 8444
is_before=$(asked)
sed -i 's/:8443/:8444/' "$STAGE/postmeter.conf"
wait_until 60 "it is refused" "$AGENT_LOG" status_has "certificate"
is "no form was sent" "$is_before" "$(asked)"
sed -i 's/:8444/:8443/' "$STAGE/postmeter.conf"

step "a refresh token that was replaced is never lost"
gives_token 3600 10 rotated refresh-2
renew_now
wait_until 60 "it is on disk" "$AGENT_LOG" grep -qx refresh-2 "$STAGE/store/oauth/first"
gives_token 3600 10 rotated-again
renew_now
matches "and is what is shown next" 'refresh_token=refresh-2' \
    "$(tail -1 "$PLACE/asked")"

step "a token that ends while mail waits"
# A token is not handed out in its last minute: this one is good for seconds.
gives_token 68 10 short
renew_now
gives 400 '{"error":"temporarily_unavailable"}'
before=$(arrived $PROVIDER)
QUEUE=${QUEUE:-80}
for ((i = 1; i <= QUEUE; i++)); do
	((i != QUEUE * 3 / 4)) || wait_until 60 "it is over" "$AGENT_LOG" \
	    status_has "NOT VALID"
	send alice@office.example "queue $i" "c$i@example.org" >/dev/null
done
gives_token 3600 10 next
renew_now
wait_until 60 "there is a new one" "$AGENT_LOG" status_has "token by refresh, until"
retry_now
wait_until 120 "the queue is empty" "$STAGE/office/mail.log" queue_empty
sleep 2
is "none is lost, none is doubled" $((before + QUEUE)) "$(arrived $PROVIDER)"
is "nobody was sent a bounce" 0 "$(mailbox alice)"

step "a daemon that was started again is told again"
end_postmeter TERM
start_postmeter
wait_until 60 "it has the token" "$AGENT_LOG" status_has "token by refresh, until"

step "what is left of all those tokens"
gives 200 "{\"access_token\":\"MARK-@N@-$(head -c 300 /dev/zero | tr '\0' M)-END\",\"expires_in\":1}"
before=$(asked)
renew_now
wait_until 200 "many renewals" "$AGENT_LOG" \
    more_asked $((before + ${RENEWALS:-40}))
gives 200 "{\"access_token\":\"MARK-0-$(head -c 300 /dev/zero | tr '\0' M)-END\",\"expires_in\":3600}"
wait_until 60 "the daemon has the last" "$AGENT_LOG" status_has "token by refresh, until"
sleep 6

# marks PID - in how much of its memory a token is found
marks() {
	local from to
	while IFS=' -' read -r from to _; do
		dd if="/proc/$1/mem" bs=4096 skip=$((16#$from / 4096)) \
		    count=$(((16#$to - 16#$from) / 4096)) 2>/dev/null |
		    grep -aoE 'MARK-[0-9]+-MMMMMM' || true
	done < <(grep -E '^[0-9a-f]+-[0-9a-f]+ rw' "/proc/$1/maps")
}
is "the daemon's memory holds the last, once" "MARK-0-MMMMMM" \
    "$(marks "$METER_PID")"
is "the agent's likewise" "MARK-0-MMMMMM" "$(marks "$AGENT_PID")"
is "no log, no file and no export holds one" "" \
    "$(grep -rlaE 'MARK-[0-9]+-MMM' "$STAGE/postmeter.log" "$AGENT_LOG" \
	"$STAGE/store" "$STAGE/office/mail.log" <(ctl export) || true)"
