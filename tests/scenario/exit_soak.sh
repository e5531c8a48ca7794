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
on_stage "$@"

OFFICE=$STAGE/office
LOG=$STAGE/postmeter.log
# Of each account.  No window is shorter than a delivery lasts: a lease counts
# for its window, and anew from its settlement on, up to 13 s later here.
LIMITS=(120/30s 450/2m)
CLIENTS=4
declare -A PROVIDER

title "the exit, in every weather: $MESSAGES messages"

# --- the providers -----------------------------------------------------------

# provider NAME ADDRESS - it has accidents in a fifth of its sessions
provider() {
	"$BUILD/tests/load/provider" "$2" "$STAGE/$1.pem" "$STAGE/$1.key" \
	    "$STAGE/$1.ledger" 200 2>>"$STAGE/$1.log" &
	PROVIDER[$1]=$!
}

# provider_is_away NAME ADDRESS - for some seconds
provider_is_away() {
	kill "${PROVIDER[$1]}"
	wait "${PROVIDER[$1]}" 2>/dev/null || true
	sleep $((RANDOM % 4))
	provider "$1" "$2"
}

# --- the clients -------------------------------------------------------------

# tell COMMAND - says it; false if the office hung up
tell() {
	{ printf '%s\r\n' "$1" >&"$SMTP"; } 2>/dev/null || return
	hear
}

hear() {
	SAID=''
	while IFS= read -r -t 100 -u "$SMTP" SAID; do
		[[ $SAID == ???-* ]] || return 0
	done
	return 1
}

reach() {
	{ exec {SMTP}<>"/dev/tcp/$OFFICE_ADDRESS/$OFFICE_PORT"; } 2>/dev/null &&
	    hear && [[ $SAID == 220* ]] && tell "EHLO desk"
}

# one_message ID FROM TO - 0: taken, 1: not, 2: nobody knows
one_message() {
	tell "MAIL FROM:<$2>" && [[ $SAID == 250* ]] || return 1
	if ! tell "RCPT TO:<$3>" || [[ $SAID != 250* ]]; then
		tell RSET || true
		return 1
	fi
	tell DATA && [[ $SAID == 354* ]] || return 1
	{
		printf 'From: <%s>\r\nSubject: %s\r\n\r\nwords\r\n.\r\n' \
		    "$2" "$1" >&"$SMTP"
	} 2>/dev/null || return 2
	hear || return 2
	[[ $SAID == 250* ]]
}

# whom ID - plain, an alias, a forward, somebody who does not exist
whom() {
	case $(($1 % 10)) in
	7) echo "team+$1@office.example" ;;
	8) echo "forward+$1@office.example" ;;
	9) echo "gone$1@customer.test" ;;
	*) echo "m$1@customer.test" ;;
	esac
}

# client N - its share, each tried until it is taken
client() {
	local id result

	trap - ERR
	trap '' PIPE # the office hangs up
	set +e
	for ((id = $1; id <= MESSAGES; id += CLIENTS)); do
		while :; do
			[[ -n ${SMTP:-} ]] || reach || {
				SMTP=''
				sleep 0.3
				continue
			}
			one_message "$id" "s$((id % 40))@office.example" \
			    "$(whom "$id")" 2>/dev/null
			result=$?
			((result != 1)) && break
			[[ $SAID == [245]* ]] || {
				{ exec {SMTP}>&-; } 2>/dev/null
				SMTP=''
			}
			sleep 0.2
		done
		((result == 0)) || {
			{ exec {SMTP}>&-; } 2>/dev/null
			SMTP=''
		}
		echo "$id $result $(whom "$id")" >>"$STAGE/given.$1"
	done
	{ exec {SMTP}>&-; } 2>/dev/null
}

# --- the weather -------------------------------------------------------------

daemon_is_killed() {
	end_postmeter KILL
	start_postmeter
}

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

still_writing() {
	local pid

	for pid in "${WRITERS[@]}"; do
		kill -0 "$pid" 2>/dev/null && return
	done
	return 1
}

# --- what must be true -------------------------------------------------------

# seen NAME - the times at which the provider counted, ms
seen() {
	awk '$3 == "taken" || $3 == "unanswered" { print $1 }' \
	    "$STAGE/$1.ledger" | sort -n
}

# most_in NAME SECONDS - the most that it counted in a span of that length
most_in() {
	seen "$1" | awk -v span="$(($2 * 1000))" '{
		t[NR] = $1
		while (t[NR] - t[first + 1] >= span) first++
		if (NR - first > most) most = NR - first
	    } END { print most + 0 }'
}

never_more() {
	local limit count span most

	for limit in "${LIMITS[@]}"; do
		count=${limit%/*} span=${limit#*/}
		case $span in
		*m) span=$((${span%m} * 60)) ;;
		*) span=${span%s} ;;
		esac
		most=$(most_in "$1" "$span")
		((most <= count)) ||
		    fail "$1 saw $most within $span s, $count may" "$LOG"
		note "$1: at most $most of $limit"
	done
}

# exits ACCOUNT OUTCOME - messages of the deliveries that ended so
exits() {
	awk -v a="account=$1" -v o="outcome=$2" '/ exit: / && $0 ~ a " " &&
	    (o == "outcome=" || $0 ~ o) {
		for (i = 1; i <= NF; i++)
			if (sub(/^messages=/, "", $i)) n += $i
	    } END { print n + 0 }' "$LOG"
}

sent() {
	ctl --json show "smarthost $1" | tr -d ' \n' |
	    sed -E 's/.*"key":"sent[^"]*"//' |
	    grep -oE '"window":"24h","used":[0-9]+' | sed 's/.*://'
}

quiet() {
	go_on
	[[ -z $(waiting) ]]
}

no_leases() {
	! ctl --json status | grep -q '"leases": *[1-9]'
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

# expected - each recipient that a given message leads to, outside
expected() {
	local id result to

	cat "$STAGE"/given.* | while read -r id result to; do
		case $to in
		team+*) printf '%s %s@customer.test\n' "$result" "t1+$id" \
		    "$result" "t2+$id" ;;
		forward+*) echo "$result f+$id@customer.test" ;;
		*) echo "$result $to" ;;
		esac
	done
}

# ledger WORD - each recipient that came with it
ledger() {
	awk -v word="$1" '$3 == word {
		n = split($4, to, ",")
		for (i = 1; i <= n; i++) print to[i]
	    }' "$STAGE"/{first,third}.ledger
}

# lost_or_doubled - "lost N doubled M": of what was given
lost_or_doubled() {
	awk 'FILENAME == ARGV[1] { taken[$1]++; next }
	    FILENAME == ARGV[2] { refused[$1]++; next }
	    {
		if (taken[$2] > 1) doubled += taken[$2] - 1
		if (!taken[$2] && !refused[$2] && $1 == 0) {
			lost++
			names = names " " $2
		}
	    } END { print lost + 0, doubled + 0, names }' \
	    <(ledger taken) <(ledger refused) <(expected)
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
make_certificate "$STAGE/first" smtp.provider.test good
make_certificate "$STAGE/third" smtp.second.test good
provider first 127.0.0.2
provider third 127.0.0.3
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
for ((n = 1; n <= CLIENTS; n++)); do
	client "$n" &
	WRITERS+=($!)
done
rounds=0
while still_writing; do
	sleep 2
	rounds=$((rounds + 1))
	${WEATHER[RANDOM % ${#WEATHER[@]}]}
done
given=$(cat "$STAGE"/given.* | wc -l)
is "each message was given" "$MESSAGES" "$given" "$LOG"
note "$rounds rounds of weather, $SECONDS s; $(waiting | wc -l) still wait"

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
