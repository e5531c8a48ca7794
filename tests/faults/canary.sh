#!/bin/bash
# canary.sh - a secret with a name that is easy to find, after all that can go
# wrong with it: it is in the answer to who may ask, and nowhere else.
#
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

title "where the secret is, and where it is not"
with_smarthost
start_postmeter
load -c 4 -m 25 >/dev/null
for ((i = 0; i < 10; i++)); do
	[[ $(ask_auth 'relay [smtp.provider.test]:587') == *"$CANARY"* ]] ||
	    fail "who may ask is not answered" "$LOG"
	[[ $(ask_auth 'relay [evil.test]:25') != *"$CANARY"* ]] ||
	    fail "another nexthop got the key" "$LOG"
done
[[ -z $(setpriv --reuid nobody --regid nogroup --clear-groups \
    "$BUILD/tests/faults/hold" -a "$AUTH" \
    "$(netstring 'relay [smtp.provider.test]:587')" 2>/dev/null) ]] ||
    fail "nobody got an answer" "$LOG"
cp "$STAGE/secrets.conf" "$STAGE/secrets.good"
chmod 600 "$STAGE/secrets.good"
for flaw in 's/password/passwort/' 's/" }$/\\/' 's/}//' 's/relay/other/'; do
	sed -i "$flaw" "$STAGE/secrets.conf"
	! ctl reload >>"$STAGE/said" 2>&1 || fail "a bad secrets file was taken"
	cat "$STAGE/secrets.good" >"$STAGE/secrets.conf"
done
chmod 644 "$STAGE/secrets.conf"
! ctl reload >>"$STAGE/said" 2>&1 || fail "a readable secrets file was taken"
chmod 640 "$STAGE/secrets.conf"
for ((i = 0; i < 20; i++)); do ctl reload >>"$STAGE/said"; done
{
	ctl status
	ctl export
	ctl show sender0@office.example
	ctl secret list
	ctl explain --sender sender0@office.example --rcpt a@example.org
	ctl --json status
} >>"$STAGE/said" 2>&1 || true

# absent WHERE FILE...
absent() {
	local where=$1

	shift
	! grep -aqF "$CANARY" "$@" || fail "the secret is in $where"
	! grep -aqF "${CANARY:8:20}" "$@" || fail "most of it is in $where"
	ok "not in $where"
}
absent "the log and what the tool said" "$LOG" "$STAGE/said"
absent "the store" "$STAGE"/store/*
absent "environment and command line" "/proc/$METER_PID/environ" \
    "/proc/$METER_PID/cmdline"
[[ $(awk '/Max core/ { print $5 }' "/proc/$METER_PID/limits") == 0 ]] ||
    fail "a core could be written"
gcore -o "$STAGE/core" "$METER_PID" >"$STAGE/gcore.log" 2>&1 || true
if [[ -s $STAGE/core.$METER_PID ]]; then
	absent "a core that root takes" "$STAGE/core.$METER_PID"
else
	ok "root gets no core: $(tail -n 1 "$STAGE/gcore.log")"
fi
books 0
end_postmeter TERM
absent "the log and the store after its end" "$LOG" "$STAGE"/store/*
