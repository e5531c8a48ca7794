#!/bin/bash
# restart_in_the_middle.sh - postmeter is killed and started again while mail
# programs hand in messages through Postfix: all arrive, once, and are counted.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "killed in the middle of the day's mail"
LOG=$STAGE/postmeter.log
PROGRAMS=4 EACH=30

stage_office <<'END'
policy "staff" { messages = {"10000/24h"} }
rule "everybody" { policies = {"staff"} route = "office" }
END

# mail_program NAME - keeps each message until it is accepted, as they do;
# notes what it was told
mail_program() {
	local i

	for ((i = 1; i <= EACH; i++)); do
		until try "$1-$i"; do
			echo waits >>"$STAGE/told"
			sleep 0.2
		done
		echo accepted >>"$STAGE/told"
	done
}

# try SUBJECT - one attempt; a refusal of the whole text is noted apart, for
# the meter may have counted it
try() {
	send alice@office.example "$1" bob@example.org >/dev/null
	[[ $CODE != 4* || -n $REFUSED ]] || echo unsure >>"$STAGE/told"
	[[ $CODE == 250 && -z $REFUSED ]]
}

told() {
	grep -c "$1" "$STAGE/told" || true
}

told_is() {
	(($(told accepted) >= $1))
}

step "$PROGRAMS mail programs, $EACH messages each; kill -9 three times"
: >"$STAGE/told"
programs=()
for ((p = 1; p <= PROGRAMS; p++)); do
	mail_program "$p" &
	programs+=($!)
done
all=$((PROGRAMS * EACH))
for part in 1 2 3; do
	wait_until 120 "$((part * all / 4)) messages are accepted" "$LOG" \
	    told_is $((part * all / 4))
	end_postmeter KILL
	note "killed after $(told accepted) messages"
	start_postmeter
done
wait "${programs[@]}"
is "all were accepted in the end" "$all" "$(told accepted)" "$LOG"

step "nothing lost, nothing twice"
wait_until 120 "the queue is empty" "$STAGE/office/mail.log" emptied
is "the provider has each of them" "$all" "$(subjects | sort -u | wc -l)" \
    "$STAGE/office/mail.log"
is "and none twice" "$all" "$(subjects | wc -l)"

step "the count is what was accepted"
counted=$(used alice@office.example) unsure=$(told unsure)
note "$all accepted, $unsure interrupted at their end, $counted counted"
((counted >= all && counted <= all + unsure)) ||
    fail "the count is wrong" "$LOG"
ok "every accepted message is counted, and no other"
