# postfix.sh - a whole mail server: messages a second, end to end, for each way
# to meter.
# shellcheck shell=bash disable=SC2016

# shellcheck source=tests/bench/mail_server.sh
. "$BENCH/mail_server.sh"

# turn ROUND WAY SESSIONS - one row
turn() {
	local begun=$EPOCHREALTIME took

	send_many "$2" "speed-$2" "$3" -d -m "$MESSAGES" ||
	    fail "smtp-source against $2" "$STAGE/postfix/mail.log"
	took=$(seconds_since "$begun")
	jq -nc --argjson r "$1" --arg t "$2" --argjson s "$3" \
	    --argjson n "$MESSAGES" --argjson took "$took" \
	    '{round: $r, target: $t, sessions: $s, per_second: ($n / $took)}'
	wait_until 60 "the queue is empty" "$STAGE/postfix/mail.log" queue_is_empty
}

in_turns() {
	local round sessions way

	for sessions in 8 50; do
		for ((round = 0; round < ROUNDS; round++)); do
			for way in "${WAYS[@]}"; do
				turn "$round" "$way" "$sessions"
			done
		done
	done
}

measures "A whole Postfix, messages a second end to end"
mail_server
in_turns >"$STAGE/rows"
keep postfix '[group_by(.sessions)[] | . as $all | map(.target) | unique[] |
    . as $t | {sessions: $all[0].sessions, target: $t,
    per_second: ($all | of($t; .per_second)),
    to_null: ($all | ratio($t; "null-rcpt"; .per_second))}]' \
    <"$STAGE/rows"
show postfix '["sessions", "", "a second", "to the null milter"],
    (.summary[] | [.sessions, .target, (.per_second.median | round),
    (.to_null | span)])'
mail_server_end
