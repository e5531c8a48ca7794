#!/bin/bash
# usage.sh - the operator's command line, as a suite in TAP: what is wrong is
# named, the exit code says of what kind it is, and what completion and manual
# offer is what the tool takes.
set -u

CTL=${BUILD:-build}/postmeterctl
DAEMON=${BUILD:-build}/postmeter
NOWHERE=/nonexistent/postmeter.conf

# shellcheck source=tests/support/claim.sh
. "$(dirname "$0")/support/claim.sh"

# says CODE TEXT ARGUMENT... - the tool ends with that code, and says that
says() {
	local out code

	out=$("$CTL" "${@:3}" 2>&1 </dev/null)
	code=$?
	[[ $code == "$1" && $out == *"$2"* ]] && return
	printf '# postmeterctl %s: %d\n%s\n' "${*:3}" "$code" "$out"
	return 1
}

what_is_missing() {
	says 64 "grant: --for is missing" grant a@b staff messages +2 &&
	    says 64 "explain: --sender is missing" explain --rcpt a@b &&
	    says 64 "explain: --rcpt is missing" explain --sender a@b &&
	    says 64 "show: an argument is missing" show &&
	    says 64 "usage: postmeterctl" secret set
}

what_is_too_much() {
	says 64 "status: there is an argument too many" status now &&
	    says 64 "show: --why is not for this command" \
		show a@b --why x &&
	    says 64 "exclude each other" setup postfix --apply --undo
}

what_is_misspelt() {
	says 64 "did you mean status?" statsu &&
	    says 64 "unrecognized option '--jsn'" --jsn status &&
	    says 64 "top: -n wants a whole number" top -n many &&
	    says 64 "set NAME, list, or remove NAME" secret put x &&
	    says 64 "postfix or sendmail" setup exim
}

what_is_not_there() {
	says 69 "start the daemon" -s /nonexistent/control.sock status &&
	    says 78 "$NOWHERE: No such file" -c $NOWHERE check &&
	    says 78 "$NOWHERE: No such file" -c $NOWHERE test x &&
	    says 78 "$NOWHERE: No such file" -c $NOWHERE secret list &&
	    says 78 "$NOWHERE: No such file" -c $NOWHERE setup postfix
}

help_costs_nothing() {
	local c

	says 0 "usage: postmeterctl" -h && says 0 "postmeterctl " --version ||
	    return 1
	for c in $(commands); do
		says 0 "usage: postmeterctl" "$c" -h || return 1
		[[ $("$CTL" "$c" -h | grep -c '^  postmeterctl ') == 2 ]] || {
			echo "# $c has not two examples"
			return 1
		}
	done
}

# After one --rcpt all that follows are recipients: no daemon, but no misuse.
several_recipients() {
	says 69 "cannot be reached" -s /nonexistent/s explain --sender a@b \
	    --rcpt c@d e@f
}

# Whoever uses a password where passwords come to an end is told, others not.
passwords_that_end() {
	local dir rc

	dir=$(mktemp -d /tmp/pm-usage-XXXXXX)
	cat >"$dir/conf" <<-END
		user = "$(id -un)"
		providers = "$PWD/conf/providers.conf"
		secrets = "$dir/secrets"
		smarthost "m" { provider = "microsoft-365" username = "a@x.test" secret = "m" }
		smarthost "g" { provider = "gmail" username = "a@x.test" secret = "m" }
		route "r" { smarthosts = {"m", "g"} }
		rule "e" { route = "r" }
	END
	(umask 077 && echo 'secret "m" { password = "x" }' >"$dir/secrets")
	says 0 "smarthost m: passwords at Microsoft 365" check "$dir/conf" &&
	    ! "$CTL" check "$dir/conf" | grep -q 'smarthost g: passwords'
	rc=$?
	rm -rf "$dir"
	return $rc
}

# commands - those there are, as the tool lists them
commands() {
	"$CTL" -h | sed -nE 's/^  ([a-z]+) .*/\1/p'
}

# completes LINE - what is offered behind it
completes() {
	(
		# shellcheck source=/dev/null
		. contrib/completion/postmeterctl.bash
		read -ra COMP_WORDS <<<"$1"
		COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMP_LINE="$1 " COMP_POINT=$((${#1} + 1))
		_postmeterctl
		printf '%s\n' "${COMPREPLY[@]}" | grep -- "${2:-.}" | sort
	)
}

completion_knows_every_command() {
	diff <(commands | sort) <(completes "$CTL" '^[a-z]')
}

# long_options TEXT - each --option in it once
long_options() {
	grep -oE -- '--[a-z]+(-[a-z]+)*' | grep -v '^--json$' | sort -u
}

completion_knows_every_option() {
	local c

	for c in $(commands); do
		diff <("$CTL" "$c" -h | long_options) \
		    <(completes "$CTL $c" . | long_options) ||
		    return 1
	done
}

completion_knows_the_names_of_the_configuration() {
	local conf

	conf=$(mktemp)
	printf '%s\n' 'policy "staff" {' '}' '  smarthost "work-1" { }' \
	    'smarthost spare { }' >"$conf"
	diff <(printf 'spare\nwork-1\n') \
	    <(completes "$CTL -c $conf test" '^[a-z]') &&
	    [[ $(completes "$CTL -c $conf grant" staff) == staff ]]
	local status=$?
	rm -f "$conf"
	return "$status"
}

manual() {
	mandoc -T ascii "milter/$1" | col -bx
}

manual_knows_every_command() {
	local c text

	text=$(manual postmeterctl.8)
	for c in $(commands); do
		grep -qE "^ {5}$c( |$)" <<<"$text" || {
			echo "# $c"
			return 1
		}
	done
}

manual_knows_every_option() {
	local c

	diff <(for c in $(commands); do "$CTL" "$c" -h; done | long_options) \
	    <(manual postmeterctl.8 | long_options |
		grep -vxE -- '--(config|socket|number|help|version)')
}

# exit_codes MANUAL FILE... - those of the manual are those of the files
exit_codes() {
	local name

	diff <(manual "$1" | sed -n '/^EXIT STATUS/,/^[A-DF-Z]/p' |
		sed -nE 's/^ {5}([0-9]{2}) .*/\1/p' | sort) \
	    <(grep -ohE '\bEX_[A-Z]+\b' "${@:2}" | sort -u | while read -r name
		do
			sed -nE "s/^#define ${name}[[:space:]]+([0-9]{2}).*/\1/p" \
			    /usr/include/sysexits.h
		done | sort)
}

manual_knows_every_exit_code() {
	exit_codes postmeter.8 milter/postmeter.c milter/store/*.c \
	    milter/store/*/*.c &&
	    exit_codes postmeterctl.8 milter/postmeterctl.c milter/tool/*.c
}

# The replies of the one table that has them, code and enhanced code.
manual_knows_every_reply() {
	local reply text

	text=$(manual postmeter.8)
	sed -nE 's/.*"([245][0-9]{2})", "([245]\.[0-9.]+)".*/\1 \2/p' \
	    milter/desk/reply.c | sort -u | while read -r reply; do
		grep -qF "$reply" <<<"$text" || exit 1
	done
}

# options_of - the options of the configuration, by who knows them
options_of() {
	case $1 in
	code)
		find milter/config milter/secret -name '*.c' \
		    ! -name provider_file.c ! -name refusal_file.c \
		    -exec sed -nE \
		    's/.*(CONF_ONE|CONF_LIST|CFG_STR)\("([a-z0-9-]+)".*/\2/p' {} +
		;;
	manual)
		sed -nE 's/^\.It Cm ([a-z0-9-]+).*/\1/p' milter/postmeter.conf.5
		;;
	example)
		sed -nE 's/^[[:space:]]*(# )?([a-z0-9-]+) *= .*/\2/p' \
		    conf/postmeter.conf.full
		printf '%s\n' password file	# those of secrets.conf
		;;
	esac | sort -u
}

same_options() {
	diff <(options_of code) <(options_of manual) &&
	    diff <(options_of code) <(options_of example)
}

claim passwords_that_end_are_told_of passwords_that_end
claim what_is_missing_is_named what_is_missing
claim what_does_not_belong_is_named what_is_too_much
claim what_is_misspelt_is_named what_is_misspelt
claim what_is_not_there_is_named_with_the_remedy what_is_not_there
claim every_command_tells_its_usage help_costs_nothing
claim one_rcpt_takes_several_recipients several_recipients
claim the_daemon_refuses_what_it_does_not_know \
    eval "$DAEMON -x >/dev/null 2>&1; [[ \$? == 64 ]]"
claim completion_offers_every_command completion_knows_every_command
claim completion_offers_every_option completion_knows_every_option
claim completion_offers_the_names_of_the_configuration \
    completion_knows_the_names_of_the_configuration
if command -v mandoc >/dev/null; then
	claim the_manual_has_every_command manual_knows_every_command
	claim the_manual_has_every_option manual_knows_every_option
	claim the_manual_has_every_exit_code manual_knows_every_exit_code
	claim the_manual_has_every_reply manual_knows_every_reply
fi
claim manual_and_example_have_the_options_of_the_code same_options
echo "1..$n"
