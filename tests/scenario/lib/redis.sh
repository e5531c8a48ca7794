# redis.sh - a Redis of the stage, and the daemons of mail servers that share
# it.  REDIS_SERVER names another one, such as valkey-server.
#
# An office that needs this has a machine for each of them.  Here all share
# one with those who send the mail and with whatever else it does, so store and
# daemons are served first, where that is permitted.
# shellcheck shell=bash

REDIS_SERVER=${REDIS_SERVER:-redis-server}
SERVED_FIRST=(chrt --fifo 1)
"${SERVED_FIRST[@]}" true 2>/dev/null || SERVED_FIRST=()
REDIS_NET=()	# set: in another network
REDIS_PASS=''	# set: clients want it
declare -A REDIS_PID DAEMON_PID

# start_redis NAME OPTIONS... - in a directory of its own; what it wrote there
# before, it knows
start_redis() {
	local dir=$STAGE/$1

	install -d -m 755 "$dir"
	"${SERVED_FIRST[@]}" "${REDIS_NET[@]}" "$REDIS_SERVER" --port 0 \
	    --unixsocket "$dir/redis.sock" --unixsocketperm 777 --dir "$dir" \
	    --save "" --appendonly yes --appendfsync everysec \
	    --enable-debug-command local "${@:2}" >>"$dir/log" 2>&1 &
	REDIS_PID[$1]=$!
	wait_until 30 "Redis answers" "$dir/log" redis "$1" ping
}

# redis NAME COMMAND... - true if it was done
redis() {
	redis-cli --no-auth-warning ${REDIS_PASS:+-a "$REDIS_PASS"} -e \
	    -s "$STAGE/$1/redis.sock" "${@:2}" >/dev/null
}

end_redis() {
	kill -KILL "${REDIS_PID[$1]}"
	wait "${REDIS_PID[$1]}" 2>/dev/null || true
}

# start_daemon NAME STORE - its milter is $STAGE/NAME/milter.sock; policies and
# rules come from standard input
start_daemon() {
	local dir=$STAGE/$1

	install -d -o "$METER_USER" -m 755 "$dir"
	{
		meter_places "$dir" "$dir" "$2"
		cat
	} >"$dir/conf"
	again_daemon "$1"
}

# again_daemon NAME - as it was configured
again_daemon() {
	local log=$STAGE/$1/log before

	touch "$log"
	before=$(grep -c 'ready:' "$log" || true)
	"${SERVED_FIRST[@]}" "$BUILD/postmeter" -c "$STAGE/$1/conf" 2>>"$log" &
	DAEMON_PID[$1]=$!
	wait_until 60 "postmeter $1 is ready" "$log" \
	    is_ready_again "$log" "$before"
}

is_ready_again() {
	(($(grep -c 'ready:' "$1") > $2))
}

end_daemon() {
	kill "-$2" "${DAEMON_PID[$1]}"
	wait "${DAEMON_PID[$1]}" 2>/dev/null || true
}

# counted NAME WHO - messages of policy "staff", as daemon NAME sees it; fails
# if it cannot know
counted() {
	local said

	said=$("$BUILD/postmeterctl" -c "$STAGE/$1/conf" --json show "$2") || {
		echo "$said" >&2
		return 1
	}
	tr -d ' \n' <<<"$said" | sed -nE \
	    's/.*"policy":"staff".*"dimension":"messages"[^}]*"used":([0-9]+).*/\1/p' |
	    grep . || echo 0
}
