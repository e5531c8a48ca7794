# meter.sh - postmeter and its tool, with a configuration of the stage.
# shellcheck shell=bash

METER_USER=daemon
METER_PID=''

# meter_configure - the sockets, paths and user of the stage; policies, routes
# and rules come from standard input
meter_configure() {
	install -d -o "$METER_USER" -m 700 "$STAGE/store"
	{
		meter_places "$STAGE/office/queue/postmeter" "$STAGE/control" \
		    "sqlite:$STAGE/store/postmeter.db"
		cat
	} >"$STAGE/postmeter.conf"
}

# meter_places SOCKETS CONTROL STORE - where they are, and who is at home
meter_places() {
	cat <<-END
		milter-socket  = "unix:$1/milter.sock"
		map-socket     = "unix:$1/map.sock"
		auth-socket    = "unix:$1/auth.sock"
		control-socket = "unix:$2/control.sock"
		user           = "$METER_USER"
		store          = "$3"
		secrets        = "$STAGE/secrets.conf"
		networks       = {"127.0.0.0/8"}
		local-domains  = {"office.example"}
	END
}

# meter_secrets NAME PASSWORD...
meter_secrets() {
	(
		umask 077
		while (($# > 0)); do
			printf 'secret "%s" { password = "%s" }\n' "$1" "$2"
			shift 2
		done >"$STAGE/secrets.conf"
	)
}

# meter_ready SIZE - has it said so since the log was that long?
meter_ready() {
	grep -q 'ready:' < <(tail -c "+$(($1 + 1))" "$STAGE/postmeter.log")
}

# start_postmeter - and until it serves; DAEMON may be that of another build
DAEMON=$BUILD/postmeter
start_postmeter() {
	local size

	touch "$STAGE/postmeter.log"
	size=$(stat -c %s "$STAGE/postmeter.log")
	"$DAEMON" -c "$STAGE/postmeter.conf" 2>>"$STAGE/postmeter.log" &
	METER_PID=$!
	wait_until 60 "postmeter is ready" "$STAGE/postmeter.log" \
	    meter_ready "$size"
}

agent_ready() {
	grep -q 'ready:' < <(tail -c "+$(($1 + 1))" "$STAGE/agent.log")
}

# start_agent - who speaks to the providers; it ends with the stage
start_agent() {
	local size

	touch "$STAGE/agent.log"
	size=$(stat -c %s "$STAGE/agent.log")
	"$BUILD/postmeter-agent" -c "$STAGE/postmeter.conf" \
	    2>>"$STAGE/agent.log" &
	AGENT_PID=$!
	wait_until 60 "postmeter-agent is ready" "$STAGE/agent.log" \
	    agent_ready "$size"
}

end_agent() {
	kill "-$1" "$AGENT_PID"
	wait "$AGENT_PID" 2>/dev/null || true
	AGENT_PID=''
}

# end_postmeter SIGNAL - KILL: in the middle of whatever it does
end_postmeter() {
	kill "-$1" "$METER_PID"
	wait "$METER_PID" 2>/dev/null || true
	METER_PID=''
}

ctl() {
	"$BUILD/postmeterctl" -c "$STAGE/postmeter.conf" "$@"
}

# demonstrate COMMAND... - what the tool says, to whoever looks
demonstrate() {
	narrated || return 0
	note "\$ postmeterctl $*"
	ctl "$@" | indent
	echo
}

# fresh_store - as if it had never run
fresh_store() {
	[[ ! -d $STAGE/store ]] ||
	    find "$STAGE/store" -mindepth 1 -delete
}

# stage_meter - postmeter with nobody around it; policies and rules from stdin.
# It is not started yet.
stage_meter() {
	install -d "$STAGE/office/queue"
	# shellcheck disable=SC2034
	MILTER=$STAGE/office/queue/postmeter/milter.sock
	meter_configure
}

# used WHO - how many messages the policy "staff" has counted for WHO
used() {
	ctl --json show "$1" 2>/dev/null | tr -d ' \n' | sed -nE \
	    's/.*"policy":"staff".*"dimension":"messages"[^}]*"used":([0-9]+).*/\1/p'
}

used_is() {
	(($(used "$1") >= $2))
}
