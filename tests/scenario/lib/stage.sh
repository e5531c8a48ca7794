# stage.sh - namespaces of our own: mounts, processes, network, host name.
#
# The machine's mail server, ports, /etc/hosts and network are not touched and
# cannot be reached; when the first process of the stage ends, the kernel ends
# all others, also after Ctrl-C or kill -9.  What remains is one directory, which
# the process outside removes.  It lies in /run, for secrets are refused below
# directorys that everybody may write to.
# shellcheck shell=bash

LID=${LID:-240}	# seconds: what takes longer is stuck
NAMESPACES=(--mount --pid --net --uts --fork --kill-child --mount-proc)

# stage_possible - or the end, with the kernel's own word on why not
stage_possible() {
	local said

	((EUID == 0)) ||
	    fail "this must run as root: it starts mail servers (use sudo)"
	command -v unshare >/dev/null ||
	    fail "unshare(1) is missing: install util-linux"
	said=$(unshare "${NAMESPACES[@]}" true 2>&1) && return
	case $said in
	*propagation*)
		said+="; / is no mount point: in a chroot, first \
\`mount --bind FOLDER FOLDER\`" ;;
	*'not permitted'*)
		said+="; in a container, allow CAP_SYS_ADMIN (docker run \
--privileged)" ;;
	*'No space'*)
		said+="; /proc/sys/user/max_*_namespaces allows no more" ;;
	esac
	fail "namespaces cannot be made here, and without them the machine's own \
mail server could be touched: $said"
}

# stage_from_outside ARGS... - run this script again, on the stage; clean up
stage_from_outside() {
	local stage child status=0

	stage_possible
	stage=$(mktemp -d "/run/postmeter-stage.XXXXXX")
	chmod 755 "$stage"
	# shellcheck disable=SC2064
	trap "rm -rf '$stage'" EXIT
	# Each ends with the one before it, down to the stage's first process.
	setpriv --pdeathsig KILL timeout --signal=KILL "$LID" \
	    setpriv --pdeathsig KILL \
	    unshare "${NAMESPACES[@]}" -- bash "$0" "$stage" "$@" &
	child=$!
	# shellcheck disable=SC2064
	# The kernel ends the others a moment later; till then they may write.
	trap "kill -KILL $child; wait $child; sleep 1; exit 130" INT TERM HUP
	wait "$child" || status=$?
	dim "$(basename "$0" .sh): $SECONDS s"
	((status != 137)) || note "FAIL  it took longer than $LID s"
	if ((status != 0)) && [[ -n ${KEEP:-} ]]; then
		trap - EXIT
		note "kept: $stage"
	fi
	exit "$status"
}

# stage_private FILE - FILE as the stage sees it comes from standard input
stage_private() {
	local own=$STAGE/etc${1//\//-}

	cat >"$own"
	chmod 644 "$own"
	[[ -e $1 ]] || fail "$1 does not exist here"
	mount --bind "$own" "$1"
}

# stage_hosts ADDRESS - where the provider's name leads from now on
stage_hosts() {
	cat >/etc/hosts <<-END
		127.0.0.1 localhost mail.office.example
		$1 smtp.provider.test
		127.0.0.3 smtp.second.test
	END
}

# one_more_host ADDRESS NAME - on the stage
one_more_host() {
	ip address add "$1/8" dev lo
	echo "$1 $2" >>/etc/hosts
}

stage_build() {
	ip link set lo up
	ip address add 127.0.0.2/8 dev lo
	ip address add 127.0.0.3/8 dev lo
	hostname mail.office.example
	stage_private /etc/hosts </dev/null
	stage_hosts 127.0.0.2
	stage_private /etc/resolv.conf <<<"nameserver 127.0.0.1"
}

# on_stage "$@" - after this line the script is on the stage.  There it is
# process 1, with the directory as its first argument.
on_stage() {
	(($$ == 1)) || stage_from_outside "$@"
	STAGE=$1
	export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
	unset MAIL_CONFIG MAIL_VERBOSE MAIL_DEBUG
	cd "$STAGE" || exit 1
	stage_build
}
