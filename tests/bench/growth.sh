# growth.sh - what many active senders cost in each store: messages a second,
# memory, start and disk, with 100 to 10^6 that log in and send without order.
# shellcheck shell=bash disable=SC2016,SC2034

read -ra SENDERS <<<"${BENCH_SENDERS:-100 10000 100000 1000000}"

# grow KIND N - a daemon whose store knows N senders, except in memory alone,
# where they come as they send; it joins GROWN and its row goes to known
grow() {
	local name=$1-$2 file begun=$EPOCHREALTIME store=grown-$1-$2/postmeter.db

	file=$STAGE/grown-$name
	case $1 in
	memory) store=memory: ;;
	shared)
		install -d "$DISK/$name"
		start_redis "$name" --dir "$DISK/$name"
		store=redis+unix://$STAGE/$name/redis.sock
		;;
	esac
	configure "$file" "$store"
	if [[ $1 != memory ]]; then
		"$BUILD/tests/bench/fillstore" "$file" "$2" ||
		    fail "a store of $2 senders could not be made"
	fi
	[[ $1 != embedded ]] || chown -R "$METER_USER" "$DISK/grown-$name"
	begun=$(seconds_since "$begun")
	daemon "$file"
	GROWN+=("$name=$file.d/milter.sock,$PID,$2")
	GROWN_PID+=("$PID")
	jq -nc --arg store "$1" --argjson n "$2" --argjson fill "$begun" \
	    --argjson start "$START" --argjson rss "$(weight_of "$PID")" \
	    '{store: $store, senders: $n, fill_s: $fill, start_s: $start, start_kb: $rss}' \
	    >>"$STAGE/known"
}

# on_disk NAME - bytes of a store's files
on_disk() {
	find "$DISK" -path "*$1/*" -type f -printf '%s\n' |
	    awk '{ s += $1 } END { print s + 0 }'
}

# grown KIND - the daemons of one store and the null milter take turns
grown() {
	local n i

	GROWN=() GROWN_PID=()
	for n in "${SENDERS[@]}"; do grow "$1" "$n"; done
	"$BUILD/tests/bench/milterbench" -c 64 -r 2 -L -t "$TURN" -n "$ROUNDS" \
	    "${NULL[rcpt]}" "${GROWN[@]}" | jq -c --arg s "$1" '. + {store: $s}' \
	    >>"$STAGE/rows"
	for i in "${!SENDERS[@]}"; do
		jq -nc --arg store "$1" --argjson n "${SENDERS[i]}" \
		    --argjson kb "$(weight_of "${GROWN_PID[i]}")" \
		    --argjson disk "$(on_disk "$1-${SENDERS[i]}")" \
		    '{store: $store, senders: $n, busy_kb: $kb, disk_bytes: $disk}' \
		    >>"$STAGE/known"
	done
	end "${GROWN_PID[@]}"
	for n in "${SENDERS[@]}"; do
		[[ $1 != shared ]] || end_redis "shared-$n"
		rm -rf "$DISK"/*"$1-$n"
	done
}

measures "Active senders: what they cost"
SERVED_FIRST=()	# as the others are
: >"$STAGE/rows"
: >"$STAGE/known"
# shellcheck disable=SC2086
for kind in ${BENCH_STORES:-embedded memory shared}; do grown "$kind"; done
jq -c '{turn: .}' <"$STAGE/rows" >"$STAGE/all"
jq -c '{known: .}' <"$STAGE/known" >>"$STAGE/all"
keep growth '(map(.turn // empty)) as $turns | (map(.known // empty)) as $known |
    [$known | group_by([.store, .senders])[] | add | . as $k |
    ($turns | map(select(.store == $k.store))) as $t |
    "\($k.store)-\($k.senders)" as $name |
    ($t | map(.target) | map(select(startswith($k.store)))[0]) as $least |
    $k + {per_second: ($t | of($name; .per_second)),
    ratio: ($t | ratio($name; "null-rcpt"; .per_second)),
    to_few: ($t | ratio($name; $least; .per_second)),
    p99: ($t | of($name; .eom_ms.p99)), longest: ($t | of($name; .eom_ms.max))}]' \
    <"$STAGE/all"
show growth '["store", "senders", "a second", "to null-rcpt", "to the fewest",
    "longest end ms", "start s", "MiB at start", "MiB busy", "MiB on disk"],
    (.summary[] | [.store, .senders, (.per_second.median | round),
    (.ratio | span), (.to_few | span), (.longest | span), .start_s,
    (.start_kb / 1024 | round), (.busy_kb / 1024 | round),
    (.disk_bytes / 1048576 | round)])'
