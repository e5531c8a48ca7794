# overshoot.sh - how many messages pass a limit when many arrive at once.
# shellcheck shell=bash disable=SC2016

# shellcheck source=tests/bench/mail_server.sh
. "$BENCH/mail_server.sh"

# admitted WAY - how many of its messages for over-WAY were taken
admitted() {
	grep -c "from=<over-$1@office.example>, size=" \
	    "$STAGE/postfix/mail.log" || true
}

# overshoot WAY - 200 clients at once, a limit of 100
overshoot() {
	send_many "$1" "over-$1" 200 -A -m 400 >/dev/null 2>&1 || true
	wait_until 60 "the queue is empty" "$STAGE/postfix/mail.log" queue_is_empty
	jq -nc --arg t "$1" --argjson n "$(admitted "$1")" \
	    '{target: $t, limit: 100, clients: 200, messages: 400, admitted: $n}'
}

measures "A limit of 100, 400 messages from 200 connections at once"
mail_server
for way in "${WAYS[@]:2}"; do overshoot "$way"; done >"$STAGE/rows"
keep overshoot 'map(. + {overshoot: (.admitted - .limit)})' <"$STAGE/rows"
show overshoot '["", "admitted", "beyond the limit"],
    (.summary[] | [.target, .admitted, .overshoot])'
mail_server_end
