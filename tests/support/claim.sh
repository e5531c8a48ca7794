# shellcheck shell=bash
# claim.sh - for suites in shell: claims, as TAP.  Source it; end with
# `echo "1..$n"`.

n=0

# claim NAME COMMAND... - one test; what the command prints is why it failed
claim() {
	local said

	n=$((n + 1))
	if said=$("${@:2}" 2>&1); then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		[[ -z $said ]] || sed -E 's/^(# )?/# /' <<<"$said"
	fi
}

# needs_git - which files are ours is what git says; without its word all would
# hold
needs_git() {
	git ls-files --error-unmatch Makefile >/dev/null 2>&1 && return
	skip "no clone of git, or not this user's"
	echo "1..$n"
	exit 0
}

# skip WHY - a test that cannot be done here
skip() {
	n=$((n + 1))
	echo "not ok $n # SKIP $1"
}
