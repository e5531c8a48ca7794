# provider.sh - the provider: Postfix that demands TLS and a login, Dovecot
# that knows the accounts, one mailbox for everything it was given.
# shellcheck shell=bash

# start_provider NAME ADDRESS CERTIFICATE TLS USER:PASSWORD...
# CERTIFICATE as in tls.sh; TLS no: a server (or somebody in between) that
# offers no STARTTLS and would take the login in clear.
start_provider() {
	local name=$1 address=$2 kind=$3 tls=$4 dir=$STAGE/$1

	shift 4
	mkdir -p "$dir"
	make_certificate "$dir/cert" "$name" "$kind"
	provider_main "$name" "$address" "$tls" | postfix_directory "$dir"
	# Whoever connects before Dovecot is there makes Postfix wait a minute.
	install -d "$dir/queue"
	install -d -o postfix -m 700 "$dir/queue/private"
	provider_accounts "$dir" "$@"
	provider_dovecot "$dir"
	postfix_start "$dir" "$address:587"
}

provider_main() {
	local dir=$STAGE/$1

	cat <<-END
		myhostname = $1
		inet_interfaces = $2
		mynetworks =
		$(provider_tls "$3")
		smtpd_tls_cert_file = $dir/cert.pem
		smtpd_tls_key_file = $dir/cert.key
		smtpd_tls_received_header = yes
		smtpd_sasl_auth_enable = yes
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = private/auth
		smtpd_sasl_authenticated_header = yes
		smtpd_relay_restrictions = permit_sasl_authenticated, reject
		default_transport = virtual
		virtual_mailbox_maps = static:inbox/
	END
}

# provider_accounts DIR USER:PASSWORD...
provider_accounts() {
	local dir=$1 account

	shift
	for account; do
		printf '%s:{PLAIN}%s\n' "${account%%:*}" "${account#*:}"
	done >"$dir/accounts"
	chown root:dovecot "$dir/accounts"
	chmod 640 "$dir/accounts"
}

# dovecot_accounts FILE - in the words of this version
dovecot_accounts() {
	if [[ $(dovecot --version) == 2.[0-3].* ]]; then
		cat <<-END
			passdb {
			  driver = passwd-file
			  args = username_format=%u $1
			}
			userdb {
			  driver = static
			  args = uid=nobody gid=nogroup home=/nonexistent
			}
		END
	else
		cat <<-END
			passdb passwd-file {
			  passwd_file_path = $1
			}
			userdb static {
			  fields {
			    uid = nobody
			    gid = nogroup
			    home = /nonexistent
			  }
			}
		END
	fi
}

provider_dovecot() {
	{
		# From 2.4 on it wants to be told for which version that is.
		[[ $(dovecot --version) == 2.[0-3].* ]] ||
		    printf 'dovecot_%s_version = 2.4.0\n' config storage
		cat <<-END
			base_dir = $1/dovecot
			state_dir = $1/dovecot
			log_path = $1/dovecot.log
			protocols =
			ssl = no
			auth_mechanisms = plain login
			$(dovecot_accounts "$1/accounts")
			service auth {
			  unix_listener $1/queue/private/auth {
			    mode = 0660
			    user = postfix
			    group = postfix
			  }
			}
		END
	} >"$1/dovecot.conf"
	dovecot -c "$1/dovecot.conf" 2>"$1/start.log" ||
	    fail "Dovecot does not start" "$1/start.log"
	wait_until 60 "Dovecot answers" "$1/dovecot.log" \
	    test -S "$1/queue/private/auth"
}

# arrived NAME - how many messages (a copy for each recipient) it was given
arrived() {
	count_files "$STAGE/$1/mail/inbox/new"
}

# taken NAME - how many messages it took, whatever their recipients
taken() {
	grep -c 'sasl_username=' "$STAGE/$1/mail.log" || true
}

# arrived_with NAME TEXT - the files that contain TEXT
arrived_with() {
	grep -rlF -- "$2" "$STAGE/$1/mail/inbox/new" 2>/dev/null || true
}

arrived_is() {
	(($(arrived "$1") >= $2))
}

# wait_for_arrival NAME COUNT - until COUNT copies are there
wait_for_arrival() {
	wait_until 120 "$2 copies are at $1" "$STAGE/office/mail.log" \
	    arrived_is "$1" "$2"
}

# arrivals NAME - what a provider was given, a line a copy: who, to whom, over
# which TLS, with which login
arrivals() {
	local file

	for file in "$STAGE/$1"/mail/inbox/new/*; do
		printf '%s -> %s  %s  login %s\n' \
		    "$(header_of "$file" 's/^Return-Path: <(.*)>/\1/p')" \
		    "$(header_of "$file" 's/^X-Original-To: //p')" \
		    "$(header_of "$file" 's/^\t\(using (TLSv[0-9.]+) .*/\1/p')" \
		    "$(header_of "$file" 's/^\t\(Authenticated sender: (.*)\)/\1/p')"
	done | sort
}

# header_of FILE EDIT - the first line that sed's EDIT prints
header_of() {
	local found

	found=$(sed -nE "$2" "$1")
	echo "${found%%$'\n'*}"
}

# provider_becomes NAME CERTIFICATE TLS - from the next connection on
provider_becomes() {
	local dir=$STAGE/$1

	make_certificate "$dir/cert" "$1" "$2"
	provider_tls "$3" | while read -r setting; do
		postconf -c "$dir" -e "$setting"
	done
	postfix_anew "$dir"
}

# provider_tls TLS - as in start_provider
provider_tls() {
	if [[ $1 == yes ]]; then
		echo "smtpd_tls_security_level = encrypt"
	else
		echo "smtpd_tls_security_level = none"
	fi
	echo "smtpd_tls_auth_only = $1"
}

# provider_records NAME - from now on its log has every command it is given
provider_records() {
	postconf -c "$STAGE/$1" -e debug_peer_list=127.0.0.0/8
	postfix_anew "$STAGE/$1"
}

# subjects [PROVIDER] - of all that arrived, a line a copy
subjects() {
	sed -nE 's/^Subject: //p' "$STAGE/${1:-smtp.provider.test}"/mail/inbox/new/*
}

# stop_provider NAME, again_provider NAME ADDRESS - it is away
stop_provider() {
	postfix -c "$STAGE/$1" stop >/dev/null 2>&1
}

again_provider() {
	postfix -c "$STAGE/$1" start >/dev/null 2>&1
	wait_until 60 "$1 greets" "$STAGE/$1/mail.log" port_open "$2" 587
}
