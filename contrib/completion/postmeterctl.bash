# Completion for postmeterctl in bash: source it, or put it into
# /usr/share/bash-completion/completions/postmeterctl.
_postmeterctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} command='' word
	local commands='status top show explain events reset grant revoke held release block
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
	events | history) word='-n' ;;
	trace) word='--sender --rcpt --since --refused -n' ;;
	explain) word='--sender --login --client --size --rcpt' ;;
	grant) word='messages recipients unique-recipients bytes --for --why' ;;
	held) word='--postfix-config --sendmail-config' ;;
	release) word='--due --now --postfix-config --sendmail-config' ;;
	block) word='--for --why --hold-queue --postfix-config' ;;
	check) word="--mta --postfix-config --sendmail-config $(compgen -f -- "$cur")" ;;
	setup) word='postfix sendmail --apply --undo --check --prove
	    --postfix-config --sendmail-config' ;;
	test) word='--send --sender' ;;
	smarthost) word='open close --for --why' ;;
	secret) word='set list remove' ;;
	*) word='' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
}
complete -o default -F _postmeterctl postmeterctl
