#!/bin/bash
# exit_soak.sh - 40 senders, two accounts with small limits, and all that can
# happen between the door and the exit: aliases, always_bcc, forwards, hold and
# release, requeue, providers that refuse, put off, cut off and are away, the
# daemon killed, the mail server's clients killed, Postfix restarted.
#
#   MESSAGES=3000 LID=1800 tests/scenario/exit_soak.sh	the long one
#   SHARED=yes ...					its store is in Redis
#
# The providers' own ledgers never show more than the limit in any span of any
# window; each message was taken once, or refused; and when all is quiet what
# was sent is what the providers saw, but for deliveries whose end nobody heard.
#
# shellcheck disable=SC2034
LID=${LID:-300}
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
MESSAGES=${MESSAGES:-240}
SHARED=${SHARED:-}
# shellcheck source=tests/scenario/lib/soak.sh
. "$HERE/lib/soak.sh"
on_stage "$@"

OFFICE=$STAGE/office
LOG=$STAGE/postmeter.log
# Of each account.  No window is shorter than a delivery lasts: a lease counts
# for its window, and anew from its settlement on, up to 13 s later here.
LIMITS=(120/30s 450/2m)

title "the exit, in every weather: $MESSAGES messages"

# whom ID - plain, an alias, a forward, somebody who does not exist
whom() {
	case $(($1 % 10)) in
	7) echo "team+$1@office.example" ;;
	8) echo "forward+$1@office.example" ;;
	9) echo "gone$1@customer.test" ;;
	*) echo "m$1@customer.test" ;;
	esac
}

# --- the weather -------------------------------------------------------------

postfix_is_restarted() {
	postfix -c "$OFFICE" stop >/dev/null 2>&1 || true
	postfix -c "$OFFICE" start >/dev/null 2>&1 || true
}

# a_client_is_killed - one of the smtp(8) that may be in the middle
a_client_is_killed() {
	local master pid

	master=$(tr -d ' \n' <"$OFFICE/queue/pid/master.pid")
	for pid in $({ pgrep -P "$master" -x smtp || true; } | shuf -n 1); do
		kill -KILL "$pid" || true
	done
}

requeue() {
	postsuper -c "$OFFICE" -r ALL >/dev/null 2>&1 || true
}

hold_and_release() {
	postsuper -c "$OFFICE" -h ALL >/dev/null 2>&1 || true
	sleep 1
	postsuper -c "$OFFICE" -H ALL >/dev/null 2>&1 || true
}

# go_on - what waits is tried; what a person would open is opened
go_on() {
	local account

	ctl release --due --postfix-config "$OFFICE" >/dev/null 2>&1 || true
	for account in first third; do
		ctl smarthost "$account" open >/dev/null 2>&1 || true
	done
	postqueue -c "$OFFICE" -f >/dev/null 2>&1 || true
}

WEATHER=(daemon_is_killed postfix_is_restarted a_client_is_killed
	requeue hold_and_release go_on go_on
	"provider_is_away first 127.0.0.2" "provider_is_away third 127.0.0.3")

# --- what must be true -------------------------------------------------------

# exits ACCOUNT OUTCOME - messages of the deliveries that ended so
exits() {
	awk -v a="account=$1" -v o="outcome=$2" '/ exit: / && $0 ~ a " " &&
	    (o == "outcome=" || $0 ~ o) {
		for (i = 1; i <= NF; i++)
			if (sub(/^messages=/, "", $i)) n += $i
	    } END { print n + 0 }' "$LOG"
}

quiet() {
	go_on
	[[ -z $(waiting) ]]
}

# settled_as_seen ACCOUNT - what was sent against what the provider saw
settled_as_seen() {
	local used saw heard unknown

	used=$(sent "$1") saw=$(seen "$1" | wc -l)
	heard=$(exits "$1" sent) unknown=$(exits "$1" unknown)
	note "$1: $used sent, the provider saw $saw; $heard by its word, $unknown unheard"
	((used >= saw)) || fail "$1 saw $saw, $used are counted" "$LOG"
	((used <= saw + unknown)) ||
	    fail "$1: $used counted, $saw seen, only $unknown unheard" "$LOG"
}

# --- the stage ---------------------------------------------------------------

STORE=sqlite:$STAGE/store/postmeter.db
if [[ -n $SHARED ]]; then
	start_redis redis
	STORE=redis+unix://$STAGE/redis/redis.sock
fi
meter_configure <<END
recipient-delimiter = "+"
hold-max = 10000
release-rate = 0
policy "account" { per = "everyone"
    messages = {$(printf '"%s", ' "${LIMITS[@]}")"100000/24h"} }
policy "slow" { messages = {"3/5s"} when-over = "hold" }
smarthost "first" { host = "smtp.provider.test" username = "first@p"
    secret = "first" policies = {"account"} }
smarthost "third" { host = "smtp.second.test" username = "third@s"
    secret = "third" policies = {"account"} }
route "both" { smarthosts = {"first", "third"} strategy = "spread" }
rule "slow" { sender = {"s1@office.example", "s2@office.example"}
    policies = {"slow"} route = "both" }
rule "rest" { sender = {"@office.example"} route = "both" }
END
sed -i "s|^store .*|store = \"$STORE\"|" "$STAGE/postmeter.conf"
meter_secrets first "one secret" third "a third"
make_ca
two_providers
office_directory
for i in {0..39}; do
	echo "s$i@office.example s$i/"
done >>"$OFFICE/mailboxes"
cat >"$OFFICE/aliases" <<-END
	team@office.example t1@customer.test, t2@customer.test
	forward@office.example f@customer.test
END
while read -r setting; do
	postconf -c "$OFFICE" -e "$setting"
done <<-END
	virtual_alias_maps = texthash:$OFFICE/aliases
	recipient_delimiter = +
	always_bcc = all@archive.test
	queue_run_delay = 3s
	minimal_backoff_time = 3s
	maximal_backoff_time = 6s
	transport_retry_time = 3s
	service_throttle_time = 2s
	in_flow_delay = 0
	smtpd_error_sleep_time = 0
	notify_classes =
END
start_postmeter
wire_office
start_office

step "$MESSAGES messages of 40 senders, and the weather"
in_all_weather
note "$(waiting | wc -l) still wait"

step "it clears up"
postsuper -c "$OFFICE" -H ALL >/dev/null 2>&1 || true
postfix_is_restarted
wait_until "$LID" "nothing waits any more" "$OFFICE/mail.log" quiet
postfix -c "$OFFICE" stop >/dev/null 2>&1 || true
wait_until 60 "every delivery is settled" "$LOG" no_leases

step "what the providers saw"
never_more first
never_more third
ok "never more than the limit in any span"
settled_as_seen first
settled_as_seen third
ok "what was sent is what they saw, and what nobody heard of"
read -r lost doubled names < <(lost_or_doubled)
unknown=$(($(exits first unknown) + $(exits third unknown)))
((lost == 0)) || fail "$lost are lost:$names" "$OFFICE/mail.log"
((doubled <= unknown)) ||
    fail "$doubled doubles, $unknown deliveries unheard" "$LOG"
ok "none is lost; $doubled came twice, of $unknown deliveries whose end nobody heard"
