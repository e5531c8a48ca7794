#!/bin/bash
# sendmail_check.sh - `setup sendmail` on a stock Debian with a site of its own:
# applied, checked, undone to the byte with the distribution's Makefile; and
# ways to break what is in force, each found, and mended by the command that is
# printed where there is one.
#
# Root.  Exits 77 where no Debian with Sendmail can be had.

LID=${LID:-120}
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$HERE/lib/sendmail.sh"

with_sendmail "$@"
on_stage "$@"

# tool_in_office - postmeterctl as somebody there types it, with the libraries
# of this machine: that Debian may be another
tool_in_office() {
	local lib

	mkdir "$ROOT/opt/here"
	ldd "$BUILD/postmeterctl" | sed -nE 's/.*(=> |\t)(\/[^ ]+) .*/\2/p' |
	    while read -r lib; do
		cp -L "$lib" "$ROOT/opt/here/"
	done
	cp "$BUILD/postmeterctl" "$ROOT/opt/here/"
	cat >"$ROOT/usr/bin/postmeterctl" <<-'END'
		#!/bin/sh
		exec /opt/here/ld-linux* --library-path /opt/here \
		    /opt/here/postmeterctl "$@"
	END
	chmod +x "$ROOT/usr/bin/postmeterctl"
	install -D -m 644 "$STAGE/postmeter.conf" \
	    "$ROOT/etc/postmeter/postmeter.conf"
}

# site - what a site adds to the stock file: features, a smart host, other
# filters before ours, an own port 587 and rules
site() {
	# shellcheck disable=SC2016
	sed -i '/^MAILER_DEFINITIONS/i \
FEATURE(`authinfo'\'', `hash -T<TMPF> /etc/mail/authinfo'\'')dnl \
FEATURE(`mailertable'\'')dnl \
FEATURE(`virtusertable'\'')dnl \
FEATURE(`genericstable'\'')dnl \
define(`SMART_HOST'\'', `relay.elsewhere.test'\'')dnl \
INPUT_MAIL_FILTER(`other'\'', `S=local:/run/other.sock, F=T'\'')dnl \
DAEMON_OPTIONS(`Family=inet, Name=Sub, Port=587, Addr=127.0.0.1, M=E'\'')dnl' \
	    "$ROOT/etc/mail/sendmail.mc"
	cat >>"$ROOT/etc/mail/sendmail.mc" <<-'END'
		LOCAL_RULE_0
		R$* < @ intern . test > $*	$#local $: $1
	END
	for t in authinfo mailertable virtusertable genericstable; do
		: >"$ROOT/etc/mail/$t"
	done
}

# check - its findings that must be mended, as JSON
check() {
	in_office postmeterctl --json setup sendmail --check \
	    >"$STAGE/check.json" 2>"$STAGE/check.log"
}

# breaks FILE EDIT FINDING - one way to break it
WAYS=0 TYPED=0
breaks() {
	local remedy

	cp -a "$ROOT/etc/mail/$1" "$STAGE/whole"
	sed -i -E "$2" "$ROOT/etc/mail/$1"
	! cmp -s "$STAGE/whole" "$ROOT/etc/mail/$1" || fail "no change: $2"
	! check || fail "not found: $3" "$STAGE/check.json"
	remedy=$(jq -r --arg t "$3" \
	    '[.notes[] | select(.text | test($t))][0].remedy' \
	    "$STAGE/check.json")
	[[ $remedy != null && -n $remedy ]] ||
	    fail "found, but not as \"$3\" with a remedy" "$STAGE/check.json"
	# All of them print the same command: a few times it is typed.
	if [[ $1 == sendmail.cf ]] && ((WAYS % 6 == 0)); then
		remedy=${remedy%%;*}
		remedy=${remedy%%, then restart*}
		in_office sh -c "$remedy" >"$STAGE/remedy.log" 2>&1 ||
		    true # the verdict is that of the next check
		TYPED=$((TYPED + 1))
	else
		cp -a "$STAGE/whole" "$ROOT/etc/mail/$1"
	fi
	check || fail "after \"$remedy\" it is not whole" "$STAGE/check.json"
	WAYS=$((WAYS + 1))
}

title "postmeterctl setup sendmail, on a stock Debian"

step "A site of its own"
make_ca
sendmail_root
meter_rules() {
	cat <<-END
		auth-peers = {"root"}
		smarthost "a" { host = "smtp.provider.test" username = "u" secret = "a"
		    recipient-limit = 50 }
		smarthost "b" { host = "smtp.second.test" port = 2525 username = "u" secret = "a" }
		route "a" { smarthosts = {"a", "b"} }
		rule "all" { route = "a" }
	END
}
meter_rules | meter_configure
tool_in_office
echo office.example >"$ROOT/etc/mail/local-host-names"
site
in_office make -C /etc/mail >"$STAGE/setup.log" 2>&1 || fail "make" "$STAGE/setup.log"
cp -a "$ROOT/etc/mail" "$STAGE/before"
ok "it has a smart host, tables, filters, a port and rules of its own"

step "apply, check"
! check || fail "content before it was applied" "$STAGE/check.json"
in_office postmeterctl setup sendmail --apply >"$STAGE/setup.log" 2>&1 ||
    fail "--apply" "$STAGE/setup.log"
check || fail "--check" "$STAGE/check.json"
in_office postmeterctl setup sendmail --apply >"$STAGE/setup.log" 2>&1
matches "a second time there is nothing to change" "nothing to change" \
    "$(cat "$STAGE/setup.log")"
matches "the other filter stays in front" "other, postmeter" \
    "$(grep '^O InputMailFilters' "$ROOT/etc/mail/sendmail.cf")"

step "Ways to break sendmail.cf and the tables: each is found"
CF=sendmail.cf
for map in route tls login leave refused sendmail; do
	breaks $CF "/^K$map socket/d" "has no map $map"
done
breaks $CF 's/^(Kroute socket) -f/\1/' "route is without -f"
breaks $CF 's/^(Kleave socket -f) -q/\1/' "leave is without -q"
breaks $CF 's/^(Ktls .*) -T<TMPF>/\1/' "tls is without -T"
breaks $CF 's/^(Ksendmail .*) -t/\1/' "sendmail is without -t"
breaks $CF 's/^Kroute socket/& -o/' "route has -o"
breaks $CF 's,^(Kroute .*unix:).*,\1/run/elsewhere.sock,' "route asks at"
breaks $CF '/^R.*pmroute|^R.*route \$&i/d' "no rule asks where mail goes"
breaks $CF '/^R.*\$\(sendmail /d' "decides which login is used"
breaks $CF '/^R.*\$\(tls /d' "how safe a server must be"
breaks $CF '/PmLogin/d' "holds back mail whose login was refused"
breaks $CF '/address literals/d' "PmRoute is not called"
breaks $CF '/^Mpm587,/d' "no mailer pm587"
breaks $CF 's/^(Mpm587.*), m=1/\1/' "without m=1"
breaks $CF 's/^(Mpm587.*) r=50/\1 r=500/' "takes 500 recipients at once"
breaks $CF '/^Xpostmeter/d' "has no filter postmeter|does not know postmeter"
breaks $CF 's,^(Xpostmeter.*S=local:)[^ ]*,\1/run/else.sock\,,' "filter postmeter is sought"
breaks $CF 's/^(Xpostmeter.*)F=T,/\1/' "without F=T"
breaks $CF 's/^(O InputMailFilters=).*/\1other/' "does not name postmeter"
breaks $CF 's/^(O PrivacyOptions=.*)noverb/\1/' "without noverb"
breaks $CF '/^O CACertFile/d' "no trusted roots"
breaks $CF 's/^(O DaemonPortOptions=.*Name=Sub.*)/\1, InputMailFilters=other/' "filters of its own without postmeter"
# shellcheck disable=SC2016
breaks $CF 's/><\$1>\$&\{dsn_envid\}/>$1/' "of an older postmeter"
breaks access '1i AuthInfo:smtp.provider.test "U:u" "P:x"' "holds a login"
breaks access '1i Srv_Features:10.0.0.1 b' "gives VERB back"
breaks access '1i Try_TLS:smtp.provider.test NO' "Try_TLS"
((WAYS >= 20)) || fail "only $WAYS ways"
ok "$WAYS ways, $TYPED mended by the command that was printed"

step "undo, to the byte"
in_office postmeterctl setup sendmail --undo >"$STAGE/setup.log" 2>&1 ||
    fail "--undo" "$STAGE/setup.log"
cmp "$STAGE/before/sendmail.mc" "$ROOT/etc/mail/sendmail.mc" ||
    fail "sendmail.mc is not as it was"
# Sendmail's m4 writes when and where it ran.
diff <(grep -v '^#####' "$STAGE/before/sendmail.cf") \
    <(grep -v '^#####' "$ROOT/etc/mail/sendmail.cf") >"$STAGE/setup.log" ||
    fail "sendmail.cf is not as it was" "$STAGE/setup.log"
in_office make -C /etc/mail >"$STAGE/setup.log" 2>&1 ||
    fail "make after --undo" "$STAGE/setup.log"
[[ -z $(find "$ROOT/etc/mail" -name 'postmeter-*') ]] || fail "parts are left"
ok "sendmail.mc, sendmail.cf and make are as they were"
