# lib.sh - what every fault stands on: the stage of the scenarios, a load that
# keeps a ledger, and one checker that compares the ledger with the store.
#
# FAULTS=short (CI) does fewer rounds of the same.
#
# shellcheck shell=bash disable=SC2034,SC2120

# What takes longer is stuck; the long form takes its time.
[[ ${FAULTS:-} == short ]] || LID=${LID:-7200}

# shellcheck source=tests/scenario/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scenario/lib.sh"
on_stage "$@"

LEDGER=$STAGE/ledger
LOG=$STAGE/postmeter.log
CONTROL=$STAGE/control/control.sock
MAP=$STAGE/office/queue/postmeter/map.sock
AUTH=$STAGE/office/queue/postmeter/auth.sock
: >"$LEDGER"
: >"$LOG"

# rounds SHORT LONG - how many of something this run does
rounds() {
	if [[ ${FAULTS:-} == short ]]; then echo "$1"; else echo "$2"; fi
}

# an_office - one policy, everybody; the policy's limits from the arguments
an_office() {
	local limits='messages = {"100M/24h"}'

	stage_meter <<-END
		policy "staff" { per = "sender" ${*:-$limits} }
		rule "everybody" { policies = {"staff"} }
	END
}

# with_smarthost - the same, and a smarthost whose key is CANARY
CANARY=Canary-9f2c77d1e0b44a5c-in-the-coal-mine
with_smarthost() {
	meter_secrets relay "$CANARY"
	# A reload reads it as the daemon's own user.
	chgrp "$(id -gn "$METER_USER")" "$STAGE/secrets.conf"
	chmod 640 "$STAGE/secrets.conf"
	stage_meter <<-END
		auth-peers = {"root", "daemon"}
		policy "staff" { per = "sender" messages = {"100M/24h"} }
		smarthost "relay" {
			host = "smtp.provider.test"
			username = "office@office.example"
			secret = "relay"
		}
		route "out" { smarthosts = {"relay"} }
		rule "everybody" { policies = {"staff"} route = "out" }
	END
}

# start_under COMMAND... - postmeter as the last words of COMMAND; not awaited
start_under() {
	SIZE=$(stat -c %s "$LOG")
	"$@" "$DAEMON" -c "$STAGE/postmeter.conf" 2>>"$LOG" &
	METER_PID=$!
}

is_gone() {
	! kill -0 "$METER_PID" 2>/dev/null
}

ready_or_gone() {
	meter_ready "$SIZE" || is_gone
}

# await_start - true if it serves, false if it has ended
await_start() {
	wait_until 60 "postmeter is ready or gone" "$LOG" ready_or_gone
	meter_ready "$SIZE"
}

# reap - waits until it has ended; EXIT is its exit status
reap() {
	EXIT=0
	wait_until 60 "postmeter ends" "$LOG" is_gone
	wait "$METER_PID" 2>/dev/null || EXIT=$?
	METER_PID=''
}

# load ARGS... - messages, and the ledger of their answers
load() {
	"$BUILD/tests/load/milterload" -s "$MILTER" -l "$LEDGER" "$@"
}

# load_on ARGS... - the same in the background, until end_load
load_on() {
	"$BUILD/tests/load/milterload" -s "$MILTER" -l "$LEDGER" "$@" \
	    >/dev/null 2>"$STAGE/load.log" &
	LOAD=$!
}

end_load() {
	kill "$LOAD" || fail "the load ended before it was ended" "$STAGE/load.log"
	wait "$LOAD" 2>/dev/null || true
}

# start_null - a milter that says yes to everything, to compare with
NULL_SOCKET=$STAGE/null.sock
start_null() {
	"$BUILD/tests/load/nullmilter" "unix:$NULL_SOCKET" rcpt \
	    2>>"$STAGE/null.log" &
	NULL_PID=$!
	wait_until 30 "the null milter listens" "$STAGE/null.log" \
	    test -S "$NULL_SOCKET"
}

# beside_null ARGS... - the same load for postmeter and for the null milter, in
# turns; what each did is in $ROWS, what postmeter answered in the ledger too
ROWS=$STAGE/rows
beside_null() {
	"$BUILD/tests/bench/milterbench" -S 1 "$@" "null=$NULL_SOCKET" \
	    "postmeter=$MILTER" >"$ROWS" 2>>"$STAGE/null.log" ||
	    fail "milterbench" "$STAGE/null.log"
	note_down accepted
	note_down other
	note_down unanswered
}

note_down() {
	local n

	n=$(figures postmeter "$1" | awk '{ n += $1 } END { print n + 0 }')
	seq "$n" | sed "s/.*/bench sender0@office.example $1 1/" >>"$LEDGER"
}

# figures TARGET NAME - one a turn; NAME may be eom_ms.p99
figures() {
	local name=${2/./'": \{[^}]*"'}

	sed -nE '/"target": "'"$1"'"/s/.*"'"$name"'": ([0-9.]+).*/\1/p' "$ROWS"
}

# figure TARGET NAME - that of the middle turn
figure() {
	figures "$1" "$2" | sort -n | awk '{ v[NR] = $1 }
	    END { print v[int((NR + 1) / 2)] }'
}

# in_ledger VERDICT [SENDER]
in_ledger() {
	awk -v v="$1" -v s="${2:-}" '$3 == v && (s == "" || $2 == s) { n++ }
	    END { print n + 0 }' "$LEDGER"
}

# books SLACK [SENDER...] - every accepted message is counted (INV2), and not
# more than those, the unanswered, and SLACK that no ledger could note (INV3);
# the log has no secret (INV5) and no message that passed unmetered (INV6)
books() {
	local slack=$1 sender accepted owed counted

	shift
	for sender in "${@:-sender0@office.example}"; do
		accepted=$(in_ledger accepted "$sender")
		owed=$(in_ledger unanswered "$sender")
		counted=$(used "$sender" || true)
		counted=${counted:-0}
		((counted >= accepted)) || fail \
		    "$sender: $accepted accepted, only $counted counted" "$LOG"
		((counted <= accepted + owed + slack)) || fail \
		    "$sender: $accepted accepted, $owed unanswered, $counted \
counted" "$LOG"
	done
	! grep -aqF "$CANARY" "$LOG" || fail "a secret is in the log"
	! grep -q 'unmetered=yes' "$LOG" || fail "mail passed unmetered" "$LOG"
}

# fields of /proc/PID/status, in their unit
status_of() {
	awk -v f="$2:" '$1 == f { print $2 }' "/proc/$1/status"
}

# cpu_of PID - hundredths of a second that it has used
cpu_of() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# answers FILE - a question in netstring form to the map socket
ask_map() {
	"$BUILD/tests/faults/hold" -a "$MAP" "$(netstring "$1")"
}

ask_auth() {
	"$BUILD/tests/faults/hold" -a "$AUTH" "$(netstring "$1")"
}

netstring() {
	printf '%d:%s,' "${#1}" "$1"
}
