#!/bin/bash
# shared_store_trouble.sh - the shared store, or the way to it, or one of the
# daemons has an accident while 400 connections send through two of them.
#
# Each time: no more accepted than counted, no more counted than the limit, no
# callback longer than 2 s; and afterwards the limit fills up to its last
# message, as if nothing had been.
#
# shellcheck source=tests/scenario/lib.sh
# shellcheck disable=SC2034
LID=600
. "$(dirname "$0")/lib.sh"
on_stage "$@"

LIMIT=3000
REDIS=redis+unix://$STAGE/redis/redis.sock
ALL=(daemon_killed redis_killed client_pause debug_sleep maxmemory readonly
	stalled_proxy half_open sentinel_failover)
((${#@} < 2)) || ALL=("${@:2}")

title "the shared store in trouble, 400 connections, two daemons"

# load NAME MESSAGES - 200 connections to it, so many messages each
load() {
	"$BUILD/tests/load/milterload" -s "$STAGE/$1/milter.sock" -c 200 \
	    -m "$2" -w 60 >"$STAGE/$1/totals" || fail "milterload" "$STAGE/$1/log"
}

# total - of both, what was accepted
total() {
	sed -nE 's/.*\baccepted=([0-9]+).*/\1/p' "$STAGE"/[ab]/totals |
	    awk '{ n += $1 } END { print n + 0 }'
}

# both MESSAGES COMMAND... - loads both at once; the command runs beside it
both() {
	local a b

	load a "$1" &
	a=$!
	load b "$1" &
	b=$!
	wait_until 30 "some have passed" "$STAGE/b/log" some_passed
	"${@:2}"
	wait "$a" "$b"
}

some_passed() {
	(($(counted b sender0@office.example) > 0))
}

# longest - ms, of all callbacks that took longer than 100
longest() {
	sed -nE 's/.*slow: .* took=([0-9]+)ms.*/\1/p' "$STAGE"/[ab]/log |
	    sort -n | tail -n 1
}

is_well() {
	"$BUILD/postmeterctl" -c "$STAGE/$1/conf" --json status |
	    grep '"healthy": *true'
}

knows() {
	COUNTED=$(counted b sender0@office.example)
}

# claim - what is accepted is counted, and no more than the limit
claim() {
	wait_until 60 "daemon a is well" "$STAGE/a/log" is_well a
	wait_until 60 "daemon b is well" "$STAGE/b/log" is_well b
	wait_until 60 "daemon b knows what was counted" "$STAGE/b/log" knows
	SAYS="$ACCEPTED accepted, $COUNTED counted"
	((ACCEPTED <= COUNTED + LOSS && COUNTED <= LIMIT)) ||
	    fail "$1: $SAYS" "$STAGE/b/log"
}

# trouble NAME [STORE [SECRET]] - before, in the midst of it, and afterwards
trouble() {
	local name=$1 longest

	rm -f "$STAGE"/[ab]/log
	for daemon in a b; do
		start_daemon "$daemon" "${2:-$REDIS}" <<-END
			${3:+store-secret = "$3"}
			policy "staff" { messages = {"$LIMIT/24h"} }
			rule "everybody" { policies = {"staff"} }
		END
	done
	both 10 "$name"
	ACCEPTED=$(total)
	claim "$name"
	before=$SAYS
	both 10 true
	ACCEPTED=$((ACCEPTED + $(total)))
	claim "$name, afterwards"
	((COUNTED == LIMIT)) || fail "$name, afterwards: $SAYS" "$STAGE/b/log"
	longest=$(longest)
	((${longest:=0} <= 2000)) ||
	    fail "$name: a callback took $longest ms" "$STAGE/b/log"
	ok "$name: $before; afterwards $SAYS; longest ${longest/#0/< 100} ms"
	end_daemon a KILL
	end_daemon b KILL
}
LOSS=0	# what a failover may forget

# --- the accidents -----------------------------------------------------------

daemon_killed() {
	end_daemon a KILL
	again_daemon a
}

redis_killed() {
	end_redis redis
	sleep 0.3
	start_redis redis
}

client_pause() {
	redis redis client pause 1500 all
}

debug_sleep() {
	redis redis debug sleep 1.5
}

maxmemory() {
	redis redis config set maxmemory 1
	sleep 1
	redis redis config set maxmemory 0
}

readonly() {
	redis redis replicaof 127.0.0.1 1
	sleep 1
	redis redis replicaof no one
}

# The proxy forwards what it had when it goes on: late charges count.
stalled_proxy() {
	kill -STOP "$PROXY"
	sleep 1.5
	kill -CONT "$PROXY"
}

# The cable is pulled and the machine behind it dies: nobody hears of that.
half_open() {
	nsenter --target "$FAR" --net ip link set far down
	sleep 1
	end_redis redis
	start_redis redis "${FAR_OPTIONS[@]}"
	nsenter --target "$FAR" --net ip link set far up
}

sentinel_failover() {
	end_redis one
}

# --- their stages ------------------------------------------------------------

behind_a_proxy() {
	"$BUILD/tests/load/proxy" 6390 "$STAGE/redis/redis.sock" &
	PROXY=$!
	wait_until 10 "the proxy listens" "" port_open 127.0.0.1 6390
	trouble stalled_proxy redis://127.0.0.1:6390
	kill "$PROXY"
}

FAR_OPTIONS=(--port 6379 --bind "* -::*" --protected-mode no)

is_far() {
	[[ $(readlink "/proc/$FAR/ns/net") != $(readlink /proc/self/ns/net) ]]
}

on_a_far_machine() {
	unshare --net sleep infinity &
	FAR=$!
	wait_until 10 "there is another network" "" is_far
	if ! ip link add near type veth peer name far netns "$FAR"; then
		note "half_open: left out, for it needs veth"
		kill "$FAR"
		return
	fi
	end_redis redis
	ip address add 10.9.9.1/24 dev near
	ip link set near up
	nsenter --target "$FAR" --net ip address add 10.9.9.2/24 dev far
	nsenter --target "$FAR" --net ip link set far up
	REDIS_NET=(nsenter --target "$FAR" --net)
	start_redis redis "${FAR_OPTIONS[@]}"
	trouble half_open redis://10.9.9.2
	end_redis redis
	# shellcheck disable=SC2034
	REDIS_NET=()
	kill "$FAR"
	start_redis redis
}

# sentinel - one that looks after "one" and "two", and wants a password as they
sentinel() {
	cat >"$STAGE/sentinel.conf" <<-END
		port 26379
		dir $STAGE
		requirepass $REDIS_PASS
		sentinel monitor office 127.0.0.1 6401 1
		sentinel auth-pass office $REDIS_PASS
		sentinel down-after-milliseconds office 500
		sentinel failover-timeout office 3000
	END
	"$REDIS_SERVER" "$STAGE/sentinel.conf" --sentinel >"$STAGE/sentinel.log" &
	SENTINEL=$!
	wait_until 60 "Sentinel knows the replica" "$STAGE/sentinel.log" \
	    sentinel_knows
}

sentinel_knows() {
	redis-cli -p 26379 -a "$REDIS_PASS" --no-auth-warning info sentinel |
	    grep -q 'slaves=1'
}

replicates() {
	redis-cli -s "$STAGE/two/redis.sock" -a "$REDIS_PASS" \
	    --no-auth-warning info | grep -q master_link_status:up
}

# A master that dies takes with it what its replica had not yet heard.
before_sentinels() {
	local options=(--requirepass opensesame --masterauth opensesame)

	REDIS_PASS=opensesame
	start_redis one --port 6401 "${options[@]}" --repl-diskless-sync-delay 0
	start_redis two --port 6402 "${options[@]}" --replicaof 127.0.0.1 6401
	wait_until 60 "the replica follows" "$STAGE/two/log" replicates
	sentinel
	meter_secrets store "$REDIS_PASS"
	LOSS=400
	trouble sentinel_failover redis+sentinel://127.0.0.1/office store
	LOSS=0
	kill "$SENTINEL"
	end_redis two
	REDIS_PASS=''
}

step "one after the other"
start_redis redis
for name in "${ALL[@]}"; do
	case $name in
	stalled_proxy) behind_a_proxy ;;
	half_open) on_a_far_machine ;;
	sentinel_failover) before_sentinels ;;
	*) trouble "$name" ;;
	esac
	redis redis flushall
done
