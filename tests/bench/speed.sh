# speed.sh - messages a second, closed loop, beside null milters that ask for
# all steps, for few, for those of postmeter, and for the end alone.
# shellcheck shell=bash disable=SC2016

# fast OPTIONS... - all of them take turns
fast() {
	measure "$@" "${NULL[end]}" "${NULL[few]}" "${NULL[all]}" "${BESIDE[@]}"
}

measures "Messages a second, and the ratio to each null milter"
{
	for c in 1 8 64 200; do fast -c "$c"; done
	for r in 2 5; do fast -c 64 -r "$r"; done
	fast -c 64 -P 80
} >"$STAGE/rows"
keep speed '[group_by([.hot, .recipients, .connections])[] | . as $rows |
    .[0] | {connections, recipients, hot} + {target: ($rows |
    [group_by(.target)[] | .[0].target as $t | {key: $t, value: {
    per_second: of($t; .per_second), cpu_us: of($t; .cpu_us),
    ratio: ($rows | ratio("postmeter"; $t; .per_second))}}] | from_entries)}]' \
    <"$STAGE/rows"
show speed '["connections, recipients", "postmeter", "CPU us",
    "to rcpt", "to end", "to few", "to all",
    (if .rows | any(.target == "beside") then "to beside" else empty end)],
    (.summary[] | [
    "\(.connections), \(.recipients)" + if .hot > 0 then " hot" else "" end,
    (.target.postmeter | (.per_second.median | round),
    (.cpu_us.median | round2)),
    (.target["null-" + ("rcpt", "end", "few", "all")].ratio | span),
    (.target.beside // empty | .ratio | span)])'
