#!/bin/bash
# log_blocked.sh - whoever reads the log stands still: mail is answered and
# counted all the same, and the log says later how much of it is missing.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "nobody reads the log"
an_office
mkfifo "$STAGE/pipe"
cat "$STAGE/pipe" >>"$LOG" &
READER=$!
SIZE=0
"$BUILD/postmeter" -c "$STAGE/postmeter.conf" 2>"$STAGE/pipe" &
METER_PID=$!
await_start

kill -STOP "$READER"
# Far more than a pipe and what the daemon keeps can hold.
N=$(rounds 5000 50000)
load -c 8 -m "$N" | grep -q "accepted=$((8 * N)) " ||
    fail "mail waits for the log" "$LOG"
books 0
ctl status >/dev/null || fail "the tool waits for the log" "$LOG"
kill -CONT "$READER"

# What is said of messages, and what is said to be missing.
told() {
	local seen dropped

	seen=$(grep -c 'verdict=' "$LOG" || true)
	dropped=$(sed -nE 's/^postmeter: ([0-9]+) lines of the log were .*/\1/p' \
	    "$LOG" | awk '{ n += $1 } END { print n + 0 }')
	((dropped > 0 && seen + dropped == 8 * N))
}
wait_until 30 "the log has accounted for all of it" "$LOG" told
ok "$((8 * N)) accepted and counted while nobody read; \
$(grep -c 'verdict=' "$LOG") of them in the log, the others counted there"
before=$(grep -c 'verdict=' "$LOG")
load -c 1 -m 10 >/dev/null
goes_on() {
	(($(grep -c 'verdict=' "$LOG") == before + 10))
}
wait_until 30 "it goes on" "$LOG" goes_on
ok "and it goes on"

# Nobody to read it at all any more.
kill -KILL "$READER"
wait "$READER" 2>/dev/null || true
load -c 4 -m 25 | grep -q 'accepted=100 ' || fail "mail waits for the log"
books 0
ok "a reader that is gone for good harms nobody"
end_postmeter TERM
