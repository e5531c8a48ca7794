#!/bin/bash
# shared_store.sh - two mail servers, one Redis, 400 connections at once against
# a limit of 1,000: clients hear 1,000 times that their message is queued,
# 1,000 are delivered, 1,000 are counted.
#
# A charge whose reply takes longer than its 200 ms counts and is put off: on a
# machine that is too busy, fewer than 1,000 pass, and the run says how many.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

RUNS=${RUNS:-3}
LIMIT=1000
LOGS=("$STAGE/a/log" "$STAGE/b/log")

title "two mail servers spend one limit"

# mail_server NAME PORT - a Postfix in front of daemon NAME
mail_server() {
	local dir=$STAGE/postfix-$1

	postfix_outside "$dir" <<-END
		smtpd_soft_error_limit = 1000
		smtpd_hard_error_limit = 1000
		smtpd_milters = unix:$STAGE/$1/milter.sock
	END
	postfix_start "$dir" "127.0.0.1:$2"
}

# clients NAME PORT WHO - 200 of them, four messages each, the dialogue kept
clients() {
	smtp-source -A -v -d -s 200 -m 800 -f "$3@office.example" \
	    -t "$3@example.org" -M desk.office.example -l 500 \
	    "127.0.0.1:$2" >"$STAGE/dialogue-$1" 2>&1
}

# times PATTERN FILE... - how often in all of them
times() {
	cat "${@:2}" | grep -cE -- "$1" || true
}

delivered() {
	times "to=<$1@example.org>.* status=sent" "$STAGE"/postfix-?/mail.log
}

delivered_is() {
	(($(delivered "$1") >= $2))
}

# one_run WHO - and what each who took part says of it
one_run() {
	local a b

	clients a 2501 "$1" &
	a=$!
	clients b 2502 "$1" &
	b=$!
	wait "$a" "$b"
	QUEUED=$(times '<<< 250 2\.0\.0 Ok: queued' "$STAGE"/dialogue-?)
	LATE=$(times "sender=<$1@.*verdict=unavailable" "${LOGS[@]}")
	COUNTED=$(counted b "$1@office.example")
	wait_until 60 "all is delivered" "$STAGE/postfix-a/mail.log" \
	    delivered_is "$1" "$QUEUED"
	DELIVERED=$(delivered "$1")
}

start_redis redis
for name in a b; do
	start_daemon "$name" "redis+unix://$STAGE/redis/redis.sock" <<-END
		policy "staff" { messages = {"$LIMIT/24h"} }
		rule "everybody" { policies = {"staff"} }
	END
done
mail_server a 2501
mail_server b 2502

step "400 connections, 1,600 messages, $RUNS times"
exact=0
for ((run = 1; run <= RUNS; run++)); do
	one_run "run$run"
	says="$QUEUED queued, $DELIVERED delivered, $COUNTED counted, $LATE late"
	((QUEUED <= LIMIT && QUEUED + LATE >= LIMIT &&
	    DELIVERED == QUEUED && COUNTED == LIMIT)) ||
	    fail "run $run: $says" "${LOGS[0]}"
	note "run $run: $says"
	exact=$((exact + (QUEUED == LIMIT)))
done
((exact > 0)) || fail "never exactly $LIMIT: too slow" "${LOGS[0]}"
ok "never more than $LIMIT, and exactly $LIMIT in $exact of $RUNS runs"
