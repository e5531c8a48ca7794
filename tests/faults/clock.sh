#!/bin/bash
# clock.sh - the clock goes back or leaps: no count is freed early, none is
# locked for longer than a window.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

LIB=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
[[ -n $LIB ]] || fail "no libfaketime: apt-get install faketime"
title "the clock goes back and forward"
an_office 'messages = {"10/1h"}'
RC=$STAGE/faketime
set_clock() {
	echo "$1" >"$RC.new"
	mv "$RC.new" "$RC"
}
start_faked() {
	start_under env LD_PRELOAD="$LIB" FAKETIME_TIMESTAMP_FILE="$RC" \
	    FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
}
open_files() {
	find "/proc/$METER_PID/fd" -type l | wc -l
}
set_clock +0
start_faked
await_start

# takes N - of 20 messages it accepts N
takes() {
	local said

	said=$(load -c 1 -m 20)
	[[ $said == *"accepted=$1 "* ]] ||
	    fail "$2: expected $1 accepted of 20: $said" "$LOG"
}

takes 10 "at first"
for step in -3600 -86400 -31536000; do
	set_clock "$step"
	takes 0 "$step s"
	set_clock +0
	takes 0 "and back"
done
ok "back by an hour, a day, a year: nothing is freed"
for step in +3601 +86400 +3650d; do
	set_clock "$step"
	takes 0 "$step"
	set_clock +0
	takes 0 "$step and back"
done
ok "forward by an hour, a day, ten years, and back: nothing is freed"
grep -q 'the clock leapt forward' "$LOG" || fail "no word of it" "$LOG"
set_clock -7200
takes 0 "two hours back"
set_clock -3580
takes 0 "just before its hour is over"
ok "after a step back no count is freed before its hour"
if [[ ${FAULTS:-} != short ]]; then
	set_clock +3700
	takes 0 "a leap"
	sleep 62
	takes 10 "a leap that has lasted a minute"
	ok "a leap that lasts a minute is believed, and frees what is due"
fi
is "accepted in all, of ten an hour" "$(rounds 10 20)" "$(in_ledger accepted)"
end_postmeter KILL

# libmilter times its sessions by the clock of the wall, and ends those that
# seem to be hours old.
an_office
: >"$LEDGER"
fresh_store
set_clock +0
start_faked
await_start
"$BUILD/tests/faults/hold" -n 100 "$MILTER" \
    '\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff' \
    >/dev/null &
HOLD=$!
load_on -c 8 -m 1000000 -w 60
open=$(open_files)
for step in +10800 +0 -10800 +0; do
	sleep 2
	set_clock "$step"
done
sleep 8
end_load
! is_gone || fail "it has ended" "$LOG"
is "refused for good" 0 "$(in_ledger refused)" "$LEDGER"
load -c 1 -m 10 | grep -q 'accepted=10 ' || fail "not well afterwards" "$LOG"
books 8
ok "three hours forward and back with 108 open sessions: \
$(in_ledger accepted) accepted, $(in_ledger deferred) deferred, \
$(in_ledger dropped) hung up on; $open files open before, $(open_files) after"
kill "$HOLD"
end_postmeter KILL
