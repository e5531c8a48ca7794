# soak.sh - many messages by two accounts in every weather: providers that keep
# a ledger and have accidents, clients that try until they are taken, and what
# the ledgers must show.
#
# Who sources it names MESSAGES, LIMITS (of each account), WEATHER, and has a
# function whom ID: the address of a message.  Recipients team+ID, list+ID and
# forward+ID lead outside, as the office's aliases have it.
# shellcheck shell=bash

CLIENTS=4
declare -A PROVIDER

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

# two_providers - with certificates that are good
two_providers() {
	make_certificate "$STAGE/first" smtp.provider.test good
	make_certificate "$STAGE/third" smtp.second.test good
	provider first 127.0.0.2
	provider third 127.0.0.3
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

still_writing() {
	local pid

	for pid in "${WRITERS[@]}"; do
		kill -0 "$pid" 2>/dev/null && return
	done
	return 1
}

# in_all_weather - MESSAGES by the clients, and meanwhile one of WEATHER every
# two seconds
in_all_weather() {
	local n rounds=0 given

	for ((n = 1; n <= CLIENTS; n++)); do
		client "$n" &
		WRITERS+=($!)
	done
	while still_writing; do
		sleep 2
		rounds=$((rounds + 1))
		${WEATHER[RANDOM % ${#WEATHER[@]}]}
	done
	given=$(cat "$STAGE"/given.* | wc -l)
	is "each message was given" "$MESSAGES" "$given" "$LOG"
	note "$rounds rounds of weather, $SECONDS s"
}

# --- what the ledgers show ---------------------------------------------------

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

sent() {
	ctl --json show "smarthost $1" | tr -d ' \n' |
	    sed -E 's/.*"key":"sent[^"]*"//' |
	    grep -oE '"window":"24h","used":[0-9]+' | sed 's/.*://'
}

no_leases() {
	! ctl --json status | grep -q '"leases": *[1-9]'
}

# expected - each recipient that a given message leads to, outside
expected() {
	local id result to

	cat "$STAGE"/given.* | while read -r id result to; do
		case $to in
		team+*) printf '%s %s@customer.test\n' "$result" "t1+$id" \
		    "$result" "t2+$id" ;;
		list+*) printf '%s %s@customer.test\n' "$result" "l1+$id" \
		    "$result" "l2+$id" "$result" "l3+$id" ;;
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
