/*
 * test_site.c - who is let in, what he is shown, and what becomes of his
 * forms.  The daemon is played by a function.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "daemon.h"
#include "web/site.h"

#define NOW (INT64_C(1764072000) * SECOND)

static struct site site;
static struct web_request rq;
static struct web_response rs;
static struct config conf;
static bool away;
static json_t *acted; /* the last act that the daemon was asked for */
static char star[] = "*", her[] = "alice";
static char *everybody[] = { star }, *alice[] = { her };

/* --- the daemon ---------------------------------------------------------- */

static const struct {
	const char *command, *answer;
} answers[] = {
	{ "status",
	    "{'ok':true,'mode':'enforce','on_store_failure':'defer','now':{'ms':1764072000000,'text':'12:00'},"
	    "'store':{'healthy':true,'trouble':''},'blocks':[],'may':['grant','block'],"
	    "'smarthosts':[{'name':'workspace','host':'smtp.gmail.com','port':587,'routes':['office'],"
	    "'health':null,'oauth':null,'gate':{'open':true,'why':'','until':null}}]}" },
	{ "top",
	    "{'ok':true,'limits':[{'limit':'5 messages in 24h','dimension':'messages','used':5,'max':5,"
	    "'percent':100,'policy':'staff','key':'<b>\"eve\"@office.example','next':{'ms':1,'text':'14:05'}},"
	    "{'limit':'5 messages in 24h','dimension':'messages','used':1,'max':5,'percent':20,"
	    "'policy':'staff','key':'bob@office.example','next':null}]}" },
	{ "show",
	    "{'ok':true,'who':'x','blocked':null,'blocks':[],'counters':[{'policy':'staff','key':'x',"
	    "'limits':[{'limit':'5 messages in 24h','dimension':'messages','used':1,'max':5,'percent':20}],"
	    "'grants':[],'locked_until':null,'never':false,'next':null}],'events':[],'refused':[]}" },
	{ "events", "{'ok':true,'events':[]}" },
	{ "held",
	    "{'ok':true,'held':[{'queue_id':'4XbcD','who':'dora@office.example','recipients':2,'when':null,'text':'over'}]}" },
	{ "trace", "{'ok':false,'error':'nothing like that','remedy':''}" },
	{ "history", "{'ok':true,'days':[]}" },
	{ "metrics",
	    "{'ok':true,'families':[{'name':'postmeter_keys','type':'gauge','help':'h','samples':[{'value':1}]}]}" },
};

/* A daemon that is slow, and then hangs until it is let go. */
static _Atomic bool slow, in_vain;
static sem_t go;

static void
hang(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	if (sem_timedwait(&go, &end) == -1)
		in_vain = true;
}

json_t *
daemon_ask(const struct unix_socket *ep, const json_t *request, int wait)
{
	const char *command =
	    json_string_value(json_object_get(request, "command"));
	char text[4096];

	(void)ep;
	(void)wait;
	if (away) {
		errno = ECONNREFUSED;
		return NULL;
	}
	if (slow && strcmp(command, "top") == 0)
		hang();
	if (strcmp(command, "top") == 0)
		usleep(30000);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strcmp(command, answers[i].command) != 0)
			continue;
		snprintf(text, sizeof(text), "%s", answers[i].answer);
		for (char *p = text; *p != '\0'; p++)
			if (*p == '\'')
				*p = '"';
			else if (*p == '"')
				*p = '\'';
		return json_loads(text, 0, NULL);
	}
	json_decref(acted);
	acted = json_deep_copy(request);
	if (strcmp(command, "block") == 0)
		return json_pack("{s:b, s:s, s:s}", "ok", 0, "error",
		    "no <such> name", "remedy", "another");
	return json_pack("{s:b}", "ok", 1);
}

/* --- the browser --------------------------------------------------------- */

static void
header(enum web_field f, const char *text)
{
	rq.field[f] = (struct field){ text != NULL, text };
}

static int
open_site(void **state)
{
	(void)state;
	memset(&site, 0, sizeof(site));
	memset(&rq, 0, sizeof(rq));
	memset(&rs, 0, sizeof(rs));
	conf = (struct config){ .web_readers = { .n = 1, .v = everybody } };
	away = false;
	acted = NULL;
	site.conf = &conf;
	site.view = view_new(&(const struct unix_socket){ .path = "/nowhere" });
	assert_int_equal(seal_key_make(&site.guard.key), 0);
	assert_int_equal(seal_key_make(&site.guard.token_key), 0);
	rq.method = "GET";
	rq.target = "/";
	header(WEB_HOST, "mail.office.example");
	header(WEB_REMOTE_USER, "alice");
	return 0;
}

static int
close_site(void **state)
{
	(void)state;
	html_free(&rs.body);
	view_free(&site.view);
	json_decref(acted);
	return 0;
}

static void
again(void)
{
	html_free(&rs.body);
	memset(&rs, 0, sizeof(rs));
	site_answer(&site, &rq, NOW, &rs);
}

static unsigned
get(const char *target)
{
	rq.method = "GET";
	rq.target = target;
	rq.body_len = 0;
	again();
	return rs.status;
}

static unsigned
post(const char *body)
{
	rq.method = "POST";
	rq.target = "/act";
	rq.body = body;
	rq.body_len = strlen(body);
	header(WEB_CONTENT_TYPE, "application/x-www-form-urlencoded");
	again();
	return rs.status;
}

static bool
shows(const char *text)
{
	return rs.body.p != NULL && strstr(rs.body.p, text) != NULL;
}

/* with_token - a form of alice's that was made at that time */
static const char *
with_token(const char *fields, int64_t when, const char *who)
{
	static char body[1024];
	char token[SEAL_TEXT];

	assert_int_equal(guard_form_token(&site.guard, who, when, token), 0);
	snprintf(body, sizeof(body), "%s&token=%s", fields, token);
	return body;
}

static void
may_act(void)
{
	conf.web_actors = (struct names){ .n = 1, .v = alice };
	header(WEB_ORIGIN, "https://mail.office.example");
}

/* --- who is let in ------------------------------------------------------- */

static void
whom_the_proxy_does_not_name_is_not_let_in(void **state)
{
	header(WEB_REMOTE_USER, NULL);
	assert_int_equal(get("/"), 403);
	assert_false(shows("eve"));
	header(WEB_REMOTE_USER, "");
	assert_int_equal(get("/"), 403);
	header(WEB_REMOTE_USER, "two words");
	assert_int_equal(get("/"), 403);
	rq.field[WEB_REMOTE_USER] = (struct field){ 2, "alice" };
	assert_int_equal(get("/"), 400);
	assert_int_equal(get("/style.css"), 400);
}

static void
a_request_that_can_be_read_in_two_ways_is_not_read(void **state)
{
	rq.field[WEB_CONTENT_LENGTH] = (struct field){ 2, "0" };
	assert_int_equal(get("/"), 400);
	header(WEB_CONTENT_LENGTH, "5");
	header(WEB_TRANSFER_ENCODING, "chunked");
	assert_int_equal(get("/"), 400);
	header(WEB_TRANSFER_ENCODING, NULL);
	rq.field[WEB_HOST] = (struct field){ 2, "a" };
	assert_int_equal(get("/"), 400);
	header(WEB_HOST, NULL);
	assert_int_equal(get("/"), 400);
}

static void
only_what_there_is_can_be_asked_for(void **state)
{
	assert_int_equal(get("/nothing"), 404);
	assert_int_equal(get("/act"), 405);
	assert_int_equal(get("*"), 400);
	assert_int_equal(get("http://x/"), 400);
	assert_int_equal(get("/?a=1&a=2"), 400);
	assert_int_equal(get("/?q=%00"), 400);
	rq.method = "PUT";
	again();
	assert_int_equal(rs.status, 405);
	assert_int_equal(get("/"), 200);
	rq.method = "HEAD";
	again();
	assert_int_equal(rs.status, 200);
}

static void
on_loopback_a_name_of_a_strangers_leads_nowhere(void **state)
{
	site.guard.rules = (struct web_rules){ WEB_LOOPBACK, 8025 };
	header(WEB_HOST, "evil.example:8025");
	assert_int_equal(get("/"), 421);
	header(WEB_HOST, "127.0.0.1:8026");
	assert_int_equal(get("/"), 421);
	header(WEB_HOST, "localhost:8025");
	assert_int_equal(get("/"), 403); /* X-Remote-User is nobody here */
}

static void
a_token_opens_the_page_once_and_for_five_minutes(void **state)
{
	char token[SEAL_TEXT], target[200], cookie[200];

	site.guard.rules = (struct web_rules){ WEB_LOOPBACK, 8025 };
	header(WEB_HOST, "127.0.0.1:8025");
	seal_write(&site.guard.token_key, "token", "", NOW - 6 * MINUTE, token);
	snprintf(target, sizeof(target), "/?token=%s", token);
	assert_int_equal(get(target), 403);
	seal_write(&site.guard.token_key, "token", "", NOW - MINUTE, token);
	snprintf(target, sizeof(target), "/?token=%s", token);
	assert_int_equal(get(target), 303);
	assert_string_equal(rs.location, ".");
	assert_non_null(strstr(rs.cookie, "; HttpOnly; SameSite=Strict"));
	snprintf(cookie, sizeof(cookie), "other=1; %.*s",
	    (int)strcspn(rs.cookie, ";"), rs.cookie);
	assert_int_equal(get(target), 403); /* a second time */
	header(WEB_COOKIE, cookie);
	assert_int_equal(get("/"), 200);
	assert_true(shows("eve"));
	cookie[strlen(cookie) - 1] ^= 1;
	assert_int_equal(get("/"), 403);
	seal_write(&site.guard.key, "cookie", "", NOW - 1, token);
	snprintf(cookie, sizeof(cookie), "postmeter=%s", token);
	assert_int_equal(get("/"), 403);
	/* A form's token is no cookie. */
	seal_write(&site.guard.key, "form", "", NOW + HOUR, token);
	snprintf(cookie, sizeof(cookie), "postmeter=%s", token);
	assert_int_equal(get("/"), 403);
}

/* --- what he is shown ---------------------------------------------------- */

static void
a_hostile_name_stays_text(void **state)
{
	assert_int_equal(get("/"), 200);
	assert_true(shows("&lt;b&gt;&#39;eve&#39;@office.example"));
	assert_false(shows("<b>'eve"));
	assert_true(shows("has to wait"));
	assert_true(shows("dora@office.example"));
	assert_false(shows("value=\"release\""));
	assert_int_equal(get("/?q=%3Cscript%3E"), 200);
	assert_false(shows("<script>"));
	assert_true(shows("&lt;script&gt;"));
}

static void
the_address_filters_and_sorts(void **state)
{
	assert_int_equal(get("/?show=wait"), 200);
	assert_true(shows("eve"));
	assert_false(shows("bob@office"));
	assert_int_equal(get("/?sort=sender"), 200);
	assert_true(
	    strstr(rs.body.p, "&lt;b&gt;") < strstr(rs.body.p, "bob@office"));
	assert_int_equal(get("/?policy=other"), 200);
	assert_true(shows("Nobody"));
}

static void
who_may_not_act_finds_no_form(void **state)
{
	assert_int_equal(get("/?who=bob%40office.example"), 200);
	assert_false(shows("method=\"post\""));
	may_act();
	assert_int_equal(get("/?who=bob%40office.example"), 200);
	assert_true(shows("value=\"grant\""));
	assert_true(shows("value=\"block\""));
	assert_false(shows("value=\"reset\"")); /* view-may has it not */
}

static void
who_may_not_read_sees_himself_whatever_he_asks(void **state)
{
	conf.web_readers.n = 0;
	conf.web_actors = (struct names){ .n = 1, .v = alice };
	for (int i = 0; i < 4; i++) {
		static const char *const targets[] = { "/",
			"/?who=bob%40office.example", "/?q=bob", "/?me" };

		assert_int_equal(get(targets[i]), 200);
		assert_true(shows("<bdi>alice</bdi></h2>"));
		assert_false(shows("bob"));
		assert_false(shows("eve"));
		assert_false(shows("method=\"post\""));
	}
	assert_int_equal(get("/metrics"), 403);
	header(WEB_ORIGIN, "https://mail.office.example");
	assert_int_equal(
	    post(with_token("act=block&who=bob", NOW, "alice")), 403);
	assert_null(acted);
}

static void
what_did_not_change_is_not_sent_again(void **state)
{
	char tag[WEB_TAG];

	assert_int_equal(get("/"), 200);
	strcpy(tag, rs.tag);
	header(WEB_IF_NONE_MATCH, tag);
	assert_int_equal(get("/"), 304);
	assert_int_equal(rs.body.len, 0);
	header(WEB_IF_NONE_MATCH, "\"0\"");
	assert_int_equal(get("/"), 200);
}

static void
a_daemon_that_is_away_is_said_and_what_was_known_is_shown(void **state)
{
	away = true;
	assert_int_equal(get("/"), 503);
	assert_true(shows("systemctl status postmeter"));
	assert_int_equal(get("/metrics"), 503);
}

static void
nobody_waits_for_what_takes_the_daemon_long(void **state)
{
	assert_int_equal(sem_init(&go, 0, 0), 0);
	assert_int_equal(get("/"), 200);
	usleep(1100000); /* now it would be asked again */
	slow = true;
	assert_int_equal(get("/"), 200);
	assert_true(shows("bob@office.example"));
	assert_false(in_vain);
	slow = false;
	sem_post(&go);
}

static void
metrics_come_in_the_format_that_is_asked_for(void **state)
{
	assert_int_equal(get("/metrics"), 200);
	assert_true(shows("# TYPE postmeter_keys gauge"));
	assert_false(shows("# EOF"));
	header(WEB_ACCEPT, "application/openmetrics-text; version=1.0.0");
	assert_int_equal(get("/metrics"), 200);
	assert_true(shows("# EOF"));
}

/* --- forms --------------------------------------------------------------- */

#define GRANT                                                                  \
	"act=grant&who=bob%40office.example&what=staff/messages&extra=100"     \
	"&for=1d&why=letter"

static const char *
of_act(const char *name)
{
	const char *s = json_string_value(json_object_get(acted, name));

	return s != NULL ? s : "";
}

static void
a_form_of_ours_is_done_in_the_name_of_who_sent_it(void **state)
{
	may_act();
	assert_int_equal(post(with_token(GRANT, NOW - HOUR, "alice")), 303);
	assert_string_equal(rs.location, "./?who=bob%40office.example");
	assert_string_equal(of_act("command"), "grant");
	assert_string_equal(of_act("by"), "alice");
	assert_string_equal(of_act("policy"), "staff");
	assert_string_equal(of_act("dimension"), "messages");
	assert_string_equal(of_act("extra"), "100");
	assert_string_equal(of_act("for"), "1d");
	assert_string_equal(of_act("why"), "letter");
}

static void
a_form_of_anybody_else_is_not(void **state)
{
	may_act();
	assert_int_equal(post(GRANT), 403);
	assert_int_equal(post(with_token(GRANT, NOW, "bob")), 403);
	assert_int_equal(post(with_token(GRANT, NOW - 2 * HOUR, "alice")), 403);
	header(WEB_ORIGIN, "https://evil.example");
	assert_int_equal(post(with_token(GRANT, NOW, "alice")), 403);
	header(WEB_ORIGIN, "null");
	assert_int_equal(post(with_token(GRANT, NOW, "alice")), 403);
	header(WEB_ORIGIN, NULL);
	assert_int_equal(post(with_token(GRANT, NOW, "alice")), 403);
	header(WEB_FETCH_SITE, "cross-site");
	assert_int_equal(post(with_token(GRANT, NOW, "alice")), 403);
	header(WEB_FETCH_SITE, "same-origin");
	rq.body_too_long = true;
	assert_int_equal(post(with_token(GRANT, NOW, "alice")), 413);
	rq.body_too_long = false;
	conf.web_actors.n = 0;
	assert_int_equal(post(with_token(GRANT, NOW, "alice")), 403);
	assert_null(acted);
	may_act();
	assert_int_equal(post(with_token(GRANT, NOW, "alice")), 303);
}

static void
what_the_daemon_refuses_is_said_and_what_was_typed_stays(void **state)
{
	may_act();
	assert_int_equal(
	    post(with_token(
		"act=block&who=bob&why=%22stolen%22&for=7d", NOW, "alice")),
	    422);
	assert_true(shows("no &lt;such&gt; name"));
	assert_true(shows("another"));
	assert_true(shows("value=\"&quot;stolen&quot;\""));
	assert_true(shows("value=\"7d\" selected"));
}

static void
what_is_no_act_or_wants_to_be_sure_reaches_nobody(void **state)
{
	may_act();
	assert_int_equal(
	    post(with_token("act=reload&who=x", NOW, "alice")), 422);
	assert_int_equal(
	    post(with_token("act=reset&who=x", NOW, "alice")), 422);
	assert_null(acted);
	assert_int_equal(
	    post(with_token("act=reset&who=x&sure=yes", NOW, "alice")), 303);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whom_the_proxy_does_not_name_is_not_let_in),
		TEST(a_request_that_can_be_read_in_two_ways_is_not_read),
		TEST(only_what_there_is_can_be_asked_for),
		TEST(on_loopback_a_name_of_a_strangers_leads_nowhere),
		TEST(a_token_opens_the_page_once_and_for_five_minutes),
		TEST(a_hostile_name_stays_text),
		TEST(the_address_filters_and_sorts),
		TEST(who_may_not_act_finds_no_form),
		TEST(who_may_not_read_sees_himself_whatever_he_asks),
		TEST(what_did_not_change_is_not_sent_again),
		TEST(a_daemon_that_is_away_is_said_and_what_was_known_is_shown),
		TEST(nobody_waits_for_what_takes_the_daemon_long),
		TEST(metrics_come_in_the_format_that_is_asked_for),
		TEST(a_form_of_ours_is_done_in_the_name_of_who_sent_it),
		TEST(a_form_of_anybody_else_is_not),
		TEST(what_the_daemon_refuses_is_said_and_what_was_typed_stays),
		TEST(what_is_no_act_or_wants_to_be_sure_reaches_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
