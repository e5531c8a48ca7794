#!/bin/bash
# figures.sh [FILE] - puts what `make bench` measured last into the README of
# this folder (or FILE), between its two marks: when and where, the tables, and
# of each goal what was reached.
# shellcheck disable=SC2016
set -euo pipefail

OUT=${BUILD:-build}/bench
HERE=$(dirname "$0")
FILE=${1:-$HERE/README.md}
FROM='<!-- from here on: make bench-figures -->'
TO='<!-- to here -->'
PARTS=(speed waits latency postfix overshoot store growth replay flush memory)

# version PACKAGE - as installed
version() {
	dpkg-query -Wf '${source:Upstream-Version}' "$1" 2>/dev/null || echo none
}

measured=()
for part in "${PARTS[@]}"; do
	[[ ! -e $OUT/$part.json ]] || measured+=("$OUT/$part.json")
done
((${#measured[@]} > 0)) || { echo "no figures in $OUT: make bench" >&2; exit 1; }

# goal PART GOAL FILTER - a row; FILTER makes [what was reached, is it so]
goal() {
	[[ -e $OUT/$1.json ]] || return 0
	jq -r -L "$HERE" --arg goal "$2" 'include "bench";
	    def row: "| \($goal) | \(.[0]) | \(if .[1] then "yes" else "no" end) |";
	    '"$3"' | row' "$OUT/$1.json"
}

# grown N LEAST OF - a row of what N active senders cost the embedded store
grown() {
	goal growth "$1" '.summary[] | select(.store == "embedded" and
	    .senders == '"$2"') | .'"$4"' | [span, .median >= '"$3"']'
}

goals() {
	printf '| goal | reached | |\n|---|---|---|\n'
	goal speed 'messages a second at 64 connections: at least 0.85 of `null-all`, the goal to the letter' \
	    '.summary[] | select(.connections == 64 and .recipients == 1 and
	    .hot == 0) | .target["null-all"].ratio | [span, .median >= 0.85]'
	goal latency 'p99 of end of message at 2,000 a second: at most 1 ms' \
	    '.summary[] | select(.wanted == 2000 and .target == "postmeter") |
	    .p99 | ["\(span) ms", .median <= 1]'
	goal flush 'the same while counters are flushed' \
	    '.summary | .changed as $n | .target[] | select(.target == "flushed") |
	    ["\(.p99 | span) ms; \($n) counters, longest \(.longest | span) ms",
	    .p99.median <= 1]'
	goal postfix 'Postfix end to end, 50 sessions: at least 0.97 of the null milter' \
	    '.summary[] | select(.target == "postmeter" and .sessions == 50) |
	    .to_null | [span, .median >= 0.97]'
	goal overshoot 'a limit of 100 under 200 connections: exact' \
	    '.summary[] | select(.target == "postmeter") |
	    [.admitted, .overshoot == 0]'
	grown '100 senders, 64 connections, 2 recipients, embedded store: at least 0.9 of `null-rcpt`' 100 0.9 ratio
	grown '10,000: at least 0.9 of the figure with 100' 10000 0.9 to_few
	grown '100,000: at least 0.9 of it' 100000 0.9 to_few
	grown '10^6: at least 0.8 of it' 1000000 0.8 to_few
	goal growth '10^6 senders known: at most 64 MiB at start, 512 MiB busy' \
	    '.summary[] | select(.store == "embedded" and .senders == 1000000) |
	    ["\(.start_kb / 1024 | round) and \(.busy_kb / 1024 | round) MiB",
	    .start_kb <= 65536 and .busy_kb <= 524288]'
	goal store 'a charge in the shared store, one thread: at most twice a PING (p50)' \
	    '[.rows[] | select(.threads == 1)] | ratio("redis-unix"; "ping"; .p50) |
	    [span, .median <= 2]'
	goal replay 'a start after a kill -9: at most 2 s' \
	    '.summary | max_by(.bytes) |
	    ["\(.start | span) s with \(.bytes / 1048576 | round2) MiB of journal",
	    .start.median <= 2]'
}

figures() {
	local n=0 part

	jq -rs 'map(.load | tonumber) as $load | .[0] |
	    "\(.date[:10]), \(.cpus) processors (\(.cpu)), load average \(
	    $load | min) to \($load | max), its own included;",
	    "\(.rounds) rounds, turns of \(.turn) s."' "${measured[@]}"
	printf 'libmilter %s, Postfix %s, Redis %s.\n\n```\n' \
	    "$(version libmilter1.0.1)" "$(version postfix)" \
	    "$(version redis-server)"
	for part in "${PARTS[@]}"; do
		[[ -e $OUT/$part.table ]] || continue
		((n++ == 0)) || echo
		printf '%d. ' "$n"
		cat "$OUT/$part.table"
	done
	printf '```\n\n'
	goals
}

for mark in "$FROM" "$TO"; do
	grep -qxF -e "$mark" "$FILE" ||
	    { echo "$FILE: a line is missing: $mark" >&2; exit 1; }
done
figures >"$OUT/figures"
awk -v from="$FROM" -v to="$TO" -v figures="$OUT/figures" '
    $0 == from { print; print ""
	while ((getline line <figures) > 0) print line
	print ""; skip = 1 }
    $0 == to { skip = 0 }
    !skip' "$FILE" >"$OUT/README.md"
cat "$OUT/README.md" >"$FILE"
