# latency.sh - how long end of message takes at a steady pace (open loop).  It
# counts from the time the message was due, so a stall cannot hide itself.
# shellcheck shell=bash

measures "End of message at a steady pace, 64 connections, ms"
for pace in 500 2000; do
	measure -c 64 -R "$pace"
done >"$STAGE/rows"
keep latency '[group_by(.wanted)[] | group_by(.target)[] | {
    wanted: .[0].wanted, target: .[0].target,
    p50: (map(.eom_ms.p50) | spread), p99: (map(.eom_ms.p99) | spread),
    p999: (map(.eom_ms.p999) | spread), per_second: (map(.per_second) | spread)
    }]' <"$STAGE/rows"
show latency '["a second", "", "p50", "p99", "p99.9"],
    (.summary[] | [.wanted, .target, (.p50 | span), (.p99 | span),
    (.p999 | span)])'
