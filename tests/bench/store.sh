# store.sh - the stores alone: charges a second and how long one takes, the
# embedded one beside a Redis on a UNIX socket and on TCP, and a bare PING there.
# shellcheck shell=bash disable=SC2016,SC2034

measures "Charges on two counters, the stores alone"
SERVED_FIRST=()	# as the others are
install -d "$DISK/redis" "$DISK/alone"
start_redis redis --port 6379 --dir "$DISK/redis"
"$BUILD/tests/bench/storebench" -t "$TURN" -n "$ROUNDS" \
    "sqlite=sqlite:$DISK/alone/postmeter.db" \
    "redis-unix=redis+unix://$STAGE/redis/redis.sock" \
    "redis-tcp=redis://127.0.0.1" \
    "ping=ping:$STAGE/redis/redis.sock" >"$STAGE/rows" 2>"$STAGE/late" ||
    fail "storebench" "$STAGE/late"
end_redis redis
# What each has counted at the end is a row of no turn.
keep store 'map(select(.threads)) | [group_by(.threads)[] | . as $all | map(.target) | unique[] |
    . as $t | {threads: $all[0].threads, target: $t,
    per_second: ($all | of($t; .per_second)), p50: ($all | of($t; .p50)),
    p99: ($all | of($t; .p99)), longest: ($all | of($t; .longest)),
    failed: ($all | map(select(.target == $t).failed) | add),
    to_sqlite: ($all | ratio($t; "sqlite"; .per_second))}]' <"$STAGE/rows"
show store '["threads", "", "a second", "to sqlite", "p50 us", "p99 us",
    "longest ms", "late"], (.summary[] | [.threads, .target,
    (.per_second.median | round), (.to_sqlite | span), (.p50 | span),
    (.p99 | span), (.longest | span), .failed])'
