#!/bin/bash
# hardening.sh - what the built binaries are made of, as a
# suite in TAP: the loader's and compiler's guards, and no way to start another
# program from the daemon.
set -u

set -- "${BUILD:-build}/postmeter" "${BUILD:-build}/postmeterctl" \
    "${BUILD:-build}/postmeter-agent" "${BUILD:-build}/postmeter-web"

# shellcheck source=tests/support/claim.sh
. "$(dirname "$0")/support/claim.sh"

has() {
	readelf "$1" "$2" 2>/dev/null | grep -Eq -- "$3"
}

# A sanitizer takes the place of these: then there is nothing to see.
imports() {
	nm -D "$1" | grep -Eq 'U (__asan|__tsan)' || nm -D "$1" | grep -Eq "U $2"
}

no_exec_stack() {
	readelf -lW "$1" | grep GNU_STACK | grep -vq 'RWE'
}

# The tool may run postconf; the daemon starts nothing and loads nothing.
starts_nothing() {
	! nm -u "$1" | grep -E \
	    ' (system|popen|v?fork|exec[lv][a-z]*|fexecve|posix_spawnp?|dlopen)(@|$)'
}

# What speaks to providers is the agent's and the tool's.
speaks_to_nobody() {
	! readelf -dW "$1" | grep -E 'NEEDED.*libcurl' &&
	    ! nm "$1" | grep -E ' T (smtp_hello|prober_|probe_run|curl_)'
}

scores_well() {
	local score

	score=$(systemd-analyze security --offline=true "$1" 2>/dev/null |
	    sed -nE 's/.*exposure level[^0-9]*([0-9.]+).*/\1/p')
	awk -v s="${score:-10}" -v most="$2" 'BEGIN { exit !(s <= most) }'
}

# The unit as it is installed, but with the programs that were just built.
is_understood() {
	local dir said

	dir=$(mktemp -d)
	sed "s,/usr/local/sbin,$(realpath "$(dirname "$2")"),g" "$1" \
	    >"$dir/${1##*/}"
	said=$(systemd-analyze --man=no --recursive-errors=no verify \
	    "$dir/${1##*/}" 2>&1 | grep -F "${1##*/}")
	rm -r "$dir"
	[[ -z $said ]] || { echo "# $said"; return 1; }
}

for b; do
	name=${b##*/}
	claim "${name}_is_position_independent" has -hW "$b" 'Type: +DYN'
	claim "${name}_has_read_only_relocations" has -lW "$b" GNU_RELRO
	claim "${name}_is_bound_at_start" has -dW "$b" 'NOW'
	claim "${name}_has_no_executable_stack" no_exec_stack "$b"
	claim "${name}_guards_its_stack" imports "$b" __stack_chk_fail
	claim "${name}_is_fortified" imports "$b" '__[a-z]+_chk(@|$)'
done
claim the_daemon_starts_no_other_program starts_nothing "$1"
claim the_agent_starts_no_other_program starts_nothing "$3"
claim the_page_starts_no_other_program starts_nothing "$4"
claim the_daemon_speaks_to_no_provider speaks_to_nobody "$1"
unit=contrib/systemd/postmeter.service
if command -v systemd-analyze >/dev/null; then
	claim the_unit_scores_at_most_1.5 scores_well "$unit" 1.5
	claim the_pages_unit_scores_at_most_1 \
	    scores_well contrib/systemd/postmeter-web.service 1.0
	claim the_unit_says_nothing_that_systemd_does_not_know \
	    is_understood "$unit" "$1"
	claim the_agents_unit_says_nothing_that_systemd_does_not_know \
	    is_understood contrib/systemd/postmeter-agent.service "$3"
	claim the_pages_unit_says_nothing_that_systemd_does_not_know \
	    is_understood contrib/systemd/postmeter-web.service "$4"
	for unit in release mail; do
		claim "the_unit_for_${unit}_says_nothing_that_systemd_does_not_know" \
		    is_understood "contrib/systemd/postmeter-$unit.service" "$2"
	done
else
	skip "no systemd-analyze: the unit is not scored"
fi
echo "1..$n"
