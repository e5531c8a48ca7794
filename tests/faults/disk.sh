#!/bin/bash
# disk.sh - a disk that is full, fails or cannot be written: new mail waits,
# questions are answered, and it goes on by itself when the disk does.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# attach CALLS ERROR - from now on these calls fail
attach() {
	strace -f -qq -e "trace=$1" -o /dev/null -p "$METER_PID" \
	    -e "inject=$1:error=$2" &
	STRACE=$!
	wait_until 10 "strace is attached" '' traced
}

traced() {
	(($(status_of "$METER_PID" TracerPid) != 0))
}

detach() {
	# It ends with the daemon, if that ended.
	kill -INT "$STRACE" 2>/dev/null || true
	wait "$STRACE" 2>/dev/null || true
}

accepts() {
	load -c 1 -m 1 | grep -q 'accepted=1 '
}

# deferred WHAT - all is refused for now, none for good
deferred() {
	local said

	said=$(load -c 4 -m 25)
	[[ $said == *"accepted=0 refused=0 deferred=100 "* ]] ||
	    fail "$1: $said" "$LOG"
	tail -n 1 "$LEDGER" | grep -q '451 4.3.0' ||
	    fail "$1: not 451 4.3.0: $(tail -n 1 "$LEDGER")" "$LOG"
	[[ $(ask_map "transport sender0@office.example") == *"NOTFOUND "* ]] ||
	    fail "$1: the map socket does not answer" "$LOG"
	ctl status >/dev/null || [[ $? == 1 ]] ||
	    fail "$1: the control socket does not answer" "$LOG"
}

# recovers WHAT - within five seconds, and the books hold across a restart
recovers() {
	local since=$SECONDS

	wait_until 10 "it accepts again" "$LOG" accepts
	((SECONDS - since <= 6)) || fail "$1: took $((SECONDS - since)) s"
	books 0
	end_postmeter KILL
	start_postmeter
	books 0
}

title "the disk is full, fails, cannot be written"
an_office
mount -t tmpfs -o "size=1m,mode=700,uid=$(id -u "$METER_USER")" tmpfs \
    "$STAGE/store"
start_postmeter
load -c 4 -m 50 >/dev/null
head -c 2M /dev/zero >"$STAGE/store/ballast" 2>/dev/null || true
# What is left of the last page of the journal may still take some.
load -c 4 -m 200 >/dev/null
deferred "full disk"
rm "$STAGE/store/ballast"
recovers "full disk"
ok "full disk: 451 4.3.0, maps and tool answer, goes on by itself"

for error in ENOSPC EIO EROFS; do
	attach pwrite64 $error
	deferred "$error on write"
	detach
	recovers "$error on write"
	ok "$error on every write: the same"
done

# What cannot be synced is not tried again: the next start reads what is there.
for round in 1 2; do
	attach fdatasync,fsync EIO
	load -c 1 -m 20 >/dev/null 2>&1 || true
	reap
	detach
	is "EIO on a sync ends it with 74 (round $round)" 74 "$EXIT" "$LOG"
	grep -q 'the next start replays the journal' "$LOG" ||
	    fail "no word of why" "$LOG"
	start_postmeter
	books 0
done
end_postmeter TERM

mount -o remount,ro "$STAGE/store"
start_under env
! await_start || fail "it started on a read-only store" "$LOG"
reap
is "a read-only store is refused with 73" 73 "$EXIT" "$LOG"
umount "$STAGE/store"
