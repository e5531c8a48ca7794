# browser.sh - a real browser (Chromium), driven through chromedriver by curl.
#
# One session; what it is told is the WebDriver protocol, and what that has no
# word for (size, colours, pictures of the whole page) Chromium's own.
# shellcheck shell=bash

DRIVER=http://127.0.0.1:9515
SESSION=''

# driver METHOD PATH [JSON] - the value of the answer; an error ends it all
driver() {
	local answer

	answer=$(curl -s -X "$1" -H 'Content-Type: application/json' \
	    --data "${3:-}" "$DRIVER$2")
	if jq -e '.value | type == "object" and has("error")' \
	    <<<"$answer" >/dev/null; then
		jq -r '.value.message' <<<"$answer" >"$STAGE/browser.said"
		fail "the browser: $1 $2" "$STAGE/browser.said"
	fi
	jq -c .value <<<"$answer"
}

driver_answers() {
	curl -sf "$DRIVER/status"
}

browser_start() {
	chromedriver --port=9515 >"$STAGE/chromedriver.log" 2>&1 &
	wait_until 60 "chromedriver answers" "$STAGE/chromedriver.log" \
	    driver_answers
	SESSION=$(driver POST /session '{"capabilities": {"alwaysMatch": {
	    "goog:loggingPrefs": {"browser": "ALL"},
	    "goog:chromeOptions": {"args": ["--headless=new", "--hide-scrollbars", "--no-sandbox",
	    "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
	    "--user-data-dir='"$STAGE"'/chrome"]}}}}' | jq -r .sessionId)
}

cdp() {
	driver POST "/session/$SESSION/goog/cdp/execute" \
	    "{\"cmd\": \"$1\", \"params\": ${2:-{\}}}"
}

# browser_looks WIDTH HEIGHT light|dark - from now on
browser_looks() {
	cdp Emulation.setDeviceMetricsOverride "{\"width\": $1, \"height\": $2,
	    \"deviceScaleFactor\": 1, \"mobile\": false}" >/dev/null
	cdp Emulation.setEmulatedMedia "{\"features\": [{\"name\":
	    \"prefers-color-scheme\", \"value\": \"$3\"}]}" >/dev/null
}

# browser_scripts on|off - of pages, from the next one on
browser_scripts() {
	cdp Emulation.setScriptExecutionDisabled \
	    "{\"value\": $([[ $1 == off ]] && echo true || echo false)}" \
	    >/dev/null
}

browse() {
	driver POST "/session/$SESSION/url" "{\"url\": \"$1\"}" >/dev/null
}

# source_of - the page as HTML
source_of() {
	driver GET "/session/$SESSION/source" | jq -r .
}

page_has() {
	source_of >"$STAGE/source.html"
	grep -qF -- "$1" "$STAGE/source.html"
}

# shows WHAT TEXT - one claim about what is in the page
shows() {
	page_has "$2" || fail "$1: the page has no \"$2\"" "$STAGE/source.html"
	ok "$1"
}

# in_page SCRIPT - its value; also where scripts of pages are off
in_page() {
	cdp Runtime.evaluate \
	    "$(jq -n --arg e "$1" '{expression: $e, returnByValue: true}')" |
	    jq -r .result.value
}

element() {
	driver POST "/session/$SESSION/element" \
	    "$(jq -n --arg s "$1" '{using: "css selector", value: $s}')" |
	    jq -r '.[]'
}

click() {
	local e

	e=$(element "$1")
	driver POST "/session/$SESSION/element/$e/click" '{}' >/dev/null
}

# enter FIELD TEXT
enter() {
	local e

	e=$(element "$1")
	driver POST "/session/$SESSION/element/$e/value" \
	    "$(jq -n --arg t "$2" '{text: $t}')" >/dev/null
}

# picture FILE - of the whole page, however long it is
picture() {
	cdp Page.captureScreenshot '{"captureBeyondViewport": true}' |
	    jq -r .data | base64 -d >"$1"
}

# complaints - what the browser had to say since it was asked last: a policy
# that was broken, a script that failed
complaints() {
	driver POST "/session/$SESSION/se/log" '{"type": "browser"}' |
	    jq -r '.[] | .message' | grep -vE '^chrome:|status of 503' || true
}

in_page_is() {
	[[ $(in_page "$1") == "$2" ]]
}
