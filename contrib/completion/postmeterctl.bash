# Completion for postmeterctl in bash: source it, or put it into
# /usr/share/bash-completion/completions/postmeterctl.

# the configuration that the line names, or the usual one
_postmeterctl_file()
{
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i - 1]} != -c ]] || {
			echo "${COMP_WORDS[i]}"
			return
		}
	done
	echo /etc/postmeter/postmeter.conf
}

# the titles of its sections of a kind
_postmeterctl_titles()
{
	sed -nE "s/^[[:space:]]*$1[[:space:]]+\"?([^\" {]+).*/\1/p" \
	    "$(_postmeterctl_file)" 2>/dev/null
}

# who sent lately, as the daemon knows
_postmeterctl_senders()
{
	postmeterctl -c "$(_postmeterctl_file)" --json top -n 100 2>/dev/null |
	    grep -oE '"key": ?"[^"\\]+"' | cut -d'"' -f4 | sort -u
}

_postmeterctl()
{
	local typed before
	local cur=${COMP_WORDS[COMP_CWORD]} command='' word
	local commands='status top show explain events reset grant revoke held release mail block
	    unblock reload trace history report replay import export metrics check setup smarthost learn login test secret web providers'

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ " ${commands//[$'\n\t']/ } " == *" $word "* ]] || continue
		command=$word
		break
	done
	case $command in
	'') word="$commands -c -s --json -h --version" ;;
	status) word='--nagios --warning --critical' ;;
	import) word="postfix sendmail msmtp ssmtp nullmailer dma iredapd
	    policyd-rate-limit policyd postfwd rspamd --secrets --postfix-config
	    $(compgen -f -- "$cur")" ;;
	report) word='--week' ;;
	replay) word="--suggest $(compgen -f -- "$cur")" ;;
	metrics) word='--openmetrics' ;;
	top) word='-n --refused' ;;
	events) word='-n' ;;
	history) word="-n $(_postmeterctl_senders)" ;;
	trace) word='--sender --rcpt --since --refused -n' ;;
	explain) word='--sender --login --client --size --rcpt' ;;
	show | reset | revoke | unblock) word="$(_postmeterctl_senders)" ;;
	grant) word="messages recipients unique-recipients bytes --for --why
	    $(_postmeterctl_titles policy) $(_postmeterctl_senders)" ;;
	mail) word='--report --week --postfix-config' ;;
	held) word='--postfix-config --sendmail-config' ;;
	release) word="--due --now --postfix-config --sendmail-config
	    $(_postmeterctl_senders)" ;;
	block) word="--for --why --hold-queue --postfix-config
	    $(_postmeterctl_senders)" ;;
	check) word="--mta --postfix-config --sendmail-config $(compgen -f -- "$cur")" ;;
	setup) word='postfix sendmail --apply --undo --check --prove
	    --postfix-config --sendmail-config' ;;
	test) word="--send --sender $(_postmeterctl_titles smarthost)" ;;
	login) word="$(_postmeterctl_titles smarthost)" ;;
	smarthost) word="open close --for --why $(_postmeterctl_titles smarthost)" ;;
	secret) word='set list remove' ;;
	*) word='' ;;
	esac
	# bash ends a word at "@" and ":": what stands before them is typed.
	typed=${COMP_LINE:0:COMP_POINT}
	typed=${typed##*[[:space:]]}
	before=${typed%"$cur"}
	[[ $cur != @ && $cur != : ]] || before=$typed
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "${typed:-$cur}")
	COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o default -F _postmeterctl postmeterctl
