#!/bin/bash
# corrupt.sh - a store with a random flaw, again and again, opened by the
# sanitized build: refused with 65 and words, or opened and right.  Never a
# crash, a hang, or a counter that begins anew.  The one thing that may be lost
# is what the journal alone had, what came since the last flush: where it was cut
# cannot be told from a disk that lost its power, and the log says how much.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "damaged database, damaged journal"
an_office
start_postmeter
load -c 4 -m 50 -S 20 >/dev/null
flushed=$(in_ledger accepted sender7@office.example)
ctl export >/dev/null || fail "the tool is not answered" "$LOG" # it flushes
load -c 4 -m 50 -S 20 >/dev/null
end_postmeter KILL
cp -a "$STAGE/store" "$STAGE/kept"
used=$(in_ledger accepted sender7@office.example)
opened=0 torn=0 refused=0 slowest=0
for ((seed = 1; seed <= $(rounds 60 1000); seed++)); do
	fresh_store
	cp "$STAGE"/kept/* "$STAGE/store"
	did=$("$BUILD/tests/faults/mutate" "$seed" \
	    "$STAGE"/store/postmeter.db{,-wal} \
	    "$STAGE"/store/postmeter.db-journal.*)
	status=0 since=$(date +%s%N)
	timeout 60 "$BUILD-asan/tests/faults/reopen" "$STAGE/postmeter.conf" \
	    staff sender7@office.example "$flushed" "$used" >"$STAGE/reopen.log" 2>&1 ||
	    status=$?
	took=$((($(date +%s%N) - since) / 1000000))
	((took <= slowest)) || slowest=$took
	case $status in
	0) opened=$((opened + 1)) ;;
	65) refused=$((refused + 1)) ;;
	2)
		# Cut between two operations, nothing is left of the second.
		[[ $did == cut ]] || grep -q 'store: cut' "$STAGE/reopen.log" ||
		    fail "seed $seed: a wrong count" "$STAGE/reopen.log"
		torn=$((torn + 1))
		;;
	*) fail "seed $seed: exit $status" "$STAGE/reopen.log" ;;
	esac
done
ok "$((seed - 1)) flaws: $opened opened and right, $refused refused with 65 \
and words, $torn lost some of what came since the flush; slowest $slowest ms"
fresh_store
cp "$STAGE"/kept/* "$STAGE/store"
chown "$METER_USER" "$STAGE"/store/*
for journal in "$STAGE"/store/postmeter.db-journal.*; do
	printf 'XXXXXXXX' | dd of="$journal" bs=1 conv=notrunc status=none
done
start_under env
! await_start || fail "the daemon started" "$LOG"
reap
is "the daemon itself ends with 65" 65 "$EXIT" "$LOG"
