#!/bin/bash
# sendmail_soak.sh - Sendmail in every weather: two accounts with small limits,
# aliases, forwards, lists, mail that is quarantined and released, providers that
# refuse, put off, cut off and are away, the daemon killed, Sendmail's processes
# killed, Sendmail restarted, queue runs.
#
#   MESSAGES=3000 LID=3000 tests/scenario/sendmail_soak.sh	the long one
#
# The providers' own ledgers never show more than the limit in any span of any
# window, and no message that was accepted is lost.
#
# Root.  Exits 77 where no Debian with Sendmail can be had.
#
# shellcheck disable=SC2034
LID=${LID:-600}
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/scenario/lib/sendmail.sh
. "$HERE/lib/sendmail.sh"
# shellcheck source=tests/scenario/lib/soak.sh
. "$HERE/lib/soak.sh"
MESSAGES=${MESSAGES:-240}

with_sendmail "$@"
on_stage "$@"

LOG=$STAGE/postmeter.log
LIMITS=(60/30s 200/2m)	# of each account
KILLED=0		# processes of Sendmail

title "Sendmail, in every weather: $MESSAGES messages"

# whom ID - plain, an alias, a list, a forward, somebody who does not exist
whom() {
	case $(($1 % 10)) in
	6) echo "list+$1@office.example" ;;
	7) echo "team+$1@office.example" ;;
	8) echo "forward+$1@office.example" ;;
	9) echo "gone$1@customer.test" ;;
	*) echo "m$1@customer.test" ;;
	esac
}

# office_aliases - Sendmail hands no detail on, so each has a line of its own
office_aliases() {
	local id

	for ((id = 1; id <= MESSAGES; id++)); do
		case $((id % 10)) in
		6)
			echo "list+$id: :include:/etc/mail/lists/$id"
			printf '%s@customer.test\n' "l1+$id" "l2+$id" "l3+$id" \
			    >"$ROOT/etc/mail/lists/$id"
			;;
		7) echo "team+$id: t1+$id@customer.test, t2+$id@customer.test" ;;
		8) echo "forward+$id: f+$id@customer.test" ;;
		esac
	done
	for id in {0..39}; do
		echo "s$id: /dev/null"
	done
}

# --- the weather -------------------------------------------------------------

# sendmail_pid - of the process that listens
sendmail_pid() {
	sed -n 1p "$ROOT/run/sendmail/mta/sendmail.pid"
}

sendmail_runs() {
	start_sendmail -q5s -OMinQueueAge=0
}

sendmail_is_restarted() {
	local pid

	pid=$(sendmail_pid)
	kill -TERM "$pid"
	wait_until 60 "Sendmail has ended" "$STAGE/sendmail.log" is_gone "$pid"
	sendmail_runs
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# a_process_is_killed - one that may be in the middle of a session or delivery
a_process_is_killed() {
	local pid listens

	listens=$(sendmail_pid)
	for pid in $({ pgrep -x 'sendmail|sendmail-mta' || true; } |
	    grep -vx "$listens" | shuf -n 1); do
		kill -KILL "$pid" 2>/dev/null && KILLED=$((KILLED + 1))
	done
}

quarantine_and_release() {
	in_office sendmail -Qweather -q >/dev/null 2>&1 || true
	sleep 1
	released
}

released() {
	in_office sendmail -qQ -Q >/dev/null 2>&1 || true
}

# go_on - what a person would open is opened
go_on() {
	local account

	for account in first third; do
		ctl smarthost "$account" open >/dev/null 2>&1 || true
	done
}

WEATHER=(daemon_is_killed sendmail_is_restarted a_process_is_killed
	a_process_is_killed quarantine_and_release go_on go_on go_on
	"provider_is_away first 127.0.0.2" "provider_is_away third 127.0.0.3")

quiet() {
	go_on
	released
	queue_run || true
	sendmail_queue_empty >/dev/null
}

# given_to ACCOUNT - deliveries that were given its login
given_to() {
	grep -c " exit: account=$1 message=.* login=given" "$LOG" || true
}

# counted_as_seen ACCOUNT - Sendmail tells no outcome: what was given may count
counted_as_seen() {
	local used saw given

	used=$(sent "$1") saw=$(seen "$1" | wc -l) given=$(given_to "$1")
	note "$1: $used count as sent, the provider saw $saw, $given were given"
	((used >= saw)) || fail "$1 saw $saw, $used are counted" "$LOG"
	((used <= given)) || fail "$1: $used counted, $given given" "$LOG"
}

# --- the stage ---------------------------------------------------------------

make_ca
sendmail_root
meter_configure <<END
auth-peers = {"root"}
policy "account" { per = "everyone"
    messages = {$(printf '"%s", ' "${LIMITS[@]}")"100000/24h"} }
smarthost "first" { host = "smtp.provider.test" username = "first@p"
    secret = "first" policies = {"account"} }
smarthost "third" { host = "smtp.second.test" username = "third@s"
    secret = "third" policies = {"account"} }
route "both" { smarthosts = {"first", "third"} strategy = "spread" }
rule "rest" { sender = {"@office.example"} route = "both" }
END
meter_secrets first "one secret" third "a third"
two_providers
# shellcheck disable=SC2016
sed -i '/^FEATURE(`greet_pause/d; /^define(`confCONNECTION_RATE/d' \
    "$ROOT/etc/mail/sendmail.mc"
mkdir "$ROOT/etc/mail/lists"
office_aliases >>"$ROOT/etc/aliases"
sendmail_configure
in_office newaliases >"$STAGE/setup.log" 2>&1
start_postmeter
sendmail_runs

step "$MESSAGES messages of 40 senders, and the weather"
in_all_weather
note "$(sendmail_waiting | tail -n 1)"

step "it clears up"
sendmail_is_restarted
wait_until "$LID" "nothing waits any more" "$LOG" quiet

step "what the providers saw"
never_more first
never_more third
ok "never more than the limit in any span"
counted_as_seen first
counted_as_seen third
ok "what they saw is counted"
read -r lost doubled names < <(lost_or_doubled)
((lost == 0)) || fail "$lost are lost:$names" "$LOG"
note "$doubled came twice; $KILLED processes of Sendmail were killed"
ok "none is lost"
