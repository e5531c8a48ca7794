#!/bin/bash
# store_moved.sh - the database or the journal is moved, removed or replaced
# under a running daemon: it stops counting on it, and never begins anew.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "database and journal: moved, removed, replaced"
an_office
DB=$STAGE/store/postmeter.db

journal() {
	find "$STAGE/store" -name 'postmeter.db-journal.*' | sort | tail -n 1
}

notices() {
	load -c 1 -m 1 | grep -q 'deferred=1 '
}

start_postmeter
load -c 4 -m 25 >/dev/null
for file in "$DB" journal; do
	[[ $file == "$DB" ]] || file=$(journal)
	mv "$file" "$file.away"
	since=$SECONDS
	wait_until 30 "it notices" "$LOG" notices
	took=$((SECONDS - since))
	cp "$file.away" "$file"
	chown "$METER_USER" "$file"
	sleep 0.5
	notices || fail "a copy was taken for the file" "$LOG"
	end_postmeter KILL
	mv "$file.away" "$file"
	start_postmeter
	books 0
	ok "${file##*/} moved and replaced: mail waits after $took s, nothing lost"
done
grep -q 'was removed or replaced' "$LOG" || fail "no word of why" "$LOG"

# refuses WHAT - with 65 and words
refuses() {
	start_under env
	! await_start || fail "$1: it started" "$LOG"
	reap
	[[ $EXIT == 65 ]] || fail "$1: exit $EXIT, expected 65" "$LOG"
	ok "$1: refused with 65: $(tail -n 1 "$LOG" | cut -c1-100)"
}

end_postmeter KILL
cp -a "$STAGE/store" "$STAGE/kept"
restore() {
	rm -rf "$STAGE/store"
	cp -a "$STAGE/kept" "$STAGE/store"
}

rm "$DB" "$DB"-wal "$DB"-shm
refuses "database removed after kill -9"
restore
rm "$STAGE/store"/postmeter.db-journal.*
refuses "journal removed after kill -9"
restore
: >"$DB"
rm -f "$DB"-wal
refuses "database emptied"
restore
start_postmeter
books 0
end_postmeter TERM
# A life that was flushed and never checkpointed, and nothing since.
start_postmeter
load -c 4 -m 25 >/dev/null
sleep 1
end_postmeter KILL
start_postmeter
end_postmeter KILL
rm "$DB-wal"
start_under env
if await_start; then
	books 0
	ok "write-ahead log removed after kill -9: nothing lost"
	end_postmeter KILL
else
	reap
	is "write-ahead log removed after kill -9: refused with 65" 65 "$EXIT"
fi
restore
start_postmeter
end_postmeter TERM
rm "$DB"
refuses "database removed after an orderly end"
rm -rf "$STAGE/store"
install -d -o "$METER_USER" -m 700 "$STAGE/store"
start_postmeter
ok "a store that is wholly gone is a new one"
start_under env
reap
is "a second daemon with the same sockets is refused with 75" 75 "$EXIT" "$LOG"
