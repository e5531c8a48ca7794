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
	"${COMP_WORDS[0]}" -c "$(_postmeterctl_file)" --json top -n 100 2>/dev/null |
	    grep -oE '"key": ?"[^"\\]+"' | cut -d'"' -f4 | sort -u
}

# all commands, or the words of one's usage, as the tool itself tells them
_postmeterctl_usage()
{
	if [[ -z $1 ]]; then
		"${COMP_WORDS[0]}" -h 2>/dev/null |
		    sed -nE 's/^  ([a-z]+) .*/\1/p'
	else
		"${COMP_WORDS[0]}" "$1" -h 2>/dev/null |
		    sed -nE "1s/^.*\[--json\] $1//p" | tr '][|. ' '\n'
	fi
}

# what can stand where a usage has that word
_postmeterctl_means()
{
	case $1 in
	WHO) _postmeterctl_senders ;;
	POLICY) _postmeterctl_titles policy ;;
	SMARTHOST) _postmeterctl_titles smarthost ;;
	DIMENSION) echo messages recipients unique-recipients bytes ;;
	KIND) echo sendmail msmtp ssmtp nullmailer dma iredapd \
	    policyd-rate-limit policyd postfwd rspamd ;;
	FILE | LOG) compgen -f -- "$2" ;;
	-* | [a-z]*) echo "$1" ;;
	esac
}

_postmeterctl()
{
	local typed before
	local cur=${COMP_WORDS[COMP_CWORD]} command='' word commands

	commands=$(_postmeterctl_usage '')
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $'\n'$commands$'\n' == *$'\n'"$word"$'\n'* ]] || continue
		command=$word
		break
	done
	if [[ -n $command ]]; then
		word=$(_postmeterctl_usage "$command" | sort -u |
		    while read -r word; do _postmeterctl_means "$word" "$cur"; done)
	else
		word="$commands -c -s --json -h --version"
	fi
	# bash ends a word at "@" and ":": what stands before them is typed.
	typed=${COMP_LINE:0:COMP_POINT}
	typed=${typed##*[[:space:]]}
	before=${typed%"$cur"}
	[[ $cur != @ && $cur != : ]] || before=$typed
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "${typed:-$cur}")
	COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o default -F _postmeterctl postmeterctl
