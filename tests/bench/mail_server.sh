# mail_server.sh - one Postfix, a port for each way to meter, smtp-source in
# front and a discarding transport behind: for the parts that have a whole one.  The peers are the
# policy servers that Debian offers for limits.
# shellcheck shell=bash disable=SC2016,SC2034

MESSAGES=$(awk -v t="$TURN" 'BEGIN { print int(t * 1000) }')
declare -A PORT=([none]=2601 [null-rcpt]=2602 [postmeter]=2603 [policyd]=2604
	[postfwd]=2605)
WAYS=(none null-rcpt postmeter policyd postfwd)
SERVERS=()

policyd_conf() {
	cat <<-END
		debug: False
		user: root
		group: root
		pidfile: "$STAGE/policyd.pid"
		backend: 0
		sqlite_config:
		    database: "$DISK/policyd.db"
		SOCKET: "$STAGE/policyd.sock"
		socket_permission: 0666
		limits: [[100000000, 86400]]
		limits_by_id:
		    over-policyd@office.example: [[100, 86400]]
		limit_by_sasl: False
		limit_by_sender: True
		limit_by_ip: False
		limited_networks: []
		success_action: dunno
		fail_action: "450 4.7.1 limit reached"
		db_error_action: dunno
		report: False
		delay_to_close: 300
	END
}

peer_policyd() {
	policyd_conf >"$STAGE/policyd.yaml"
	policyd-rate-limit --file "$STAGE/policyd.yaml" 2>"$STAGE/policyd.log" &
	SERVERS+=($!)
	wait_until 20 "policyd-rate-limit listens" "$STAGE/policyd.log" \
	    test -S "$STAGE/policyd.sock"
}

peer_postfwd() {
	cat >"$STAGE/postfwd.cf" <<-END
		id=OVER; sender=over-postfwd@office.example; action=rate(sender/100/86400/450 4.7.1 limit reached)
		id=ALL; sender=~.; action=rate(sender/100000000/86400/450 4.7.1 limit reached)
	END
	# As Debian starts it.
	postfwd1 --summary=600 --cache=600 --cache-rdomain-only \
	    --cache-no-size --daemon --file="$STAGE/postfwd.cf" \
	    --interface=127.0.0.1 --port=10045 --user=nobody --group=nogroup \
	    --pidfile="$STAGE/postfwd.pid" >"$STAGE/postfwd.log" 2>&1
	wait_until 20 "postfwd listens" "$STAGE/postfwd.log" \
	    port_open 127.0.0.1 10045
}

# way_options WAY - what its smtpd has that the others have not
way_options() {
	case $1 in
	null-rcpt) echo "smtpd_milters=unix:$STAGE/null-rcpt.sock" ;;
	postmeter) echo "smtpd_milters=unix:$STAGE/pm.d/milter.sock" ;;
	policyd) echo "smtpd_recipient_restrictions=check_policy_service,unix:$STAGE/policyd.sock,permit_mynetworks,reject" ;;
	postfwd) echo "smtpd_recipient_restrictions=check_policy_service,inet:127.0.0.1:10045,permit_mynetworks,reject" ;;
	*) echo "smtpd_milters=" ;;
	esac
}

start_postfix() {
	local dir=$STAGE/postfix way

	postfix_outside "$dir" <<-END
		smtpd_policy_service_try_limit = 20
	END
	for way in "${WAYS[@]:1}"; do
		echo "127.0.0.1:${PORT[$way]} inet n - n - - smtpd -o $(way_options "$way")"
	done >>"$dir/master.cf"
	chmod 666 "$STAGE/null-rcpt.sock"
	postfix_start "$dir" "127.0.0.1:${PORT[none]}"
}

# send_many WAY SENDER SESSIONS OPTIONS...
send_many() {
	smtp-source "${@:4}" -s "$3" -f "$2@office.example" \
	    -t rcpt@example.org -M desk.office.example -l 500 \
	    "127.0.0.1:${PORT[$1]}"
}

queue_is_empty() {
	[[ -z $(postfix_queue "$STAGE/postfix") ]]
}

# mail_server - Postfix and the peers, up to mail_server_end
mail_server() {
	peer_policyd
	peer_postfwd
	start_postfix
}

mail_server_end() {
	postfix_do "$STAGE/postfix" stop
	end "${SERVERS[@]}"
	SERVERS=()
	kill "$(cat "$STAGE/postfwd.pid")" 2>/dev/null || true
	rm -rf "$STAGE/postfix" "$STAGE/policyd.sock" "$DISK/policyd.db"
}
