# postfix.sh - a Postfix in a directory: configuration, queue, data and log of
# its own.  Nothing of the machine's own Postfix is read or written.
# shellcheck shell=bash

# postfix_directory DIR - what all have in common; main.cf goes on from stdin
postfix_directory() {
	mkdir -p "$1/queue" "$1/data" "$1/mail"
	chown postfix "$1/data"
	chown nobody "$1/mail"
	{
		postfix_common "$1"
		cat
	} >"$1/main.cf"
	postfix_services >"$1/master.cf"
}

# postfix_outside DIR - the same, for mail that goes out as fast as it comes and
# is dropped there
postfix_outside() {
	{
		cat <<-END
			myhostname = mail.office.example
			inet_interfaces = 127.0.0.1
			mynetworks = 127.0.0.0/8
			default_transport = outside:
			relay_transport = outside:
			default_process_limit = 250
			in_flow_delay = 0
			milter_default_action = tempfail
		END
		cat
	} | postfix_directory "$1"
	# Not "discard": that would be mail that stays in the house.
	echo "outside unix - - n - - discard" >>"$1/master.cf"
}

postfix_common() {
	cat <<-END
		compatibility_level = 3.6
		queue_directory = $1/queue
		data_directory = $1/data
		maillog_file = $1/mail.log
		maillog_file_prefixes = $STAGE
		inet_protocols = ipv4
		alias_maps =
		alias_database =
		mydestination =
		virtual_mailbox_base = $1/mail
		virtual_uid_maps = static:$(id -u nobody)
		virtual_gid_maps = static:$(id -g nobody)
		smtp_host_lookup = native
		smtputf8_enable = no
	END
}

postfix_services() {
	cat <<-END
		pickup  unix  n - n 60   1 pickup
		cleanup unix  n - n -    0 cleanup
		qmgr    unix  n - n 300  1 qmgr
		tlsmgr  unix  - - n 1000 1 tlsmgr
		rewrite unix  - - n -    - trivial-rewrite
		bounce  unix  - - n -    0 bounce
		defer   unix  - - n -    0 bounce
		trace   unix  - - n -    0 bounce
		verify  unix  - - n -    1 verify
		flush   unix  n - n 1000 0 flush
		proxymap unix - - n -    - proxymap
		smtp    unix  - - n -    - smtp
		relay   unix  - - n -    - smtp
		showq   unix  n - n -    - showq
		error   unix  - - n -    - error
		retry   unix  - - n -    - error
		virtual unix  - n n -    - virtual
		anvil   unix  - - n -    1 anvil
		scache  unix  - - n -    1 scache
		postlog unix-dgram n - n - 1 postlogd
	END
}

# postfix_listens DIR ADDRESS:PORT - so will it
postfix_listens() {
	echo "$2 inet n - n - - smtpd" >>"$1/master.cf"
}

# postfix_start DIR ADDRESS:PORT - and until it greets
postfix_start() {
	postfix_listens "$1" "$2"
	postfix_again "$1" "$2"
}

# postfix_again DIR ADDRESS:PORT - after postfix_stop
postfix_again() {
	postfix_do "$1" start
	wait_until 60 "Postfix greets on $2" "$1/mail.log" \
	    port_open "${2%:*}" "${2#*:}"
}

# postfix_stop DIR - orderly, and until it has ended
postfix_stop() {
	postfix_do "$1" stop
}

# postfix_anew DIR - with its files as they are now.  No reload: a process from
# before it may serve one more client.
postfix_anew() {
	postfix_do "$1" stop
	postfix_do "$1" start
}

# postfix_do DIR COMMAND - on a terminal of script(1): only to a terminal does
# postfix(1) say why it refuses
postfix_do() {
	script -qec "postfix -c $1 $2" /dev/null >"$1/$2.log" 2>&1 ||
	    fail "postfix $2" "$1/$2.log"
}

port_open() {
	(exec 3<>"/dev/tcp/$1/$2")
}

# postfix_queue DIR - one line a message that waits: sender and reason
postfix_queue() {
	postqueue -c "$1" -j
}
