# office.sh - the office's mail server: local mailboxes for office.example, and
# everything else as postmeter wired it.
# shellcheck shell=bash

OFFICE_ADDRESS=127.0.0.1
OFFICE_PORT=25

# office_directory - all that it is made of, before it is wired and started
office_directory() {
	local dir=$STAGE/office

	office_main "$dir" | postfix_directory "$dir"
	postfix_listens "$dir" "$OFFICE_ADDRESS:$OFFICE_PORT"
	printf '%s@office.example %s/\n' alice alice dave dave erin erin \
	    >"$dir/mailboxes"
}

# start_office - wired before: what Postfix runs before a reload may serve one
# more client as it was
start_office() {
	postfix_again "$STAGE/office" "$OFFICE_ADDRESS:$OFFICE_PORT"
}

office_main() {
	cat <<-END
		myhostname = mail.office.example
		inet_interfaces = $OFFICE_ADDRESS
		mynetworks = 127.0.0.0/8
		virtual_mailbox_domains = office.example
		virtual_mailbox_maps = texthash:$1/mailboxes
		smtp_tls_CAfile = $STAGE/ca.pem
		smtp_tls_loglevel = 1
	END
}

# wire_office - what the README tells the administrator to do
wire_office() {
	ctl setup postfix --apply --postfix-config "$STAGE/office" \
	    >"$STAGE/setup.log" 2>&1 ||
	    fail "postmeterctl setup postfix --apply" "$STAGE/setup.log"
}

# mailbox WHO - how many messages are in a mailbox of the office
mailbox() {
	count_files "$STAGE/office/mail/$1/new"
}

mailbox_is() {
	(($(mailbox "$1") >= $2))
}

# waiting - what is in the office's queue, one line of JSON a message
waiting() {
	postfix_queue "$STAGE/office"
}

# waiting_because TEXT - is something waiting for that reason?
waiting_because() {
	waiting | grep -F -- "$1"
}

queue_empty() {
	[[ -z $(waiting) ]]
}

# retry_now - what waits is tried at once
retry_now() {
	postqueue -c "$STAGE/office" -f
}

# handed_in FROM TO... - a program hands a message to sendmail(1)
handed_in() {
	local from=$1

	shift
	sendmail -C "$STAGE/office" -i -f "$from" "$@"
}

LOGIN=office@office.example
SECRET='correct horse battery staple'

# stage_office - provider, office and postmeter, wired and ready; policies and
# rules come from standard input, the route is "office"
stage_office() {
	{
		office_route
		cat
	} | meter_configure
	meter_secrets workspace "$SECRET"
	make_ca
	start_provider smtp.provider.test 127.0.0.2 good yes "$LOGIN:$SECRET"
	office_directory
	cp "$STAGE/office/main.cf" "$STAGE/main.cf.before"
	cp "$STAGE/office/master.cf" "$STAGE/master.cf.before"
	start_postmeter
	wire_office
	start_office
}

# ACCOUNT_LIMITS are those of the account, if it has some.
office_route() {
	local own=''

	if [[ -n ${ACCOUNT_LIMITS:-} ]]; then
		own='policies = {"account"}'
		echo "policy \"account\" { per = \"everyone\" $ACCOUNT_LIMITS }"
	fi
	cat <<-END
		smarthost "workspace" {
		    host = "smtp.provider.test"
		    username = "$LOGIN"
		    secret = "workspace"
		    $own
		}
		route "office" { smarthosts = {"workspace"} }
	END
}

# emptied - tried again until nothing waits any more
emptied() {
	retry_now
	queue_empty
}
