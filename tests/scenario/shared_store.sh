#!/bin/bash
# shared_store.sh - two daemons, one Redis, 400 connections at once against a
# limit of 1,000: exactly 1,000 messages pass; and none too many when a daemon
# or the Redis dies, or stands still, in the midst.  On a machine so busy that
# a charge took longer than the budget, that one counts and is put off.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "two mail servers spend one limit"
RUNS=${RUNS:-20}
LOG=$STAGE/postmeter.log
REDIS=$STAGE/redis/redis.sock

install -d -m 755 "$STAGE/redis" "$STAGE/redis/data"

start_redis() {
	redis-server --port 0 --unixsocket "$REDIS" --unixsocketperm 777 \
	    --dir "$STAGE/redis/data" --save "" --appendonly yes \
	    --appendfsync everysec --enable-debug-command local \
	    >"$STAGE/redis/log" &
	REDIS_PID=$!
	wait_until 30 "Redis answers" "$STAGE/redis/log" redis ping
}

redis() {
	redis-cli -s "$REDIS" "$@" >/dev/null
}

# daemon NAME - its configuration, and itself
daemon() {
	local sockets=$STAGE/$1

	install -d -o "$METER_USER" -m 755 "$sockets"
	cat >"$sockets/conf" <<-END
		milter-socket  = "unix:$sockets/milter.sock"
		map-socket     = "unix:$sockets/map.sock"
		auth-socket    = "unix:$sockets/auth.sock"
		control-socket = "unix:$sockets/control.sock"
		user           = "$METER_USER"
		store          = "redis+unix://$REDIS"
		networks       = {"127.0.0.0/8"}
		local-domains  = {"office.example"}
		policy "staff" { messages = {"1000/24h"} }
		rule "everybody" { policies = {"staff"} }
	END
	"$BUILD/postmeter" -c "$sockets/conf" 2>>"$LOG" &
	PID[$1]=$!
	wait_until 60 "postmeter $1 is ready" "$LOG" \
	    test -S "$sockets/control.sock" -a -S "$sockets/milter.sock"
	wait_until 60 "postmeter $1 answers" "$LOG" \
	    "$BUILD/postmeterctl" -c "$sockets/conf" status
}

end_daemon() {
	kill "-$1" "${PID[$2]}"
	wait "${PID[$2]}" 2>/dev/null || true
}

# load NAME MESSAGES - 200 connections to it, that many messages each
load() {
	"$BUILD/tests/tools/milterload" -s "$STAGE/$1/milter.sock" -c 200 \
	    -m "$2" -w 60 >"$STAGE/$1/totals" || fail "milterload" "$LOG"
}

total() {
	sed -nE "s/.*\b$2=([0-9]+).*/\1/p" "$STAGE/$1/totals"
}

# both MESSAGES - loads both at once; the trouble runs beside it
both() {
	load a "$1" &
	local a=$!
	load b "$1" &
	local b=$!

	shift
	"$@"
	wait "$a" "$b"
}

counted() {
	"$BUILD/postmeterctl" -c "$STAGE/b/conf" --json show \
	    sender0@office.example | tr -d ' \n' | sed -nE \
	    's/.*"policy":"staff".*"dimension":"messages"[^}]*"used":([0-9]+).*/\1/p'
}

# no_more - accepted is no more than counted, which is no more than the limit
no_more() {
	local accepted=$(($(total a accepted) + $(total b accepted)))
	local counted

	wait_until 30 "the counter can be read" "$LOG" counted
	counted=$(counted)
	((accepted <= counted && counted <= 1000)) ||
	    fail "$1: $accepted accepted, $counted counted" "$LOG"
	ok "$1: $accepted accepted, $counted counted"
}

declare -A PID
start_redis

step "400 connections, 3,200 messages, $RUNS times"
for ((run = 1; run <= RUNS; run++)); do
	redis flushall
	daemon a
	daemon b
	late=$(grep -c verdict=unavailable "$LOG" || true)
	both 8 true
	late=$(($(grep -c verdict=unavailable "$LOG" || true) - late))
	accepted=$(($(total a accepted) + $(total b accepted)))
	missing=$((1000 - accepted))
	if ((missing < 0 || missing > late)) || [[ $(counted) != 1000 ]]; then
		fail "run $run: $accepted accepted, $(counted) counted, $late late" \
		    "$LOG"
	fi
	((missing == 0)) || note "run $run: $missing counted but put off"
	end_daemon TERM a
	end_daemon TERM b
done
ok "1,000 counted, no more accepted, each time"

step "trouble in the midst"
killed_daemon() {
	sleep 0.05
	end_daemon KILL a
	daemon a
}
killed_redis() {
	sleep 0.05
	kill -KILL "$REDIS_PID"
	wait "$REDIS_PID" 2>/dev/null || true
	start_redis
}
paused() {
	sleep 0.05
	redis client pause 1500 all
}
asleep() {
	sleep 0.05
	redis debug sleep 1.5
}
for trouble in killed_daemon killed_redis paused asleep; do
	redis flushall
	daemon a
	daemon b
	both 4 "$trouble"
	no_more "$trouble"
	end_daemon TERM a
	end_daemon TERM b
done
kill "$REDIS_PID"
