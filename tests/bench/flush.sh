# flush.sh - end of message at 2,000 a second while what changed is flushed: 10^6
# senders are known, all stay active, and each message is another one's.  At the
# usual length half a million counters are written (BENCH_SECONDS=2: a million).
# shellcheck shell=bash disable=SC2016,SC2034

FLUSHED=$DISK/flushed/postmeter.db

# asked SQL - one number of the daemon's database
asked() {
	sqlite3 -readonly "$FLUSHED" ".timeout 10000" "$1"
}

measures "End of message at 2,000 a second while counters are flushed, ms"
SERVED_FIRST=()	# as the others are
configure "$STAGE/flushed" flushed/postmeter.db
"$BUILD/tests/bench/fillstore" "$STAGE/flushed" 1000000 ||
    fail "a store of a million senders could not be made"
chown -R "$METER_USER" "$DISK/flushed"
daemon "$STAGE/flushed"
before=$(asked 'SELECT max(seq) FROM counter')
"$BUILD/tests/bench/milterbench" -c 64 -r 2 -L -R 2000 \
    -t "$(awk -v t="$TURN" 'BEGIN { print 50 * t }')" -n "$ROUNDS" \
    "${NULL[rcpt]}" "flushed=$STAGE/flushed.d/milter.sock,$PID,1000000" \
    >"$STAGE/rows"
end "$PID"	# in order, so that the rows have all of it
keep flush '{changed: '"$(asked "SELECT count(*) FROM counter WHERE seq > $before")"',
    messages: (map(select(.target == "flushed").accepted) | add),
    target: [group_by(.target)[] | {target: .[0].target,
    p50: (map(.eom_ms.p50) | spread), p99: (map(.eom_ms.p99) | spread),
    longest: (map(.eom_ms.max) | spread)}]}' <"$STAGE/rows"
show flush '["", "p50", "p99", "longest"], (.summary.target[] | [.target,
    (.p50 | span), (.p99 | span), (.longest | span)])'
note "$(jq -r '.summary | "\(.messages) messages, \(.changed) counters"' \
    "$OUT/flush.json") were flushed"
rm -rf "${DISK:?}/flushed"
