#!/bin/bash
# report.sh - a picture (SVG) of each part that `make bench` has measured.
# shellcheck disable=SC2016
set -euo pipefail

OUT=${BUILD:-build}/bench
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# table PART FILTER - arrays of cells as the plotter reads them
table() {
	jq -r "$2 | @tsv" "$OUT/$1.json" >"$WORK/$1"
}

# plot PART TITLE - the commands come from standard input
plot() {
	{
		cat <<-END
			set terminal svg size 800,450 background "white"
			set output "$OUT/$1.svg"
			set title "$2"
			set datafile separator "\t"
			set style data histogram
			set style histogram clustered gap 1 errorbars linewidth 1
			set style fill solid 0.7 noborder
			set grid ytics
			set key outside top right
			set yrange [0:*]
		END
		sed "s|DATA|\"$WORK/$1\"|g"
	} | gnuplot
	echo "$OUT/$1.svg"
}

# have PART - was it measured?
have() {
	[[ -e $OUT/$1.json ]]
}

speed() {
	table speed '.summary[] | [.case, .null.median, .null.low, .null.high,
	    .postmeter.median, .postmeter.low, .postmeter.high]'
	plot speed "Messages a second over the milter protocol" <<-'END'
		set xtics rotate by -20
		plot DATA using 2:3:4:xtic(1) title "null milter", \
		    DATA using 5:6:7 title "postmeter"
	END
}

latency() {
	table latency '[.summary[] | {w: .wanted, t: .target, v: [.p50, .p99, .p999]}] |
	    group_by(.w)[] | . as $g | range(3) as $i |
	    ["\($g[0].w)/s " + ["p50", "p99", "p99.9"][$i]] +
	    ([("null", "postmeter") as $t | $g[] | select(.t == $t) |
	    .v[$i] | .median, .low, .high])'
	plot latency "End of message at a steady pace, ms from when it was due" \
	    <<-'END'
		plot DATA using 2:3:4:xtic(1) title "null milter", \
		    DATA using 5:6:7 title "postmeter"
	END
}

postfix() {
	table postfix '[.summary[]] | group_by(.target)[] | [.[0].target] +
	    (sort_by(.sessions) | map(.per_second | .median, .low, .high))'
	plot postfix "Messages a second through a whole Postfix" <<-'END'
		plot DATA using 2:3:4:xtic(1) title "8 sessions", \
		    DATA using 5:6:7 title "50 sessions"
	END
}

overshoot() {
	table overshoot '.summary[] | [.target, .admitted]'
	plot overshoot "A limit of 100 under 200 connections: messages let through" \
	    <<-'END'
		set style histogram clustered
		plot DATA using 2:xtic(1) title "admitted", 100 with lines title "limit"
	END
}

growth() {
	table growth '.summary[] | [.senders, .rss_kb / 1024,
	    .disk_bytes / 1048576, .start_s * 1000]'
	plot growth "Known senders" <<-'END'
		set logscale x
		set style data linespoints
		set xlabel "senders"
		plot DATA using 1:2 title "RSS, MiB", \
		    DATA using 1:3 title "disk, MiB", DATA using 1:4 title "start, ms"
	END
}

memory() {
	table memory '.summary[] | [.target + ", a " + .what, .bytes]'
	plot memory "Memory, bytes" <<-'END'
		set style histogram clustered
		plot DATA using 2:xtic(1) notitle
	END
}

for part in speed latency postfix overshoot growth memory; do
	! have "$part" || "$part"
done
