#!/bin/bash
# slow_peers.sh - 500 peers that say half of something, or nothing, or never
# read: the good ones beside them notice nothing.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "slow, hung and rude peers"
with_smarthost
start_null
start_postmeter

# good_ones - 50 connections, 500 messages a second at fixed times: the
# middle of three turns, as figures; what is claimed is that all are served.
good_ones() {
	beside_null -c 50 -R 500 -t "$(rounds 1 5)" -n 3
	is "$1: none is refused or deferred" 0 "$(in_ledger other)" "$LOG"
	is "$1: none is left without an answer" 0 "$(in_ledger unanswered)" "$LOG"
	note "figure  p99 of end of message: $(figure postmeter eom_ms.p99) ms," \
	    "null milter $(figure null eom_ms.p99) ms"
}

good_ones "50 connections alone"
HOLDS=()
stall() {
	"$BUILD/tests/faults/hold" "$@" >/dev/null &
	HOLDS+=($!)
}
for milter in "$MILTER" "$NULL_SOCKET"; do
	stall -n 400 "$milter" ''
	stall -n 50 "$milter" '\x00\x00\x00\x0dO\x00\x00'
	stall -n 25 "$milter" '\x00\x00'
	stall -n 25 "$milter" '\x7f\xff\xff\xffO'
done
stall -n 100 "$MAP" '35:transport sender'
stall -r 20 "$MAP" '34:transport sender0@office.example,'
stall -n 50 "$AUTH" ''
stall -n 20 "$AUTH" '5:'
stall -n 40 "$CONTROL" '{"command":'
sleep 3
good_ones "50 among 500 stalled milter peers"
books 0
before=$(date +%s%N)
for ((i = 0; i < 50; i++)); do
	[[ $(ask_map "transport sender0@office.example") == \
	    *"OK smarthost-relay"* ]] || fail "the map does not answer" "$LOG"
done
ok "190 stalled map and auth peers: 50 answers in \
$((($(date +%s%N) - before) / 1000000)) ms"
wait_until 30 "the tool is answered" "$LOG" ctl status
ok "40 stalled control peers: the tool is answered"
kill "${HOLDS[@]}"
wait "${HOLDS[@]}" 2>/dev/null || true
# Packets cut at every byte, then hung up.
packet='\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff'
for ((i = 4; i <= ${#packet}; i += 4)); do
	timeout 5 "$BUILD/tests/faults/hold" -a "$MILTER" "${packet:0:i}" \
	    >/dev/null || true
done
load -c 1 -m 10 | grep -q 'accepted=10 ' || fail "not well afterwards" "$LOG"
books 0
ok "packets cut at every byte do no harm"
end_postmeter TERM
