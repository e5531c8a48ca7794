#!/bin/bash
# backup.sh - a backup of a daemon that is counting; a damaged one is refused
# and nothing is lost; a good one counts on where it ended, also elsewhere.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
on_stage "$@"

title "backup and restore"
LEDGER=$STAGE/ledger
LOG=$STAGE/postmeter.log
WHO=sender0@office.example

stage_meter <<'END'
policy "staff" { messages = {"100M/24h"} }
smarthost "workspace" { host = "smtp.provider.test" username = "office"
    secret = "workspace" }
rule "everybody" { policies = {"staff"} }
END
meter_secrets workspace "a key"
chown "$METER_USER" "$STAGE/secrets.conf"

accepted() {
	awk '$3 == "accepted" { n++ } END { print n + 0 }' "$LEDGER"
}

grown() {
	(($(wc -l <"$LEDGER") > $1))
}

# answered COMMAND... - its exit code; what it says is in $STAGE/said
answered() {
	local code=0

	ctl "$@" >"$STAGE/said" 2>&1 || code=$?
	echo "$code"
}

# state - all that a restore could change
state() {
	(cd "$STAGE" && sha256sum postmeter.conf secrets.conf && used $WHO)
}

# pack_part - whole as a file, whatever is in it
pack_part() {
	tar -C "$STAGE/part" -czf "$STAGE/part.tar.gz" .
}

step "ten backups of a daemon that is counting"
: >"$LEDGER"
start_postmeter
"$BUILD/tests/load/milterload" -s "$MILTER" -c 8 -m 10000000 -a 10 -w 120 \
    -l "$LEDGER" >/dev/null &
LOAD=$!
for ((i = 1; i <= 10; i++)); do
	wait_until 60 "messages pass" "$LOG" grown "$(wc -l <"$LEDGER")"
	before=$(accepted)
	is "backup $i is made" 0 "$(answered backup "$STAGE/backup.$i")" \
	    "$STAGE/said"
done
kill "$LOAD"
wait "$LOAD" 2>/dev/null || true
is "for its owner alone" 600 "$(stat -c %a "$STAGE/backup.10")"
is "nothing is beside them" 10 \
    "$(find "$STAGE" -maxdepth 1 -name 'backup.*' | wc -l)"

step "under a running daemon, or of a damaged file, nothing is restored"
was=$(state)
is "refused while the daemon runs" 1 "$(answered restore "$STAGE/backup.10")"
matches "it says what to do" "stop it first" "$(cat "$STAGE/said")"
end_postmeter TERM
size=$(stat -c %s "$STAGE/backup.10")
for at in 10 $((size / 3)) $((size / 2)) $((size - 6)); do
	cp "$STAGE/backup.10" "$STAGE/damaged"
	printf '\252\125\252\125' | dd of="$STAGE/damaged" bs=1 seek="$at" \
	    conv=notrunc status=none
	is "damaged: refused" 1 "$(answered restore "$STAGE/damaged")" \
	    "$STAGE/said"
done
head -c $((size - 100)) "$STAGE/backup.10" >"$STAGE/damaged"
is "cut short: refused" 1 "$(answered restore "$STAGE/damaged")" "$STAGE/said"
mkdir "$STAGE/part"
tar -C "$STAGE/part" -xzf "$STAGE/backup.10"
rm "$STAGE/part/postmeter.db"
pack_part
is "without counters: refused" 1 "$(answered restore "$STAGE/part.tar.gz")" \
    "$STAGE/said"
echo nonsense >"$STAGE/part/postmeter.db"
pack_part
is "with a store that is none: refused" 1 \
    "$(answered restore "$STAGE/part.tar.gz")" "$STAGE/said"
start_postmeter
is "nothing changed" "$was" "$(state)" "$LOG"

step "a backup that was made at rest: its count, and nothing since"
counted=$(used $WHO)
is "a backup is made" 0 "$(answered backup "$STAGE/backup.rest")" "$STAGE/said"
# Killed, so that a journal is there which is not the backup's.
"$BUILD/tests/load/milterload" -s "$MILTER" -c 1 -m 50 -l "$STAGE/later" \
    >/dev/null
end_postmeter KILL
is "restored" 0 "$(answered restore "$STAGE/backup.rest")" "$STAGE/said"
start_postmeter
is "the counters are the backup's" "$counted" "$(used $WHO)" "$LOG"

step "a backup counts what had been accepted when it began"
end_postmeter TERM
echo '# changed since' >>"$STAGE/postmeter.conf"
is "restored" 0 "$(answered restore "$STAGE/backup.10")" "$STAGE/said"
start_postmeter
counted=$(used $WHO)
all=$(accepted)
note "$before accepted before it, $all in all, $counted in the backup"
# What was under way when the load ended: one a connection.
((counted >= before && counted <= all + 8)) ||
    fail "the backup counts something else" "$LOG"
ok "no accepted message is missing in it"
is "the configuration is the backup's" 0 \
    "$(grep -c 'changed since' "$STAGE/postmeter.conf" || true)"
is "the old one is kept" 1 \
    "$(cat "$STAGE"/store/*before-restore*/postmeter.conf |
	grep -c 'changed since')"

step "another machine: nothing there but the empty directory of the store"
is "a backup is made" 0 "$(answered backup "$STAGE/backup.moves")" \
    "$STAGE/said"
end_postmeter TERM
fresh_store
rm "$STAGE/secrets.conf"
is "restored" 0 "$(answered restore "$STAGE/backup.moves")" "$STAGE/said"
start_postmeter
is "the counters are the same" "$counted" "$(used $WHO)" "$LOG"
matches "so are the passwords" '"a key"' "$(cat "$STAGE/secrets.conf")"
is "the store is for the daemon's user alone" "600 $METER_USER" \
    "$(stat -c '%a %U' "$STAGE/store/postmeter.db")"
