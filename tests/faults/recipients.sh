#!/bin/bash
# recipients.sh - 10,000 recipients in one message: counted to the last one,
# in little memory.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "10,000 recipients in one message"

# grows LIMITS - KiB that the first message of 10,000 takes, and twenty more
# that name the same ones
grows() {
	local rss

	an_office "$1"
	fresh_store
	: >"$LEDGER"
	start_postmeter
	load -c 1 -m 20 >/dev/null
	rss=$(memory)
	[[ $(load -c 1 -m 1 -r 10000) == *" recipients=10000 "* ]] ||
	    fail "not all were accepted" "$LOG"
	FIRST=$(($(memory) - rss))
	load -c 1 -m 1 -r 10000 >/dev/null
	rss=$(memory)
	load -c 1 -m 20 -r 10000 >/dev/null
	MORE=$(($(memory) - rss))
	books 0
	end_postmeter TERM
}

# memory - after the flush has had its share
memory() {
	sleep 1.2
	status_of "$METER_PID" VmRSS
}

grows 'messages = {"1M/24h"} recipients = {"1M/24h"}'
((MORE <= 2048)) || fail "twenty more took $MORE KiB" "$LOG"
ok "counted: $FIRST KiB, $((FIRST * 1024 / 10000)) bytes each; twenty such \
messages more: $MORE KiB"
grows 'messages = {"1M/24h"} unique-recipients = {"1M/24h"}'
((MORE <= 2048)) || fail "twenty more took $MORE KiB" "$LOG"
ok "each known by name for a day: $FIRST KiB; twenty such messages more: $MORE KiB"

an_office 'recipients = {"25000/24h"} messages = {"1M/24h"}'
fresh_store
: >"$LEDGER"
start_postmeter
load -c 1 -m 1 >/dev/null
load -c 1 -m 3 -r 10000 >/dev/null
total=$(awk '$3 == "accepted" { n += $4 } END { print n }' "$LEDGER")
is "of 30,001 recipients exactly the limit is accepted" 25000 "$total" "$LOG"
end_postmeter KILL
start_postmeter
books 0
ok "and is counted after kill -9"
end_postmeter TERM
