#!/bin/bash
# page.sh - the page in a real browser, behind a real nginx and a real Apache,
# and what it grants changes what the mail server answers.
#
# Pictures of its states are left in build/page/.
# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/scenario/lib/browser.sh
. "$(dirname "$0")/lib/browser.sh"
on_stage "$@"

title "the page: who has what left"
LOG=$STAGE/postmeter.log
WEB_UID=65500
NGINX=127.0.0.1:8080
APACHE=127.0.0.1:8081
PICTURES=$BUILD/page
mkdir -p "$PICTURES"

stage_office <<END
view-socket = "unix:$STAGE/view/view.sock"
view-peers = {"$WEB_UID"}
view-may = {"grant", "revoke", "block", "unblock", "release"}
web-readers = {"alice", "carol"}
web-actors = {"alice"}
policy "staff" { messages = {"2/24h"} recipients = {"50/24h"} }
policy "patient" { messages = {"1/1h"} when-over = "hold" }
policy "account" { messages = {"10/24h"} recipients = {"100/24h"} }
smarthost "reserve" {
    host = "smtp.second.test"
    username = "office@office.example"
    secret = "workspace"
    policies = {"account"}
}
route "reserve" { smarthosts = {"reserve"} }
rule "erin" { sender = {"erin@office.example"} policies = {"staff"} route = "reserve" }
rule "patient" { sender = {"patient@office.example"} policies = {"patient"} route = "office" }
rule "everybody" { sender = {"@office.example"} policies = {"staff"} route = "office" }
END

# --- the page and the web servers before it ------------------------------------

start_page() {
	install -d -o $WEB_UID -g www-data -m 755 "$STAGE/web"
	setpriv --reuid $WEB_UID --regid www-data --clear-groups \
	    "$BUILD/postmeter-web" -c "$STAGE/postmeter.conf" \
	    --listen "unix:$STAGE/web/http.sock" 2>>"$STAGE/web.log" &
	PAGE_PID=$!
	wait_until 60 "the page is ready" "$STAGE/web.log" \
	    grep -q ready: "$STAGE/web.log"
}

# users - passwords of the proxies: alice acts, carol looks, bob is a sender
users() {
	local who

	for who in alice carol bob@office.example; do
		printf '%s:%s\n' "$who" "$(openssl passwd -apr1 secret)"
	done >"$STAGE/users"
	chmod 644 "$STAGE/users"
}

# as_shipped FILE USERS - the part of a web server in contrib/, on this stage
as_shipped() {
	sed "s,/run/postmeter-web/,$STAGE/web/,; s,$2,$STAGE/users," \
	    "$TREE/contrib/web/$1"
}

start_nginx() {
	as_shipped nginx.conf /etc/nginx/postmeter.users >"$STAGE/location.conf"
	cat >"$STAGE/nginx.conf" <<-END
		user www-data;
		pid $STAGE/nginx.pid;
		error_log $STAGE/nginx.log;
		worker_processes 1;
		daemon off;
		events { worker_connections 256; }
		http {
		    access_log off;
		    client_body_temp_path $STAGE/nginx-body;
		    proxy_temp_path $STAGE/nginx-proxy;
		    fastcgi_temp_path $STAGE/nginx-f;
		    uwsgi_temp_path $STAGE/nginx-u;
		    scgi_temp_path $STAGE/nginx-s;
		    server { listen $NGINX; include $STAGE/location.conf; }
		}
	END
	nginx -c "$STAGE/nginx.conf" 2>>"$STAGE/nginx.log" &
	wait_until 60 "nginx answers" "$STAGE/nginx.log" \
	    port_open 127.0.0.1 "${NGINX#*:}"
}

start_apache() {
	local modules=/usr/lib/apache2/modules name

	{
		for name in mpm_event authn_core authn_file authz_core \
		    authz_user auth_basic headers proxy proxy_http; do
			echo "LoadModule ${name}_module $modules/mod_$name.so"
		done
		cat <<-END
			ServerName localhost
			Listen $APACHE
			User www-data
			Group www-data
			PidFile $STAGE/apache.pid
			ErrorLog $STAGE/apache.log
			DefaultRuntimeDir $STAGE
			Mutex file:$STAGE default
		END
		as_shipped apache.conf /etc/apache2/postmeter.users
	} >"$STAGE/apache.conf"
	apache2 -f "$STAGE/apache.conf" -D FOREGROUND 2>>"$STAGE/apache.log" &
	wait_until 60 "Apache answers" "$STAGE/apache.log" \
	    port_open 127.0.0.1 "${APACHE#*:}"
}

# code CURL... - the status of the answer
code() {
	curl -s -o "$STAGE/said" -w '%{http_code}' --max-time 30 "$@" || true
}

# raw PORT - what is answered to these bytes, and how often
raw() {
	local conn

	exec {conn}<>"/dev/tcp/127.0.0.1/$1"
	{ cat >&"$conn" || true; } 2>/dev/null # it may hang up before the end
	timeout 5 cat <&"$conn" 2>/dev/null || true
	exec {conn}>&-
}

# token_of SERVER USER - of a form of the page
token_of() {
	curl -s -u "$2:secret" \
	    "http://$1/postmeter/?who=alice%40office.example" |
	    grep -oE 'name="token" value="[^"]+"' | head -1 | cut -d'"' -f4
}

start_page
users
start_nginx
start_apache

step "before any mail"
is "who is logged in sees the page" 200 \
    "$(code -u alice:secret "http://$NGINX/postmeter/")"
is "which says how to look whether mail reaches the meter" 1 \
    "$(grep -c 'setup postfix --check' "$STAGE/said")"
browser_start
browser_looks 1280 800 light
browse "http://alice:secret@$NGINX/postmeter/"
picture "$PICTURES/nothing-yet.png"

step "the office sends"
for n in 1 2; do send alice@office.example "mail $n" x@customer.test; done
send bob@office.example "mail" x@customer.test y@customer.test
for n in 1 2; do send patient@office.example "mail $n" x@customer.test; done
send alice@office.example "mail 3" x@customer.test
is "alice has to wait" 450 "$CODE" "$LOG"
ctl block thief@office.example --why 'stolen password' >/dev/null

step "who is let in, behind nginx and behind Apache"
for server in $NGINX $APACHE; do
	url=http://$server/postmeter/
	is "nobody without a login" 401 "$(code "$url")"
	is "nor with a name of his own making" 401 \
	    "$(code -H 'X-Remote-User: alice' "$url")"
	is "who is no reader is let in" 200 \
	    "$(code -u bob@office.example:secret -H 'X-Remote-User: alice' "$url")"
	is "and sees himself, whatever he says he is" "1 0" \
	    "$(grep -c 'class="name"><bdi>bob@' "$STAGE/said") $(grep -c \
		'alice@office' "$STAGE/said" || true)"
	is "his own numbers are all there is" 0 \
	    "$(code -u bob@office.example:secret "$url?who=alice@office.example" \
		>/dev/null; grep -c 'alice@office' "$STAGE/said" || true)"
	is "who only looks finds no form" 0 \
	    "$(code -u carol:secret "$url?who=alice@office.example" >/dev/null
		grep -c 'method="post"' "$STAGE/said" || true)"
	form="act=block&who=bob%40office.example&token=$(token_of "$server" alice)"
	is "a form from another site is not taken" 403 "$(code -u alice:secret \
	    -H 'Origin: https://evil.example' -d "$form" "${url}act")"
	is "nor one that does not say from where" 403 \
	    "$(code -u alice:secret -d "$form" "${url}act")"
	is "nor one of somebody else" 403 "$(code -u carol:secret \
	    -H "Origin: http://$server" -d "$form" "${url}act")"
	is "nor one with a damaged token" 403 "$(code -u alice:secret \
	    -H "Origin: http://$server" -d "${form%?}" "${url}act")"
	basic=$(printf 'alice:secret' | openssl base64)
	said=$({ printf 'GET /postmeter/ HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nX-Long: ' \
	    "$server" "$basic"
		head -c 10000000 /dev/zero | tr '\0' x
		printf '\r\n\r\n'; } | raw "${server#*:}")
	matches "10 MB of header are refused, or hung up upon" '^(HTTP/1.1 4|$)' \
	    "$said"
	said=$(printf 'GET /postmeter/ HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nConnection: close\r\nX-Long: %s\r\n\r\n' \
	    "$server" "$basic" "$(head -c 30000 /dev/zero | tr '\0' x)" |
		raw "${server#*:}")
	matches "30 kB of header are refused" '^HTTP/1.1 4' "$said"
	said=$(printf 'POST /postmeter/act HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Length: 5\r\nContent-Length: 44\r\n\r\na=b&cGET /postmeter/smuggled HTTP/1.1\r\nHost: x\r\n\r\n' \
	    "$server" "$basic" | raw "${server#*:}")
	matches "two lengths are refused" '^HTTP/1.1 400' "$said"
	said=$(printf 'POST /postmeter/act HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nConnection: close\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /postmeter/smuggled HTTP/1.1\r\nHost: x\r\n\r\n' \
	    "$server" "$basic" | raw "${server#*:}")
	matches "a length and chunks are refused" '^HTTP/1.1 4' "$said"
	is "and nothing was behind them" 0 "$(grep -c '^HTTP/1.1 2' <<<"$said" ||
	    true)"
done
is "straight at the socket: chunks are refused" 400 \
    "$(code --unix-socket "$STAGE/web/http.sock" -H 'X-Remote-User: alice' \
	-H 'Transfer-Encoding: chunked' -d x=y http://x/act)"
is "and two lengths" 400 \
    "$(code --unix-socket "$STAGE/web/http.sock" -H 'X-Remote-User: alice' \
	-H 'Content-Length: 3' -H 'Content-Length: 3' -X POST http://x/act)"

step "without scripts: search, grant, block, release"
browser_scripts off
browse "http://alice:secret@$NGINX/postmeter/"
enter '#q' 'alice@office.example'
click '.search button'
shows "alice is found" 'class="name"><bdi>alice@office.example'
enter 'input[name="extra"]' '+1'
enter 'form.act input[name="why"]' 'trade fair'
click 'form.act button'
shows "alice is given one more" 'exception</span> +1'
send alice@office.example "mail 3" x@customer.test
is "and the mail server takes it" 250 "$CODE" "$LOG"
matches "it stands in the events, with a name" "65500:alice|:alice" \
    "$(ctl --json events)"
browse "http://$NGINX/postmeter/?who=bob%40office.example"
click 'button.bad'
shows "bob is blocked" 'is refused'
send bob@office.example "blocked" x@customer.test
is "bob is blocked at the mail server" 550 "$CODE" "$LOG"
browse "http://$NGINX/postmeter/"
click '#held button'
matches "what is released leaves at root's next round" 'patient' \
    "$(ctl release --due --postfix-config "$STAGE/office")"
browser_scripts on

step "with scripts: the page changes by itself"
browse "http://$NGINX/postmeter/"
send erin@office.example "mail" x@customer.test
wait_until 60 "erin is seen" "$STAGE/web.log" page_has erin@office.example
ok "who sends appears"
is "no policy was broken and no script failed" "" "$(complaints)"

step "every state, at a desk and on a phone, light and dark"
# look NAME ADDRESS - pictures, none wider than the screen
look() {
	local colour wide

	browse "http://$NGINX/postmeter/$2"
	for colour in light dark; do
		browser_looks 360 740 "$colour"
		wide=$(in_page 'document.documentElement.scrollWidth')
		((wide <= 360)) || fail "$1: $wide wide on a phone"
		picture "$PICTURES/$1-phone-$colour.png"
		browser_looks 1280 800 "$colour"
		picture "$PICTURES/$1-desk-$colour.png"
	done
	ok "$1"
}
look over ''
look person '?who=alice%40office.example'
look message "?q=$(ctl --json trace --sender bob@office.example |
    jq -r '[.entries[].queue_id | select(. != "")][0]')"

step "the daemon is away, and comes again"
browser_looks 1280 800 light
ctl block hostile@office.example --why '<script>alert(1)</script>' >/dev/null
browse "http://$NGINX/postmeter/"
shows "what is hostile is text" '&lt;script&gt;alert(1)'
end_postmeter TERM
wait_until 60 "the page says so" "$STAGE/web.log" \
    page_has 'systemctl status postmeter'
picture "$PICTURES/away.png"
is "others hear 503" 503 "$(code -u alice:secret "http://$NGINX/postmeter/")"
shows "what was known is shown, with its age" 'alice@office.example'
sed -i '1i mode = "observe"' "$STAGE/postmeter.conf"
start_postmeter
wait_until 90 "the page is well again" "$STAGE/web.log" \
    in_page_is 'document.querySelectorAll("[role=alert]").length' 0
shows "it recovers by itself, and says that it observes" 'Observing:'
look observing ''
is "no policy was broken and no script failed" "" "$(complaints)"
kill "$PAGE_PID"
wait "$PAGE_PID" || fail "the page ends with $?" "$STAGE/web.log"
