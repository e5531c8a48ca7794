# growth.sh - what many known senders cost: at start, in memory, on the disk,
# and in messages a second.
# shellcheck shell=bash

# known N - one row
known() {
	local file=$STAGE/grown-$1 begun=$EPOCHREALTIME filled rows

	configure "$file" "grown-$1/postmeter.db"
	"$BUILD/tests/bench/fillstore" "$file" "$1" ||
	    fail "a store of $1 senders could not be made"
	chown -R "$METER_USER" "$DISK/grown-$1"
	filled=$(seconds_since "$begun")
	daemon "$file"
	"$BUILD/tests/bench/milterbench" -c 8 -S "$1" -L -t "$TURN" -n 3 \
	    "${NULL[rcpt]}" "postmeter=$file.d/milter.sock,$PID" >"$STAGE/rows"
	rows=$(jq -s -c . "$STAGE/rows")
	jq -nc --argjson n "$1" --argjson fill "$filled" --argjson start "$START" \
	    --argjson rss "$(weight_of "$PID")" --argjson rows "$rows" \
	    --argjson disk "$(du -sb "$DISK/grown-$1" | cut -f1)" \
	    '{senders: $n, fill_s: $fill, start_s: $start, rss_kb: $rss,
	    disk_bytes: $disk, turns: $rows}'
	end "$PID"
	rm -rf "$DISK/grown-$1"
}

step "Known senders: what they cost"
# shellcheck disable=SC2086
for n in ${BENCH_SENDERS:-1000 10000 100000 1000000}; do known "$n"; done \
    >"$STAGE/known"
keep growth 'map({senders, fill_s, start_s, rss_kb, disk_bytes,
    ratio: (.turns | ratio("postmeter"; "null-rcpt"; .per_second))})' <"$STAGE/known"
show growth '["senders", "start s", "RSS MiB", "disk MiB", "bytes a sender",
    "ratio to null, 8 connections"],
    (.summary[] | [.senders, .start_s, (.rss_kb / 1024 | round),
    (.disk_bytes / 1048576 | round), (.disk_bytes / .senders | round),
    (.ratio | span)])'
