# smtp.sh - a mail program that shows the dialogue.
#
# bash can speak SMTP by itself: one descriptor, one function a command.  SAID
# is the last answer, CODE its number.
# shellcheck shell=bash

CODE='' SAID='' REFUSED=''

# smtp_answer - reads one answer, however many lines it has
smtp_answer() {
	local line

	SAID=''
	while IFS= read -r -t 120 -u "$SMTP" line; do
		line=${line%$'\r'}
		SAID+=${SAID:+$'\n'}$line
		[[ $line =~ ^[0-9]{3}\  ]] && break
	done
	CODE=${SAID:0:3}
	[[ -n $CODE ]] || fail "the office's mail server hung up" \
	    "$STAGE/office/mail.log"
}

# smtp_quietly COMMAND... - says it, and does not show it
smtp_quietly() {
	printf '%s\r\n' "$*" >&"$SMTP"
	smtp_answer
}

# smtp COMMAND... - says it, and shows both sides
smtp() {
	smtp_quietly "$@"
	smtp_show "$*"
}

smtp_show() {
	local color=$GREEN

	[[ $CODE == [23]* ]] || color=$RED
	printf '   > %s\n   %s< %s%s\n' "$1" "$color" "$SAID" "$PLAIN"
}

smtp_connect() {
	exec {SMTP}<>"/dev/tcp/$OFFICE_ADDRESS/$OFFICE_PORT" ||
	    fail "no connection to the office" "$STAGE/office/mail.log"
	smtp_answer
	smtp_quietly EHLO desk.office.example
}

smtp_hang_up() {
	printf 'QUIT\r\n' >&"$SMTP"
	exec {SMTP}>&-
}

# smtp_message FROM SUBJECT - header and text, up to the final dot
smtp_message() {
	smtp_quietly DATA
	printf '%s\r\n' "From: <$1>" "Subject: $2" '' "$2" >&"$SMTP"
	smtp_quietly .
	smtp_show "DATA, the text, and a dot"
}

# send FROM SUBJECT TO... - a whole message, shown, to all who are accepted.
# SAID is the last answer to it, CODE its number; REFUSED has every refusal.
send() {
	local from=$1 subject=$2 to accepted=0

	shift 2
	REFUSED=''
	smtp_connect
	smtp "MAIL FROM:<$from>"
	for to; do
		smtp "RCPT TO:<$to>"
		if [[ $CODE == 2* ]]; then
			accepted=$((accepted + 1))
		else
			REFUSED+=$SAID$'\n'
		fi
	done
	((accepted == 0)) || smtp_message "$from" "$subject"
	smtp_hang_up
}
