#!/bin/bash
# report.sh - a picture (SVG) of each part that `make bench` has measured.
# Bars are medians over the rounds, the whiskers go from lowest to highest.
# shellcheck disable=SC2016
set -euo pipefail

OUT=${BUILD:-build}/bench
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# plot PART PICTURE TITLE FILTER - FILTER makes arrays of cells, which the
# commands from standard input find in DATA
plot() {
	jq -r "def bar: .median, .low, .high; $4 | @tsv" "$OUT/$1.json" \
	    >"$WORK/data"
	{
		cat <<-END
			set terminal svg size 900,450 font "sans,13" \
			    background "white"
			set output "$OUT/$2.svg"
			set title "$3" font "sans,15"
			set datafile separator "\t"
			set style data histogram
			set style histogram errorbars gap 2
			set errorbars 0.6 linecolor "#404040" linewidth 1
			set style fill solid noborder
			set boxwidth 0.9
			set border 3
			set tics nomirror out
			set xtics scale 0
			set grid ytics linecolor "#cccccc"
			set key above horizontal samplen 1.5
			set yrange [0:*]
			set linetype 1 linecolor "#0072b2"
			set linetype 2 linecolor "#e69f00"
			set linetype 3 linecolor "#009e73"
			set linetype 4 linecolor "#cc79a7"
			set linetype 5 linecolor "#999999"
			set linetype 6 linecolor "#d00000" dashtype 2
		END
		sed "s|DATA|\"$WORK/data\"|g"
	} | gnuplot
	echo "$OUT/$2.svg"
}

# What a case of the part speed is called below its bars.
CASE='"\(.connections)" + if .hot > 0 then ", hot"
    elif .recipients > 1 then ", \(.recipients) rcpt" else "" end'
CASES="connections; one recipient, 200 senders by turns, if nothing else is said"

speed() {
	plot speed speed "Messages a second over the milter protocol" \
	    '.summary[] | ['"$CASE"', (.target[("postmeter",
	    "null-rcpt", "null-end", "null-few", "null-all")].per_second |
	    bar)]' <<-END
		set xlabel "$CASES"
		set ylabel "messages a second"
		plot DATA using 2:3:4:xtic(1) title "postmeter", \
		    DATA using 5:6:7 title "null-rcpt", \
		    DATA using 8:9:10 title "null-end", \
		    DATA using 11:12:13 title "null-few", \
		    DATA using 14:15:16 title "null-all"
	END
	plot speed ratio "Messages a second: postmeter to each null milter" \
	    '.summary[] | ['"$CASE"', (.target[("null-rcpt", "null-end",
	    "null-few", "null-all")].ratio | bar)]' <<-END
		set xlabel "$CASES"
		set ylabel "ratio, 1: as fast (log scale)"
		set logscale y 2
		set yrange [0.125:8]
		plot DATA using 2:3:4:xtic(1) title "to null-rcpt" linetype 2, \
		    DATA using 5:6:7 title "to null-end" linetype 3, \
		    DATA using 8:9:10 title "to null-few" linetype 4, \
		    DATA using 11:12:13 title "to null-all" linetype 5, \
		    0.85 with lines linetype 6 title "goal: 0.85"
	END
}

waits() {
	plot waits waits "200 busy connections: how long one waits" \
	    '[.summary[] | {(.target): .}] | add | . as $t |
	    ("longest", "p99.9", "mean of the worst served") as $what |
	    [$what, ($t[("postmeter", "null-rcpt")] | {longest: .longest_s,
	    "p99.9": .p999_s, "mean of the worst served": .worst_served_s} |
	    .[$what] | bar)]' <<-'END'
		set ylabel "seconds"
		plot DATA using 2:3:4:xtic(1) title "postmeter", \
		    DATA using 5:6:7 title "null-rcpt"
	END
}

latency() {
	plot latency latency "End of message at a steady pace" \
	    '.summary | group_by(.wanted)[] | (map({(.target): .}) | add) as $t |
	    ("p50", "p99", "p999") as $p |
	    ["\($t.postmeter.wanted)/s \($p | sub("p999"; "p99.9"))",
	    ($t[("postmeter", "null-rcpt")][$p] | bar)]' <<-'END'
		set ylabel "ms from when it was due (log scale)"
		set logscale y
		set yrange [0.01:*]
		plot DATA using 2:3:4:xtic(1) title "postmeter", \
		    DATA using 5:6:7 title "null-rcpt", \
		    2 with lines linetype 6 title "goal for p99 at 2,000/s"
	END
}

postfix() {
	plot postfix postfix "Messages a second through a whole Postfix" \
	    '.summary as $all | ("none", "null-rcpt", "postmeter", "policyd",
	    "postfwd") as $t | [$t, ($all | map(select(.target == $t)) |
	    sort_by(.sessions)[].per_second | bar)]' <<-'END'
		set ylabel "messages a second"
		plot DATA using 2:3:4:xtic(1) title "8 sessions", \
		    DATA using 5:6:7 title "50 sessions"
	END
}

overshoot() {
	plot overshoot overshoot \
	    "A limit of 100, 400 messages at once: how many got through" \
	    '.summary[] | [.target, .admitted]' <<-'END'
		set style histogram clustered gap 2
		set ylabel "messages"
		set yrange [0:120<*]
		plot DATA using 2:xtic(1) title "admitted", \
		    DATA using 0:2:2 with labels offset 0,0.7 notitle, \
		    100 with lines linetype 6 title "limit"
	END
}

growth() {
	plot growth growth "" '.summary[] | select(.store == "embedded") |
	    [.senders, (.ratio | bar), .busy_kb / 1024, .disk_bytes / 1048576,
	    .start_s * 1000]' <<-'END'
		set multiplot layout 1,3 title "Active senders, embedded store" font "sans,15"
		set logscale x
		set format x "10^%T"
		set xrange [50:2e6]
		set xtics 100, 10
		unset mxtics
		set key inside top left vertical
		set xlabel "senders"
		set title "messages/s to null-rcpt"
		plot DATA using 1:2:3:4 with yerrorlines pointtype 7 notitle
		set title "MiB"
		plot DATA using 1:5 with linespoints pointtype 7 title "memory", \
		    DATA using 1:6 with linespoints pointtype 7 title "disk"
		set title "start, ms"
		plot DATA using 1:7 with linespoints pointtype 7 notitle
	END
}

memory() {
	plot memory memory "Memory for one more" \
	    '.summary[] | ["\(.target): \(.what)", (.bytes | round)]' <<-'END'
		set style histogram clustered gap 2
		set ylabel "bytes"
		plot DATA using 2:xtic(1) notitle, \
		    DATA using 0:2:2 with labels offset 0,0.7 notitle
	END
}

for part in speed waits latency postfix overshoot growth memory; do
	[[ ! -e $OUT/$part.json ]] || "$part"
done
