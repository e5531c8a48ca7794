#!/bin/bash
# hold.sh - mail of three senders is held and leaves by itself: the provider
# never sees more than its limit, whatever is killed in between; what is held
# too long goes back.
#
# LID=600 HELD=500 MOST=40 tests/scenario/hold.sh is the long one.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
HELD=${HELD:-30}	# messages of three senders
on_stage "$@"

title "held mail"
LOG=$STAGE/postmeter.log
HOST=smtp.provider.test
SPAN=6	# seconds
MOST=${MOST:-10}	# messages that the account may send in them

# The account has a limit of its own, which the provider would enforce.
export ACCOUNT_LIMITS="messages = {\"$MOST/${SPAN}s\"} when-over = \"hold\""

stage_office <<'END'
hold-max = 1000
release-rate = 0
policy "slow" { messages = {"5/6s"} when-over = "hold" }
rule "everybody" { sender = {"@office.example"} policies = {"slow"} route = "office" }
END

# on_hold - how many messages Postfix holds
on_hold() {
	postqueue -c "$STAGE/office" -j | grep -c '"queue_name": "hold"' || true
}

release() {
	ctl release --due --postfix-config "$STAGE/office" \
	    >>"$STAGE/release.log" 2>&1
}

# charged - how many messages the daemon has charged in all
charged() {
	ctl metrics | sed -nE \
	    's/^postmeter_messages_total\{verdict="pass",rule="everybody"\} //p'
}

# drain COUNT - until so many arrived
drain() {
	local end=$((SECONDS + LID))

	until arrived_is $HOST "$1"; do
		((SECONDS < end)) || fail "only $(arrived $HOST) of $1 left" "$LOG"
		release || true
		postqueue -c "$STAGE/office" -f
		sleep 0.5
	done
}

# most_in SECONDS - the most copies that arrived within a span of that length
most_in() {
	find "$STAGE/$HOST/mail/inbox/new" -type f -printf '%T@\n' | sort -n |
	    awk -v span="$1" '{
		t[NR] = $1
		while (t[NR] - t[first + 1] >= span) first++
		if (NR - first > most) most = NR - first
	    } END { print most + 0 }'
}

step "$HELD messages of three senders"
for who in a b c; do
	smtp-source -s 2 -m $((HELD / 3)) -f "$who@office.example" \
	    -t "$who@customer.test" -M desk.office.example -l 300 \
	    "$OFFICE_ADDRESS:$OFFICE_PORT" || fail "smtp-source" "$LOG" &
	SOURCES+=($!)
done
wait "${SOURCES[@]}"
before=$(on_hold)
((before > HELD / 3)) || fail "only $before are held" "$LOG"
ok "$before are held, nobody was refused"

step "who asks is killed when it was charged, and nobody let it go"
sleep $((SPAN + 1))
mkdir "$STAGE/killer"
# shellcheck disable=SC2016 # the shell that is written expands it
printf '#!/bin/sh\nkill -9 $PPID\n' >"$STAGE/killer/postsuper"
chmod 755 "$STAGE/killer/postsuper"
was=$(charged)
(PATH=$STAGE/killer:$PATH release) 2>/dev/null || true
paid=$(($(charged) - was))
((paid > 0)) || fail "nothing was charged" "$LOG"
ok "$paid were charged, and it died"
now=$(on_hold)
release || true
is "those $paid leave, and are not charged again" "$((now - paid))" \
    "$(($(on_hold) + $(charged) - was - paid))"

step "the daemon is killed in the middle"
end_postmeter KILL
release && fail "it says that all is well" "$STAGE/release.log"
start_postmeter
send a@office.example "in line" a@customer.test
is "what comes now is taken" 250 "$CODE" "$LOG"
matches "and stands behind what is held" 'verdict=hold' \
    "$(grep 'sender=<a@office.example>.*verdict=' "$LOG" | tail -1)"

step "two ask at once, and Postfix is away for a while"
release &
release &
wait $! || true
postfix_stop "$STAGE/office"
release || true
postfix_again "$STAGE/office" "$OFFICE_ADDRESS:$OFFICE_PORT"
drain $((HELD / 3 * 3 + 1))
is "nothing is held any more" 0 "$(on_hold)"
is "each arrived once" $((HELD / 3 * 3 + 1)) "$(arrived $HOST)"

# A copy is on its way for a moment: that much of the span is left out.
most=$(most_in $((SPAN - 1)))
((most <= MOST)) ||
    fail "the provider saw $most within $SPAN s, $MOST are allowed" "$LOG"
ok "the provider never saw more than $MOST in $SPAN s: at most $most"

step "somebody deletes what is held"
smtp-source -m 7 -f d@office.example -t d@customer.test \
    -M desk.office.example "$OFFICE_ADDRESS:$OFFICE_PORT"
is "two are held" 2 "$(on_hold)"
id=$(postqueue -c "$STAGE/office" -j | sed -nE \
    '/"queue_name": "hold"/s/.*"queue_id": "([^"]+)".*/\1/p' | head -1)
postsuper -c "$STAGE/office" -d "$id" 2>/dev/null
sleep $((SPAN + 1))
ctl block d@office.example --postfix-config "$STAGE/office" >/dev/null
release || true
is "the other one stays: its sender is blocked" 1 "$(on_hold)"

step "what is held too long goes back to its sender"
# Days ago, as trace and queue tell it.
sqlite3 "$STAGE/store/trace.db" '.timeout 5000' \
    "UPDATE entry SET at = at - 300000000 WHERE verdict = 'hold'"
cat >"$STAGE/killer/postqueue" <<'END'
#!/bin/sh
/usr/sbin/postqueue "$@" | sed 's/"arrival_time": [0-9]*/"arrival_time": 1/'
END
chmod 755 "$STAGE/killer/postqueue"
rm "$STAGE/killer/postsuper"
(PATH=$STAGE/killer:$PATH release)
matches "it is returned" 'returned: ' "$(tail -1 "$STAGE/release.log")"
wait_until 60 "a notice says so" "$STAGE/office/mail.log" \
    grep -q 'to=<d@office.example>' "$STAGE/office/mail.log"
is "nothing is held any more" 0 "$(on_hold)"
matches "and the operator can read it" 'held too long' "$(ctl events -n 50)"
