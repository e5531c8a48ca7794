# speed.sh - messages a second against the null milter, closed loop, and how
# long the connection waited that waited longest.
# shellcheck shell=bash

step "Messages a second, and the longest wait of any connection"
for c in 1 8 64 200; do
	measure -c "$c" -S 200
done | jq -c '. + {case: "\(.connections) connections"}' >"$STAGE/speed"
measure -c 64 -r 5 | jq -c '. + {case: "64, 5 recipients"}' >>"$STAGE/speed"
measure -c 64 -P 80 |
    jq -c '. + {case: "64, one sender 80 %"}' >>"$STAGE/speed"

keep speed 'group_by(.case) | map({case: .[0].case,
    connections: .[0].connections,
    null: of("null"; .per_second), postmeter: of("postmeter"; .per_second),
    ratio: ratios(.per_second),
    cpu_null: of("null"; .cpu_us), cpu_postmeter: of("postmeter"; .cpu_us),
    longest_null: of("null"; .longest_ms),
    longest_postmeter: of("postmeter"; .longest_ms),
    least_null: of("null"; .least), least_postmeter: of("postmeter"; .least)
    }) | sort_by(.connections)' <"$STAGE/speed"
show speed '["", "null/s", "postmeter/s", "ratio (low to high)",
    "CPU us null", "postmeter", "longest ms null", "postmeter"],
    (.summary[] | [.case, (.null.median | round), (.postmeter.median | round),
    (.ratio | span), (.cpu_null.median | round2),
    (.cpu_postmeter.median | round2), (.longest_null.high | round),
    (.longest_postmeter.high | round)])'
