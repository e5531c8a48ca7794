#!/bin/bash
# metrics.sh - what monitoring is told, as a suite in TAP: a running daemon's
# numbers in both formats, the plugin's line, and that alerts and dashboard ask
# for nothing that is not told.
set -u

CTL=${BUILD:-build}/postmeterctl
DAEMON=${BUILD:-build}/postmeter
dir=$(mktemp -d /tmp/pm-metrics-XXXXXX)
pid=

end() {
	[[ -z $pid ]] || kill "$pid" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT

# shellcheck source=tests/support/claim.sh
. "$(dirname "$0")/support/claim.sh"

for name in milter map auth control; do
	echo "$name-socket = \"unix:$dir/$name.sock\""
done >"$dir/conf"
cat >>"$dir/conf" <<EOF
user = "$(id -un)"
auth-peers = {"root"}
store = "memory:"
time-zone = "UTC"
policy "staff" { messages = {"3/24h", "2/10m"} lockout = "1h" }
policy "account" { per = "everyone" recipients = {"100/24h"} }
smarthost "relay" { host = "relay.example.net" policies = {"account"} }
smarthost "token" { host = "smtp.example.net" username = "a@example.net"
    auth = "oauth" grant = "refresh" client-id = "c" secret-until = "2036-05-01"
    token-url = "https://login.example.net/token" }
route "out" { smarthosts = {"relay"} }
rule "everybody" { policies = {"staff"} route = "out" }
EOF
"$DAEMON" -c "$dir/conf" 2>"$dir/log" &
pid=$!
for _ in {1..100}; do
	"$CTL" -c "$dir/conf" status >/dev/null 2>&1 && break
	sleep 0.1
done

metrics() {
	"$CTL" -c "$dir/conf" metrics "$@"
}

# The names of the families, as samples have them.
names() {
	metrics | sed -nE 's/^# TYPE ([a-z_]+) .*/\1/p'
}

prometheus_takes_them() {
	metrics | promtool check metrics
}

openmetrics_ends_and_names_families_without_total() {
	local text

	text=$(metrics --openmetrics)
	[[ $(tail -1 <<<"$text") == "# EOF" ]] &&
	    ! grep -E '^# (TYPE|HELP) \S+_total' <<<"$text" &&
	    grep -qE '^postmeter_messages_total\{verdict="pass",rule="everybody"\} 0$' <<<"$text" &&
	    ! grep -n '^$' <<<"$text"
}

# The two formats bear the same samples, but for what changes by itself.
both_formats_have_the_same_samples() {
	diff <(metrics | grep -v '^#' | sed 's/ [^ ]*$//' | sort) \
	    <(metrics --openmetrics | grep -v '^#' | sed 's/ [^ ]*$//' | sort)
}

nobody_is_a_label() {
	! metrics | grep -E '@|login=|sender=|client='
}

alerts_are_sound() {
	local rules=contrib/prometheus/postmeter.rules

	if ! { promtool check rules $rules.yml &&
		promtool test rules $rules.test.yml; } >"$dir/out" 2>&1; then
		sed 's/^/# /' "$dir/out"
		return 1
	fi
}

# asked FILE - the names that its expressions use
asked() {
	grep -ohE '\bpostmeter_[a-z_]+' "$1" | sed -E 's/_(bucket|sum|count)$//' |
	    sort -u
}

what_is_asked_for_is_told() {
	local missing

	# Those of held mail are there once some is held.
	missing=$(comm -23 <(asked "$1") <(names | sort -u) |
	    grep -vE '^postmeter_(smarthost_up|account_(used_ratio|limit|locked_until_timestamp_seconds)|held_.*)$')
	[[ -z $missing ]] || { echo "# ${missing//$'\n'/ }"; return 1; }
}

dashboard_asks_in_promql() {
	{
		echo 'groups: [{name: dashboard, rules: ['
		jq -r '[.panels[].targets[]?.expr, .annotations.list[].expr] |
			to_entries[] | {record: "a:b\(.key)",
			expr: .value | gsub("\\$__rate_interval"; "5m")} |
			tojson + ","' contrib/grafana/postmeter.json
		echo ']}]'
	} >"$dir/dashboard.yml"
	promtool check rules "$dir/dashboard.yml" >"$dir/out" 2>&1 && return
	sed 's/^/# /' "$dir/out"
	return 1
}

# plugin CODE TEXT ARGUMENT... - the plugin ends so, and says that in one line
plugin() {
	local out code

	out=$("$CTL" "${@:3}" 2>&1)
	code=$?
	[[ $code == "$1" && $out == *"$2"* && $(wc -l <<<"$out") == 1 ]] ||
	    { echo "# $code: $out"; return 1; }
}

the_plugin_says_what_monitors_expect() {
	plugin 0 "POSTMETER OK - all is well | 'waiting'=0;" \
	    -c "$dir/conf" status --nagios -w 80 -c 95 &&
	    plugin 3 "POSTMETER UNKNOWN - -w and -c want" \
		-c "$dir/conf" status --nagios -w many &&
	    plugin 2 "POSTMETER CRITICAL - the daemon cannot be reached" \
		-s "$dir/nowhere.sock" status --nagios
}

claim openmetrics_ends_and_names_families_without_total \
    openmetrics_ends_and_names_families_without_total
claim both_formats_have_the_same_samples both_formats_have_the_same_samples
claim no_sender_is_a_label nobody_is_a_label
claim the_alerts_ask_for_what_is_told \
    what_is_asked_for_is_told contrib/prometheus/postmeter.rules.yml
claim the_dashboard_asks_for_what_is_told \
    what_is_asked_for_is_told contrib/grafana/postmeter.json
claim the_plugin_says_what_monitors_expect the_plugin_says_what_monitors_expect
if command -v promtool >/dev/null; then
	claim prometheus_takes_the_metrics prometheus_takes_them
	claim the_alerts_are_sound_and_fire_when_they_should alerts_are_sound
	command -v jq >/dev/null &&
	    claim the_dashboard_asks_in_promql dashboard_asks_in_promql
fi
echo "1..$n"
