# waits.sh - is a connection left waiting among 200 busy ones?  libmilter may
# serve some again and again; a turn must be long to show how long the others
# wait, and the longest single wait is luck.  What the worst served one waited
# on average is not.
# shellcheck shell=bash disable=SC2016

measures "200 busy connections in turns of ten times the length: waits"
measure -c 200 -t "$(awk -v t="$TURN" 'BEGIN { print 10 * t }')" -n 3 >"$STAGE/rows"
keep waits '[group_by(.target)[] | .[0].target as $t |
    {target: $t, longest_s: of($t; .longest_ms / 1e3),
    p999_s: of($t; .message_ms.p999 / 1e3),
    worst_served_s: of($t; .seconds / .least),
    per_second: of($t; .per_second)}]' <"$STAGE/rows"
show waits '["", "longest s", "p99.9 s", "mean of the worst served s",
    "messages/s"],
    (.summary[] | [.target, (.longest_s | span), (.p999_s | span),
    (.worst_served_s | span), (.per_second.median | round)])'
