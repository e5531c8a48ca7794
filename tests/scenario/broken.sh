#!/bin/bash
# broken.sh - ways to break it after it was set up: `check --mta` finds each,
# and the remedy that it names, typed as it stands, mends it.
#
# The commands are those of an administrator: postconf, postfix, systemctl and
# postmeterctl without options.  What they are led to is the stage.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "what breaks is found, and the remedy works when typed"
stage_office <<'END'
policy "staff" { messages = {"50/24h"} recipients-per-message = 100 }
rule "everybody" { sender = {"@office.example"} policies = {"staff"} route = "office" }
END
CF=$STAGE/office
export MAIL_CONFIG=$CF

# --- what an administrator types ----------------------------------------------

mkdir "$STAGE/bin"
cat >"$STAGE/bin/postmeterctl" <<-END
	#!/bin/sh
	exec "$BUILD/postmeterctl" -c "$STAGE/postmeter.conf" "\$@"
END
cat >"$STAGE/bin/service" <<-END
	#!/bin/sh
	echo "\$2" >"$STAGE/wanted"
END
cp "$STAGE/bin/service" "$STAGE/bin/systemctl"
sed -i "s/\$2/\$1/" "$STAGE/bin/systemctl"
# Postfix lets a file settle for two seconds before it reads it: here it is old.
cat >"$STAGE/bin/postfix" <<-END
	#!/bin/sh
	touch -d '1 minute ago' "$CF/main.cf" "$CF/master.cf"
	exec /usr/sbin/postfix "\$@"
END
chmod 755 "$STAGE"/bin/*
export PATH=$STAGE/bin:$PATH

# typed COMMAND - by a shell; what it wants of the daemon is done here
typed() {
	rm -f "$STAGE/wanted"
	bash -c "$1" >"$STAGE/typed.log" 2>&1 || {
		note "typed: $1"
		fail "the remedy does not work" "$STAGE/typed.log"
	}
	[[ -e $STAGE/wanted ]] || return 0
	[[ -z $METER_PID ]] || end_postmeter TERM
	start_postmeter
}

# findings - one a line: text, a tab, the remedy
findings() {
	touch -d '1 minute ago' "$CF/main.cf" "$CF/master.cf"
	postmeterctl --json check --mta >"$STAGE/check.json" 2>/dev/null || true
	sed 's/{"text":"/\n&/g' "$STAGE/check.json" |
	    sed -nE 's/^\{"text":"(([^"\\]|\\.)*)","remedy":"(([^"\\]|\\.)*)".*/\1\t\3/p' |
	    sed 's/\\"/"/g; s/\\\\/\\/g'
}

BROKEN=0
# way COMMAND FINDING - break it, find it, type the remedy, and it is gone
way() {
	local line found

	bash -c "$1" >"$STAGE/break.log" 2>&1 || fail "$1" "$STAGE/break.log"
	BROKEN=$((BROKEN + 1))
	line=$(findings | grep -E -m 1 -- "$2") || {
		note "$1"
		fail "nothing says \"$2\"" "$STAGE/check.json"
	}
	found=${line%%$'\t'*}
	typed "${line#*$'\t'}"
	! line=$(findings | grep -E -m 1 -- "$2") || {
		note "${line#*$'\t'}"
		fail "typed as it stands, it is still there" "$STAGE/check.json"
	}
	found=${found//$STAGE/}
	ok "${found:0:76}"
}

postconf -e 'authorized_submit_users = root, static:all' 'smtpd_recipient_limit = 100'
make_certificate "$STAGE/office-cert" mail.office.example good
for wrapped in 587:no 465:yes; do
	printf '127.0.0.3:%s inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_tls_wrappermode=%s\n' \
	    "${wrapped%:*}" "${wrapped#*:}" >>"$CF/master.cf"
done
postconf -e "smtpd_tls_cert_file = $STAGE/office-cert.pem" \
    "smtpd_tls_key_file = $STAGE/office-cert.key"
postfix_anew "$CF"
chgrp "$METER_USER" "$STAGE/secrets.conf"
chmod 640 "$STAGE/secrets.conf"
is "before, nothing is found" "" "$(findings)"

step "proved: each listener, spoken to"
# proves TEXT... - setup --prove says each of these
proves() {
	local text out

	out=$(postmeterctl setup postfix --apply --prove 2>&1) || true
	for text; do
		[[ $out == *"$text"* ]] || {
			printf '%s\n' "$out" >"$STAGE/proof.log"
			fail "--prove does not say \"$text\"" "$STAGE/proof.log"
		}
		ok "${text:0:76}"
	done
}
proves '# 127.0.0.1:25/inet at 127.0.0.1 port 25: the meter saw it; RCPT got 250' \
    '# 127.0.0.3:587/inet at 127.0.0.3 port 587: the meter saw it; RCPT got 250' \
    '# 127.0.0.3:465/inet at 127.0.0.3 port 465: the meter saw it; RCPT got 250'
is "nothing was charged" "" "$(ctl --json top | grep -o '"used":[^0][0-9]*' || true)"
postconf -P '127.0.0.3:587/inet/receive_override_options=no_milters'
postfix reload 2>/dev/null
proves '127.0.0.1 port 25: the meter saw it' \
    '127.0.0.3 port 587: the meter did NOT see it' \
    'a message to 127.0.0.3 port 587 did not reach the meter'
postconf -P '127.0.0.3:587/inet/receive_override_options='
postfix reload 2>/dev/null

step "mail that goes around the meter"
SUB=127.0.0.3:587/inet
way "postconf -e 'smtpd_milters ='" 'smtpd_milters does not name postmeter'
way "postconf -e 'non_smtpd_milters ='" 'non_smtpd_milters does not name'
way "postconf -e \"smtpd_milters = \$(postconf -h smtpd_milters), inet:localhost:8891\"" \
    'a milter behind postmeter in smtpd_milters'
way "postconf -e \"smtpd_milters = \$(postconf -h smtpd_milters | sed s/tempfail/accept/)\"" \
    'mail passes unmetered while postmeter is away'
way "postconf -P '$SUB/smtpd_milters='" "$SUB: smtpd_milters does not name"
way "postconf -P '$SUB/smtpd_milters={unix:postmeter/milter.sock,default_action=tempfail},inet:localhost:8891'" \
    "$SUB: a milter behind postmeter"
way "postconf -P '$SUB/receive_override_options=no_milters,no_address_mappings'" \
    "$SUB: receive_override_options has no_milters"
way "postconf -e 'smtpd_milter_maps = static:DISABLE'" 'smtpd_milter_maps = '
way "postconf -e 'smtpd_authorized_xclient_hosts = 10.0.0.1'" \
    'these clients choose their address'

step "mail that leaves another way"
SH=smarthost-workspace/unix
way "postconf -MX $SH" "$SH: there is no such service"
way "postconf -e 'sender_dependent_default_transport_maps ='" \
    'does not begin with postmeter'
way "postconf -X rewrite_service_name" 'does not lead the queue manager'
way "postconf -P '$SH/smtp_tls_security_level=may'" 'smtp_tls_security_level is "may"'
way "postconf -P '$SH/smtp_tls_policy_maps='" 'smtp_tls_policy_maps is ""'
way "postconf -P '$SH/smtp_sasl_password_maps=texthash:/etc/postfix/sasl'" \
    'smtp_sasl_password_maps is "texthash'
way "postconf -P '$SH/smtp_delivery_status_filter='" 'smtp_delivery_status_filter is ""'
way "postconf -P '$SH/smtp_connection_cache_on_demand=yes'" \
    'several messages would leave by one login'
way "postconf -P '$SH/smtp_fallback_relay=backup.example'" 'smtp_fallback_relay is'
way "postconf -e 'smtp_tls_CAfile ='" 'without smtp_tls_CAfile'
way "postconf -e 'relayhost = smtp.provider.test'" 'relayhost = smtp.provider.test is not exactly'
way "postconf -e 'smtp_sasl_password_maps = socketmap:unix:postmeter/auth.sock:workspace'" \
    'smtp/unix: it talks to any server'
way "postconf -M 'relay/unix=relay unix - - n - - smtp -v'" 'v writes passwords'

step "habits"
way "postconf -e 'smtpd_forbid_bare_newline = no'" 'smtpd_forbid_bare_newline = no'
way "postconf -e 'debug_peer_list = 127.0.0.1'" 'sessions with passwords are logged'
way "postconf -e 'internal_mail_filter_classes = bounce'" 'has bounce'
way "postconf -e 'smtpd_recipient_limit = 2000'" 'is above the 100 recipients'
way "postconf -e 'authorized_submit_users = static:anyone'" 'any user of the machine'

step "the system as it lives"
way "chmod 600 '$CF/queue/postmeter/milter.sock'" 'cannot open .*milter.sock: Permission denied'
way "chown root '$STAGE/store' && chmod 700 '$STAGE/store'" "cannot write the store's directory"
way "chown root:root '$STAGE/secrets.conf' && chmod 600 '$STAGE/secrets.conf'" 'cannot read the secrets'
way "sed -i 's,50/24h,51/24h,' '$STAGE/postmeter.conf'" 'runs with another configuration'
end_postmeter KILL
way : 'no daemon answers'

step "and undone, all is as it was"
typed "postmeterctl setup postfix --undo && postfix reload"
is "nothing of it is left" "" \
    "$(grep -E 'smarthost-|rewrite-exit|[a-z]\.sock' "$CF/main.cf" "$CF/master.cf" || true)"
ok "$BROKEN ways to break it"
