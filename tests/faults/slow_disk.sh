#!/bin/bash
# slow_disk.sh - every sync takes 5 ms more, under 200 busy connections: mail
# does not wait for it unless it was told to, and nobody is left out.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "a slow disk under 200 busy connections"
start_null

# busy DURABILITY
busy() {
	an_office
	sed -i "1i durability = \"$1\"" "$STAGE/postmeter.conf"
	start_under env LD_PRELOAD="$BUILD/tests/faults/slowsync.so"
	await_start || fail "it did not start" "$LOG"
	beside_null -c 200 -t "$(rounds 3 10)" -n "$(rounds 1 3)"
	is "$1: none is refused or deferred" 0 "$(in_ledger other)" "$LOG"
	is "$1: none is left without an answer" 0 "$(in_ledger unanswered)" "$LOG"
	books 0
	note "figure  $1: $(figure postmeter per_second) messages a second, the longest" \
	    "$(figure postmeter longest_ms) ms, the least served connection" \
	    "$(figure postmeter least) of $(figure postmeter most) messages"
	note "figure  null milter: $(figure null per_second) a second," \
	    "$(figure null longest_ms) ms, $(figure null least) of" \
	    "$(figure null most)"
	end_postmeter TERM
}

busy crash
least=$(figure postmeter least)
((least > 0)) || fail "a connection was never served" "$LOG"
ok "durability = \"crash\": every connection is served"
busy power
ok "durability = \"power\": accepted mail waits for the disk"
