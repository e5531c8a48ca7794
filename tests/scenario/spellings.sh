#!/bin/bash
# spellings.sh - whatever way an address is written in, and however the office
# has its own domain, the copies at the provider are those that were counted.
#
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$HERE/lib/spellings.sh"
on_stage "$@"

PROVIDER=smtp.provider.test
O=office.example C=customer.test
LOG=$STAGE/postmeter.log
OFFICE=$STAGE/office

meter_rules() {
	cat <<-END
		recipient-delimiter = "+"
		policy "wide" { per = "everyone" messages = {"10000/24h"}
		    recipients = {"10000/24h"} }
		policy "each" { messages = {"10000/24h"} }
		smarthost "relay" { host = "$PROVIDER" username = "$LOGIN" secret = "relay"
		    policies = {"wide"} }
		route "out" { smarthosts = {"relay"} }
		rule "all" { policies = {"each"} route = "out" }
	END
}

# more_recipients - what only Postfix has, or has otherwise
more_recipients() {
	cat <<-END
		<"x"@"$C">
		<x@$C..>
		<x@$C@$O>
		<x@$O@$C>
		<x%$C%$O@$O>
		<"x%$C"@$O>
		<x%$C>
		<"$C!x"@$O>
		<@$C:"bob@$O">
		<x@xn--bcher-kva.test>
		<x (comment)@$C>
		<(comment)x@$C>
		<x@$C(comment)>
	END
}

more_senders() {
	cat <<-END
		<Al+Tag@$O>
		<"al+tag"@$O>
		<al\\@$O@$O>
		<"al@$O">
		<al@$O@$O>
		<$O!al>
		<al%$O>
		<al@[127.0.0.1]>
		<.al@$O>
		<al.@$O>
		<btv1==0711abcdef==al@$O>
		<al@xn--bcher-kva.test>
	END
}

# offer FROM TO - one message, on a connection of its own; ACCEPTED if it was
offer() {
	ACCEPTED=0
	smtp_connect
	smtp_quietly "MAIL FROM:$1"
	smtp_quietly "RCPT TO:$2"
	[[ $CODE != 2* ]] || ACCEPTED=1
	((ACCEPTED == 0)) || smtp_message "al@$O" "$2" >/dev/null
	smtp_hang_up
}

# all_is_told - the queue is empty, and no process of Postfix still has an
# outcome to tell: an idle one tells it when it ends
all_is_told() {
	wait_until 120 "all has left" "$OFFICE/mail.log" queue_empty
	postfix_anew "$OFFICE"
	wait_until 120 "all is told" "$LOG" no_lease_is_open
}

no_lease_is_open() {
	[[ $(ctl --json status | tr -d ' \n') == *'"leases":0'* ]]
}

# at_the_door SENDER, at_the_exit SENDER - recipients counted there, by the log
at_the_door() {
	sed -nE "s/.* sender=<$1> .* external=([0-9]+) .* verdict=pass.*/\1/p" \
	    "$LOG" | awk '{ n += $1 } END { print n + 0 }'
}

at_the_exit() {
	sed -nE "s/.* exit: .* sender=<$1> .* recipients=([0-9]+) .*/\1/p" \
	    "$LOG" | awk '{ n += $1 } END { print n + 0 }'
}

copies_of() {
	grep -rlF "Return-Path: <$1>" "$STAGE/$PROVIDER/mail/inbox/new" | grep -c . || true
}

arrived_for() {
	grep -rlF "X-Original-To: $1" "$STAGE/$PROVIDER/mail/inbox/new" | grep -c . || true
}

# try_all MODE - each spelling from a sender of its own, and the table of them
try_all() {
	local row=() to sender door out copies wrong=0

	while IFS= read -r to; do
		offer "<$1-${#row[@]}@$O>" "$to"
		row+=("$to")
	done < <(spellings_of_a_recipient && more_recipients)
	all_is_told
	note "$(printf '%-44s %5s %5s %5s' "to, $1" door exit left)"
	for i in "${!row[@]}"; do
		sender=$1-$i@$O
		door=$(at_the_door "$sender")
		out=$(at_the_exit "$sender")
		copies=$(copies_of "$sender")
		note "$(printf '%-44s %5d %5d %5d' "${row[i]}" "$door" "$out" "$copies")"
		[[ $out == "$copies" ]] || wrong=$((wrong + 1))
		# What the door sees of one recipient is what leaves of it, but
		# for the aliases that Postfix looks into behind the door.
		[[ $door == "$copies" || ${row[i]^^} == *TEAM* || ${row[i]^^} == *AWAY* ]] ||
		    wrong=$((wrong + 1))
	done
	is "${#row[@]} spellings of a recipient, counted otherwise than they left" \
	    0 "$wrong" "$LOG"
}

title "postmeter and the ways to write an address"
make_ca
meter_secrets relay "$SECRET"
meter_rules | meter_configure
start_provider $PROVIDER 127.0.0.2 good yes "$LOGIN:$SECRET"
office_directory
cat >>"$OFFICE/main.cf" <<END
recipient_delimiter = +
virtual_alias_maps = inline:{ { away@$O = z@$C }, { team@$O = t1@$C, t2@$C, t3@$C, bob@$O } }
END
echo "bob@$O bob/" >>"$OFFICE/mailboxes"
start_postmeter
wire_office
start_office

step "the office's domain is one of mailboxes"
try_all boxes

step "the office's domain is one of its own"
{
	echo "bob x"
	printf '%s x\n' al boxes
} >"$OFFICE/locals"
postconf -c "$OFFICE" -e "virtual_mailbox_domains = " "mydestination = $O" \
    "local_transport = virtual" "local_recipient_maps = texthash:$OFFICE/locals"
postfix_anew "$OFFICE"
try_all own

step "quotes are not looked into"
postconf -c "$OFFICE" -e "resolve_dequoted_address = no"
postfix_anew "$OFFICE"
try_all quoted

step "a sender, however written"
row=() taken=() mark=$(wc -l <"$LOG")
while IFS= read -r from; do
	offer "$from" "<r${#row[@]}@$C>"
	((ACCEPTED == 0)) || taken+=("${#row[@]}")
	row+=("$from")
done < <(spellings_of_a_sender && more_senders)
all_is_told
mapfile -t line < <(tail -n "+$((mark + 1))" "$LOG" | grep ' verdict=pass')
is "messages that were taken, and lines of the door" "${#taken[@]}" "${#line[@]}"
note "$(printf '%-44s %5s  %s' from left 'counted for')"
wrong=0 al=0
for i in "${!row[@]}"; do
	left=$(arrived_for "r$i@$C") of='refused by Postfix'
	for j in "${!taken[@]}"; do
		[[ ${taken[j]} != "$i" ]] ||
		    of=$(sed -E 's/.* sender=(<[^>]*>) .*/\1/' <<<"${line[j]}")
	done
	note "$(printf '%-44s %5d  %s' "${row[i]}" "$left" "$of")"
	[[ $left == $([[ $of == refused* ]] && echo 0 || echo 1) ]] || wrong=$((wrong + 1))
	[[ $of != "<al@$O>" ]] || al=$((al + 1))
done
is "${#row[@]} spellings of a sender, left otherwise than they were taken" 0 \
    "$wrong" "$LOG"
is "they are one person: messages of his counter" "$al" \
    "$(ctl --json show "al@$O" | tr -d ' \n' |
	sed -nE 's/.*"policy":"each"[^]]*"used":([0-9]+).*/\1/p')" "$LOG"
