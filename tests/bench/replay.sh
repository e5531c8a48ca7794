# replay.sh - how long a start lasts that has a journal to replay: as much as a
# kill -9 may leave, from senders that each sent one message.
# shellcheck shell=bash disable=SC2016

# journal_bytes STORE - of all its files
journal_bytes() {
	find "$DISK/$1" -name '*-journal.*' -printf '%s\n' |
	    awk '{ s += $1 } END { print s + 0 }'
}

# killed N - a store that N senders have used, and a start after a kill -9
killed() {
	local file=$STAGE/killed store=killed bytes

	configure "$file" "$store/postmeter.db"
	{ "$BUILD/tests/bench/fillstore" -k "$file" "$1" || true; } 2>/dev/null
	chown -R "$METER_USER" "$DISK/$store"
	bytes=$(journal_bytes "$store")
	daemon "$file"
	end "$PID"
	jq -nc --argjson n "$1" --argjson bytes "$bytes" \
	    --argjson start "$START" --argjson replayed \
	    "$(sed -n 's/.*replayed \([0-9]*\) operations.*/\1/p' "$file.log")" \
	    '{messages: $n, bytes: $bytes, replayed: $replayed, start_s: $start}'
	rm -rf "${DISK:?}/$store"
}

measures "A start that replays the journal"
for ((round = 0; round < ROUNDS; round++)); do
	# 8 MiB are flushed (FLUSH_BYTES); the last is just beyond that.
	for n in 1000 20000 40000; do killed "$n"; done
done >"$STAGE/rows"
keep replay '[group_by(.messages)[] | {messages: .[0].messages,
    replayed: (map(.replayed) | max), bytes: (map(.bytes) | max),
    start: (map(.start_s) | spread)}]' <"$STAGE/rows"
show replay '["operations", "MiB of journal", "start s"],
    (.summary[] | [.replayed, (.bytes / 1048576 | round2), (.start | span)])'
