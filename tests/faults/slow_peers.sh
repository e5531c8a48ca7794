#!/bin/bash
# slow_peers.sh - 500 peers that say half of something, or nothing, or never
# read: the good ones beside them notice nothing.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "slow, hung and rude peers"
with_smarthost
start_postmeter

# rate ARGS... - messages a second of 50 good connections
rate() {
	load -c 50 -m "$(rounds 40 200)" |
	    sed -nE 's/.*accepted=([0-9]+).*seconds=([0-9.]+)/\1 \2/p' |
	    awk '{ printf "%d", $1 / $2 }'
}

alone=$(rate)
HOLDS=()
stall() {
	"$BUILD/tests/faults/hold" "$@" >/dev/null &
	HOLDS+=($!)
}
stall -n 400 "$MILTER" ''
stall -n 50 "$MILTER" '\x00\x00\x00\x0dO\x00\x00'
stall -n 25 "$MILTER" '\x00\x00'
stall -n 25 "$MILTER" '\x7f\xff\xff\xffO'
stall -n 100 "$MAP" '35:transport sender'
stall -r 20 "$MAP" '34:transport sender0@office.example,'
stall -n 50 "$AUTH" ''
stall -n 20 "$AUTH" '5:'
stall -n 40 "$CONTROL" '{"command":'
sleep 2
among=$(rate)
books 0
((among * 4 >= alone)) ||
    fail "$alone messages a second alone, $among among stalled peers" "$LOG"
ok "500 stalled milter peers: $among messages a second, $alone without them"
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
