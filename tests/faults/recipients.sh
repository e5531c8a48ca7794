#!/bin/bash
# recipients.sh - 10,000 recipients in one message: counted to the last one,
# in little memory.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "10,000 recipients in one message"
an_office 'messages = {"1M/24h"} recipients = {"25000/24h"}
    unique-recipients = {"1M/24h"}'
start_postmeter
load -c 1 -m 1 >/dev/null
before=$(status_of "$METER_PID" VmRSS)
said=$(load -c 1 -m 1 -r 10000)
[[ $said == *"accepted=1 "*" recipients=10000 "* ]] || fail "$said" "$LOG"
after=$(status_of "$METER_PID" VmRSS)
ok "10,000 accepted (${said##* }), $((after - before)) KiB more in memory"
load -c 1 -m 2 -r 10000 >/dev/null
total=$(awk '$3 == "accepted" { n += $4 } END { print n }' "$LEDGER")
is "of 30,001 recipients exactly the limit is accepted" 25000 "$total" "$LOG"
end_postmeter KILL
start_postmeter
books 0
ok "and is counted after kill -9"
end_postmeter TERM
