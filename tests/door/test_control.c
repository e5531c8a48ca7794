/*
 * test_control.c - the operator's door: what it answers, and to whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "control.h"
#include "digest.h"
#include "house.h"
#include "meter.h"

#define OFFICE                                                                 \
	"policy \"staff\" { messages = {\"3/24h\"} "                           \
	"recipients = {\"100/day\"} text = \"ask it\" }\n"                     \
	"policy \"company\" { per = \"everyone\" "                             \
	"recipients = {\"1000/24h\"} }\n"                                      \
	"policy \"two\" { messages = {\"100/24h\", \"100/1h\"} }\n"            \
	"rule \"windows\" { sender = {\"@windows.example\"} "                  \
	"policies = {\"two\"} }\n"                                             \
	"rule \"all\" { sender = {\"@office.example\"} "                       \
	"policies = {\"staff\", \"company\"} }\n"

/* Who may look: the page's user, and one that has no name here. */
#define VIEWER_UID 54321
#define VIEWERS                                                                \
	"view-socket = \"unix:/tmp/pm/view.sock\"\n"                           \
	"view-peers = {\"nagios\", \"54321\"} view-may = {\"block\"}\n"

/* An account that one person's mail goes by. */
#define ACCOUNT                                                                \
	"policy \"account\" { per = \"everyone\" messages = {\"9/24h\"} }\n"   \
	"smarthost \"relay\" { host = \"r.test\" policies = {\"account\"} }\n" \
	"route \"out\" { smarthosts = {\"relay\"} }\n"                         \
	"rule \"carol\" { sender = {\"carol@office.example\"} "                \
	"route = \"out\" }\n"

static struct store *store;
static struct control_env env;
static struct control_peer peer; /* who asks */
static const char *reload_error;

static int
fake_reload(char **errors_r)
{
	if (reload_error == NULL)
		return 0;
	*errors_r = strdup(reload_error);
	return -1;
}

static int
open_with(const char *text)
{
	struct config *conf = house_config(text);

	house_time = MONDAY;
	reload_error = NULL;
	peer = (struct control_peer){ CONTROL_DOOR, "root" };
	store = house_store(conf);
	snapshot_publish(conf);
	env = (struct control_env){ .store = store,
		.config_file = "f",
		.started = MONDAY - HOUR,
		.reload = fake_reload };
	return 0;
}

static int
open_office(void **state)
{
	return open_with(OFFICE VIEWERS);
}

static int
open_with_account(void **state)
{
	return open_with(ACCOUNT OFFICE VIEWERS);
}

static int
close_office(void **state)
{
	store_close(&store);
	return 0;
}

/* Asks (JSON with ' for "); the answer is to be freed. */
static json_t *
ask(const char *text)
{
	char *request = strdup(text);
	json_t *answer;

	for (char *p = request; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	answer =
	    control_answer(&env, &peer, request, strlen(request), house_time);
	free(request);
	assert_true(json_is_object(answer));
	if (!json_is_true(json_object_get(answer, "ok"))) {
		assert_non_null(
		    json_string_value(json_object_get(answer, "error")));
		assert_non_null(
		    json_string_value(json_object_get(answer, "remedy")));
	}
	return answer;
}

static bool
accepted(const char *text)
{
	json_t *answer = ask(text);
	bool ok = json_is_true(json_object_get(answer, "ok"));

	json_decref(answer);
	return ok;
}

/* The number at a path such as "counters/0/limits/1/used"; -1 if none. */
static long long
at(const char *text, const char *path)
{
	json_t *answer = ask(text);
	const json_t *v = answer;
	char *steps = strdup(path), *rest = NULL, *step;
	long long n = -1;

	for (step = strtok_r(steps, "/", &rest); step != NULL;
	     step = strtok_r(NULL, "/", &rest))
		v = json_is_array(v)
			? json_array_get(v, strtoul(step, NULL, 10))
			: json_object_get(v, step);
	if (json_is_integer(v))
		n = json_integer_value(v);
	else if (json_is_boolean(v))
		n = json_is_true(v);
	else if (json_is_array(v))
		n = (long long)json_array_size(v);
	free(steps);
	json_decref(answer);
	return n;
}

/* A message of sender to n recipients elsewhere. */
static enum verdict
send_mail(const char *sender, unsigned n)
{
	const struct config *conf = snapshot_hold();
	struct txn t = { .submitted = true };
	struct outcome o;

	txn_begin(&t);
	t.submitted = true;
	mailaddr_canon(&t.sender, sender, strlen(sender), "+");
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(txn_add(&t, i + 1, WAY_ROUTED), 0);
	meter_charge(
	    &(struct desk){ .conf = conf, .store = store }, &t, house_time, &o);
	txn_end(&t);
	snapshot_release(&conf);
	return o.verdict;
}

static void
what_is_no_request_is_refused_with_cause_and_remedy(void **state)
{
	assert_false(accepted(""));
	assert_false(accepted("status"));
	assert_false(accepted("[]"));
	assert_false(accepted("{}"));
	assert_false(accepted("{'command': 5}"));
	assert_false(accepted("{'command': 'stats'}"));
	assert_false(accepted("{'command': 'show'}"));
	assert_false(accepted("{'command': 'show', 'who': 7}"));
	assert_false(accepted("{'command': 'status', 'command': 'top'}"));
	assert_false(accepted("{'command': 'explain', 'sender': 'a@b'}"));
	assert_false(accepted("{'command': 'explain', 'sender': 'a@b',"
			      " 'rcpt': [1]}"));
	assert_false(accepted("{'command': 'explain', 'sender': 'a@b',"
			      " 'rcpt': ['c@d'], 'client': 'no address'}"));
}

static void
status_tells_since_when_and_how_the_store_is(void **state)
{
	assert_int_equal(
	    at("{'command': 'status'}", "started/ms"), MONDAY - HOUR);
	assert_int_equal(at("{'command': 'status'}", "store/healthy"), 1);
	assert_int_equal(at("{'command': 'status'}", "store/charged"), 0);
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_int_equal(at("{'command': 'status'}", "store/charged"), 1);
}

static void
status_tells_what_an_account_promised_and_what_it_sent(void **state)
{
	static const char *const status = "{'command': 'status'}";

	assert_int_equal(at(status, "smarthosts/0/account"), 2);
	assert_int_equal(send_mail("carol@office.example", 1), VERDICT_PASS);
	assert_int_equal(at(status, "smarthosts/0/account/0/used"), 1);
	assert_int_equal(at(status, "smarthosts/0/account/1/used"), 0);
	assert_int_equal(at(status, "smarthosts/0/account/1/max"), 9);
}

static void
who_has_sent_nothing_is_told_so(void **state)
{
	assert_false(accepted("{'command': 'show', 'who': 'a@b.example'}"));
	assert_false(accepted("{'command': 'reset', 'who': 'a@b.example'}"));
	assert_int_equal(at("{'command': 'top'}", "limits"), 0);
}

static void
every_spelling_of_a_name_shows_the_same_counter(void **state)
{
	static const char *const names[] = { "alice@office.example",
		"Alice@Office.Example", "<alice@office.example>",
		"alice+news@office.example" };

	assert_int_equal(send_mail("alice@office.example", 2), VERDICT_PASS);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char request[128];

		snprintf(request, sizeof(request),
		    "{'command': 'show', 'who': '%s'}", names[i]);
		assert_int_equal(at(request, "counters/0/limits/0/used"), 1);
		assert_int_equal(at(request, "counters/0/limits/1/used"), 2);
	}
	assert_int_equal(
	    at("{'command': 'show', 'who': '*'}", "counters/0/limits/0/used"),
	    2);
}

static void
top_begins_with_the_fullest(void **state)
{
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_PASS);
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_PASS);
	assert_int_equal(at("{'command': 'top'}", "limits/0/percent"), 66);
	assert_int_equal(at("{'command': 'top'}", "limits/1/percent"), 33);
	assert_int_equal(at("{'command': 'top', 'n': 1}", "limits"), 1);
	assert_int_equal(
	    at("{'command': 'top', 'n': 1}", "limits/0/percent"), 66);
}

#define EXPLAIN                                                                \
	"{'command': 'explain', 'sender': 'a@office.example',"                 \
	" 'rcpt': ['x@else.example', 'y@office.example']}"

static void
explain_says_what_the_mail_server_hears_and_charges_nothing(void **state)
{
	json_t *answer;

	for (int i = 0; i < 10; i++)
		assert_int_equal(at(EXPLAIN, "passes"), 1);
	assert_int_equal(at(EXPLAIN, "external"), 1);
	assert_int_equal(at(EXPLAIN, "limits/0/cost"), 1);
	assert_int_equal(at(EXPLAIN, "limits/0/usage/used"), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    send_mail("a@office.example", 1), VERDICT_PASS);
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_DEFER);
	answer = ask(EXPLAIN);
	assert_true(json_is_false(json_object_get(answer, "passes")));
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(answer, "reply"), "code")),
	    "450");
	assert_non_null(strstr(json_string_value(json_object_get(
				   json_object_get(answer, "reply"), "text")),
	    "ask it"));
	json_decref(answer);
}

/* The budget at a path of the answer, "" for none. */
static bool
budget_is(const char *text, size_t i, const char *budget)
{
	json_t *answer = ask(text);
	const char *said = json_string_value(json_object_get(
	    json_array_get(json_object_get(answer, "limits"), i), "budget"));
	const bool is = strcmp(said != NULL ? said : "", budget) == 0;

	json_decref(answer);
	return is;
}

static void
explain_and_top_tell_promised_and_sent_apart(void **state)
{
	static const char request[] =
	    "{'command': 'explain', 'sender': 'carol@office.example',"
	    " 'rcpt': ['x@else.example']}";
	static const char top[] = "{'command': 'top'}";

	assert_true(budget_is(request, 0, "promised"));
	assert_true(budget_is(request, 1, "sent"));
	assert_int_equal(send_mail("carol@office.example", 1), VERDICT_PASS);
	assert_int_equal(at(request, "limits/0/usage/used"), 1);
	assert_int_equal(at(request, "limits/1/usage/used"), 0);
	assert_true(budget_is(top, 0, "promised"));
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_true(budget_is(top, 0, "")); /* a person has no exit */
}

static void
a_sender_without_a_rule_is_explained_too(void **state)
{
	static const char request[] =
	    "{'command': 'explain',"
	    " 'sender': 'a@else.example', 'rcpt': ['x@y.example']}";

	assert_int_equal(at(request, "passes"), 0);
	assert_int_equal(at(request, "limits"), 0);
}

/* Both mail servers say that what sendmail(1) hands in comes from there. */
static void
mail_from_programs_is_explained_as_from_the_machine_itself(void **state)
{
	json_t *answer = ask(EXPLAIN), *limit;
	const char *key = "";
	size_t i;

	json_array_foreach (json_object_get(answer, "limits"), i, limit)
		if (strcmp(json_string_value(json_object_get(limit, "policy")),
			"(senders)") == 0)
			key = json_string_value(json_object_get(limit, "key"));
	assert_string_equal(key, "127.0.0.1");
	json_decref(answer);
}

static void
of_a_blocked_sender_the_rule_is_told_too(void **state)
{
	json_t *answer;

	assert_true(accepted("{'command': 'block', 'who': "
			     "'a@office.example'}"));
	answer = ask(EXPLAIN);
	assert_string_equal(
	    json_string_value(json_object_get(answer, "verdict")), "blocked");
	assert_true(json_is_string(json_object_get(answer, "rule")));
	json_decref(answer);
}

#define GRANT(more) "{'command': 'grant', 'who': 'a@office.example', " more "}"
#define GOOD "'policy': 'staff', 'dimension': 'messages', "

static void
a_grant_widens_a_limit_until_it_ends(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    send_mail("a@office.example", 1), VERDICT_PASS);
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_DEFER);
	assert_true(accepted(GRANT(GOOD "'extra': '+2', 'for': '1h',"
					" 'why': 'a mailing'")));
	assert_int_equal(at("{'command': 'show', 'who': 'a@office.example'}",
			     "counters/0/limits/0/max"),
	    5);
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	house_time += 2 * HOUR;
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_DEFER);
}

static void
a_grant_is_taken_back_before_it_ends(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    send_mail("a@office.example", 1), VERDICT_PASS);
	assert_false(accepted("{'command': 'revoke', 'who':"
			      " 'a@office.example'}"));
	/* Eight fill the list: taking back needs no place in it. */
	for (int i = 0; i < 8; i++)
		assert_true(accepted(GRANT(GOOD "'extra': '+1', 'for': '1h'")));
	assert_false(accepted(GRANT(GOOD "'extra': '+1', 'for': '1h'")));
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_true(accepted("{'command': 'revoke', 'who':"
			     " 'A@office.example', 'policy': 'staff'}"));
	assert_int_equal(at("{'command': 'show', 'who': 'a@office.example'}",
			     "counters/0/grants"),
	    0);
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_DEFER);
	assert_false(accepted("{'command': 'revoke', 'who':"
			      " 'a@office.example', 'policy': 'staf'}"));
}

static void
a_grant_that_cannot_be_meant_is_refused(void **state)
{
	assert_false(accepted(GRANT(GOOD "'extra': '+2'")));
	assert_false(accepted(GRANT(GOOD "'extra': '+2', 'for': '0'")));
	assert_false(accepted(GRANT(GOOD "'extra': '+2', 'for': '-1h'")));
	assert_false(accepted(GRANT(GOOD "'extra': '0', 'for': '1h'")));
	assert_false(accepted(GRANT(GOOD "'extra': '-5', 'for': '1h'")));
	assert_false(accepted(GRANT(GOOD "'extra': '1/day', 'for': '1h'")));
	assert_false(accepted(GRANT("'policy': 'staf', 'dimension':"
				    " 'messages', 'extra': '1', 'for': '1h'")));
	assert_false(accepted(GRANT("'policy': 'staff', 'dimension':"
				    " 'bytes', 'extra': '1', 'for': '1h'")));
	assert_false(
	    accepted(GRANT("'policy': 'company', 'dimension':"
			   " 'recipients', 'extra': '1', 'for': '1h'")));
	assert_false(accepted("{'command': 'show', 'who':"
			      " 'a@office.example'}"));
}

static void
reset_forgets_what_was_spent_under_one_policy_or_all(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    send_mail("a@office.example", 1), VERDICT_PASS);
	assert_false(accepted("{'command': 'reset', 'who':"
			      " 'a@office.example', 'policy': 'company'}"));
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_DEFER);
	assert_true(accepted("{'command': 'reset', 'who':"
			     " 'a@office.example', 'policy': 'staff'}"));
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_int_equal(
	    at("{'command': 'show', 'who': '*'}", "counters/0/limits/0/used"),
	    4);
}

#define GRANT_SEVEN                                                            \
	"{'command': 'grant', 'who': 'w@windows.example', 'policy': 'two',"    \
	" 'dimension': 'messages', 'extra': '+7', 'for': '1d', 'window': "

static void
a_grant_for_one_window_leaves_the_others_as_they_are(void **state)
{
	const char *show = "{'command': 'show', 'who': 'w@windows.example'}";

	assert_int_equal(send_mail("w@windows.example", 1), VERDICT_PASS);
	assert_false(accepted(GRANT_SEVEN "'2h'}")); /* no such limit */
	assert_true(accepted(GRANT_SEVEN "'24h'}"));
	assert_int_equal(at(show, "counters/0/limits/0/max"), 107);
	assert_int_equal(at(show, "counters/0/limits/1/max"), 100);
}

static void
a_block_holds_until_it_ends_or_is_taken_back(void **state)
{
	assert_false(accepted("{'command': 'unblock', 'who':"
			      " 'a@office.example'}"));
	assert_true(accepted("{'command': 'block', 'who': 'A@Office.Example',"
			     " 'for': '1h', 'why': 'stolen password'}"));
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_PASS);
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_BLOCKED);
	assert_int_equal(at(EXPLAIN, "passes"), 0);
	assert_int_equal(at("{'command': 'status'}", "blocks"), 1);
	assert_true(accepted("{'command': 'show', 'who':"
			     " 'a@office.example'}"));
	house_time += 2 * HOUR;
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_true(accepted("{'command': 'block', 'who':"
			     " '@office.example'}"));
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_BLOCKED);
	assert_true(accepted("{'command': 'unblock', 'who':"
			     " '@Office.Example'}"));
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_PASS);
	assert_false(accepted("{'command': 'block', 'who': ''}"));
	assert_false(accepted("{'command': 'block', 'who': 'a', 'for':"
			      " 'ever'}"));
}

/* A message of sender from a machine of a network of ours. */
static enum verdict
send_from(const char *client, const char *sender)
{
	const struct config *conf = snapshot_hold();
	struct txn t = { .submitted = false };
	struct outcome o;

	txn_begin(&t);
	assert_int_equal(netaddr_parse(client, &t.client), 0);
	mailaddr_canon(&t.sender, sender, strlen(sender), "+");
	assert_int_equal(txn_add(&t, 1, WAY_ROUTED), 0);
	meter_charge(
	    &(struct desk){ .conf = conf, .store = store }, &t, house_time, &o);
	txn_end(&t);
	snapshot_release(&conf);
	return o.verdict;
}

static void
everything_stops_when_the_star_is_blocked(void **state)
{
	assert_true(accepted("{'command': 'block', 'who': '*'}"));
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_BLOCKED);
	assert_true(accepted("{'command': 'unblock', 'who': '*'}"));
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_PASS);
}

static void
a_network_is_blocked_whole_and_no_other(void **state)
{
	assert_true(accepted("{'command': 'block', 'who': '10.1.0.0/16'}"));
	assert_int_equal(
	    send_from("10.1.2.3", "b@office.example"), VERDICT_BLOCKED);
	assert_int_equal(
	    send_from("10.2.2.3", "b@office.example"), VERDICT_PASS);
	assert_int_equal(at("{'command': 'status'}", "blocks"), 1);
	assert_true(accepted("{'command': 'block', 'who': '10.2.2.3'}"));
	assert_int_equal(
	    send_from("10.2.2.3", "b@office.example"), VERDICT_BLOCKED);
	assert_true(accepted("{'command': 'unblock', 'who': '10.1.0.0/16'}"));
	assert_int_equal(
	    send_from("10.1.2.3", "b@office.example"), VERDICT_PASS);
	assert_int_equal(at("{'command': 'status'}", "blocks"), 1);
}

static void
what_can_match_nothing_is_not_blocked(void **state)
{
	assert_false(accepted("{'command': 'block', 'who': '10.1.0.0/8'}"));
	assert_false(accepted("{'command': 'block', 'who': '0.0.0.0/0'}"));
	assert_false(accepted("{'command': 'block', 'who': '10.0.0.0/33'}"));
	assert_false(accepted("{'command': 'block', 'who': '@'}"));
	assert_false(accepted("{'command': 'block', 'who': '@no domain'}"));
	/* A domain of ours without the sign would be a login. */
	assert_false(accepted("{'command': 'block', 'who':"
			      " 'office.example'}"));
	assert_false(accepted("{'command': 'block', 'who':"
			      " 'smarthost workspace'}"));
	assert_int_equal(at("{'command': 'status'}", "blocks"), 0);
}

static void
without_a_trace_nothing_is_said_of_what_was(void **state)
{
	assert_false(accepted("{'command': 'trace'}"));
	assert_false(accepted("{'command': 'history'}"));
	assert_false(accepted("{'command': 'top', 'refused': true}"));
	assert_true(accepted("{'command': 'top'}"));
	assert_true(accepted("{'command': 'events'}"));
}

static void
show_tells_every_block_that_stops_somebody(void **state)
{
	assert_true(accepted("{'command': 'block', 'who': '@office.example'}"));
	assert_true(accepted("{'command': 'block', 'who': '*'}"));
	assert_true(accepted("{'command': 'block', 'who': '10.0.0.0/8'}"));
	assert_true(
	    accepted("{'command': 'block', 'who': 'z@office.example'}"));
	assert_int_equal(
	    at("{'command': 'show', 'who': 'a@office.example'}", "blocks"), 2);
	assert_int_equal(
	    at("{'command': 'show', 'who': '10.9.9.9'}", "blocks"), 2);
}

static void
an_export_holds_every_counter_and_block(void **state)
{
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_int_equal(send_mail("b@office.example", 1), VERDICT_PASS);
	assert_true(accepted("{'command': 'block', 'who': 'c@d.example'}"));
	/* Two senders, everyone, and the count of senders made up. */
	assert_int_equal(at("{'command': 'export'}", "counters"), 4);
	assert_int_equal(at("{'command': 'export'}", "blocks"), 1);
	assert_int_equal(at("{'command': 'export'}", "truncated"), 0);
}

static void
a_reload_that_fails_lists_the_mistakes(void **state)
{
	assert_true(accepted("{'command': 'reload'}"));
	reload_error = "f:1: one\nf:2: two\n";
	assert_false(accepted("{'command': 'reload'}"));
	assert_int_equal(at("{'command': 'reload'}", "errors"), 2);
}

static void
who_looks_is_shown_all_and_changes_nothing(void **state)
{
	peer = (struct control_peer){ VIEW_DOOR, "nagios" };
	assert_int_equal(send_mail("a@office.example", 1), VERDICT_PASS);
	assert_true(accepted("{'command': 'status'}"));
	assert_true(accepted("{'command': 'top'}"));
	assert_true(accepted("{'command': 'events'}"));
	assert_true(accepted("{'command': 'export'}"));
	assert_true(accepted("{'command': 'show', 'who': 'a@office.example'}"));
	assert_int_equal(at(EXPLAIN, "passes"), 1);
	assert_false(accepted("{'command': 'reset', 'who':"
			      " 'a@office.example'}"));
	assert_false(accepted("{'command': 'reload'}"));
	assert_false(accepted("{'command': 'grant', 'who': 'a@office.example',"
			      " 'policy': 'staff', 'dimension': 'messages',"
			      " 'extra': '+1', 'for': '1h'}"));
	assert_int_equal(at("{'command': 'top'}", "limits/0/used"), 1);
}

static void
of_the_acts_who_looks_may_do_those_that_view_may_names(void **state)
{
	json_t *answer;

	peer = (struct control_peer){ VIEW_DOOR, "page" };
	assert_true(accepted("{'command': 'block', 'who': 'a@office.example',"
			     " 'by': 'ceo'}"));
	assert_false(accepted("{'command': 'unblock', 'who':"
			      " 'a@office.example'}"));
	answer = ask("{'command': 'events'}");
	assert_string_equal(
	    json_string_value(json_object_get(
		json_array_get(json_object_get(answer, "events"), 0), "actor")),
	    "page:ceo");
	json_decref(answer);
}

static void
what_view_may_can_name_is_a_command_that_changes(void **state)
{
	/* Refused for what it lacks, not because nobody knows it. */
	for (const char *const *name = view_commands; *name != NULL; name++) {
		char text[64];
		json_t *answer;

		snprintf(text, sizeof(text), "{'command': '%s'}", *name);
		answer = ask(text);
		if (!json_is_true(json_object_get(answer, "ok")) &&
		    strstr(json_string_value(json_object_get(answer, "error")),
			"there is no command") != NULL)
			fail_msg("%s", *name);
		json_decref(answer);
	}
}

/* --- the socket ---------------------------------------------------------- */

static struct sockaddr_un address;
static char directory[] = "/tmp/pm-control-XXXXXX";
static struct control_server *server;

static int
open_door_of(enum control_door door, void **state)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (open_office(state) == -1)
		return -1;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/c", directory);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    listen(fd, 64) == -1)
		return -1;
	if (chmod(directory, 0755) == -1 || chmod(address.sun_path, 0666) == -1)
		return -1;
	server = control_start(fd, door, &env);
	return server == NULL ? -1 : 0;
}

static int
open_door(void **state)
{
	return open_door_of(CONTROL_DOOR, state);
}

static int
open_view(void **state)
{
	return open_door_of(VIEW_DOOR, state);
}

static int
close_door(void **state)
{
	control_stop(&server);
	assert_null(server);
	unlink(address.sun_path);
	rmdir(directory);
	return close_office(state);
}

static int
dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Reads until the end; how many bytes came, the last one in *last_r. */
static size_t
drink(int fd, char *last_r)
{
	char buf[4096];
	size_t all = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		all += (size_t)n;
		*last_r = buf[n - 1];
	}
	close(fd);
	return all;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(
	    send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void
one_question_is_answered_and_the_line_is_closed(void **state)
{
	char last = 0;
	int fd = dial();

	say(fd, "{\"command\": ");
	say(fd, "\"status\"}\n");
	assert_true(drink(fd, &last) > 100);
	assert_int_equal(last, '\n');
}

static void
slow_peers_hurt_nobody_and_are_sent_away(void **state)
{
	int slow[15], fd;
	char last = 0;

	for (size_t i = 0; i < 15; i++) {
		slow[i] = dial();
		say(slow[i], "{");
	}
	for (int i = 0; i < 50; i++) {
		fd = dial();
		say(fd, "{\"command\": \"top\"}\n");
		assert_true(drink(fd, &last) > 0);
	}
	house_time += 6 * SECOND;
	fd = dial(); /* wakes the thread */
	say(fd, "{\"command\": \"top\"}\n");
	assert_true(drink(fd, &last) > 0);
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(drink(slow[i], &last), 0);
}

static void
a_request_without_an_end_is_cut_at_64_kib(void **state)
{
	char *much = malloc(CONTROL_REQUEST_MAX + 1), last = 0;
	int fd = dial();

	memset(much, 'x', CONTROL_REQUEST_MAX);
	much[CONTROL_REQUEST_MAX] = '\0';
	say(fd, much);
	free(much);
	assert_true(drink(fd, &last) > 0);
	assert_int_equal(last, '\n');
}

static void
peers_that_leave_early_do_no_harm(void **state)
{
	char last = 0;
	int fd;

	for (int i = 0; i < 40; i++) {
		fd = dial();
		if (i % 2 == 0)
			say(fd, "{\"command\": \"export\"}\n");
		close(fd);
	}
	fd = dial();
	say(fd, "{\"command\": \"status\"}\n");
	assert_true(drink(fd, &last) > 0);
}

static void
stopping_does_not_wait_for_peers(void **state)
{
	int fd = dial();
	char last = 0;

	control_stop(&server);
	assert_int_equal(drink(fd, &last), 0);
}

/* What another user hears who asks for status: starts with that? */
static bool
user_hears(uid_t uid, const char *beginning)
{
	char buf[256] = "";
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd;

		if (setgid(uid) == -1 || setuid(uid) == -1)
			_exit(2);
		fd = dial();
		(void)send(fd, "{\"command\": \"status\"}\n", 22, MSG_NOSIGNAL);
		(void)!read(fd, buf, sizeof(buf) - 1);
		_exit(strncmp(buf, beginning, strlen(beginning)) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 2);
	return WEXITSTATUS(status) == 0;
}

static void
others_than_the_named_users_hear_nothing(void **state)
{
	if (geteuid() != 0)
		skip(); /* nobody else can be played */
	assert_true(user_hears(VIEWER_UID, "{\"ok\":true"));
	assert_true(user_hears(VIEWER_UID + 1, "{\"ok\":false"));
	assert_true(user_hears(0, "{\"ok\":true"));
}

static void
who_may_look_may_not_use_the_operators_door(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_true(user_hears(VIEWER_UID, "{\"ok\":false"));
}

#define DESK(f) cmocka_unit_test_setup_teardown(f, open_office, close_office)
#define DOOR(f) cmocka_unit_test_setup_teardown(f, open_door, close_door)
#define VIEW(f) cmocka_unit_test_setup_teardown(f, open_view, close_door)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DESK(what_is_no_request_is_refused_with_cause_and_remedy),
		DESK(status_tells_since_when_and_how_the_store_is),
		cmocka_unit_test_setup_teardown(
		    status_tells_what_an_account_promised_and_what_it_sent,
		    open_with_account, close_office),
		cmocka_unit_test_setup_teardown(
		    explain_and_top_tell_promised_and_sent_apart,
		    open_with_account, close_office),
		DESK(who_has_sent_nothing_is_told_so),
		DESK(every_spelling_of_a_name_shows_the_same_counter),
		DESK(top_begins_with_the_fullest),
		DESK(
		    explain_says_what_the_mail_server_hears_and_charges_nothing),
		DESK(a_sender_without_a_rule_is_explained_too),
		DESK(
		    mail_from_programs_is_explained_as_from_the_machine_itself),
		DESK(of_a_blocked_sender_the_rule_is_told_too),
		DESK(a_grant_widens_a_limit_until_it_ends),
		DESK(a_grant_is_taken_back_before_it_ends),
		DESK(a_grant_that_cannot_be_meant_is_refused),
		DESK(reset_forgets_what_was_spent_under_one_policy_or_all),
		DESK(a_grant_for_one_window_leaves_the_others_as_they_are),
		DESK(a_block_holds_until_it_ends_or_is_taken_back),
		DESK(everything_stops_when_the_star_is_blocked),
		DESK(a_network_is_blocked_whole_and_no_other),
		DESK(what_can_match_nothing_is_not_blocked),
		DESK(without_a_trace_nothing_is_said_of_what_was),
		DESK(show_tells_every_block_that_stops_somebody),
		DESK(an_export_holds_every_counter_and_block),
		DESK(a_reload_that_fails_lists_the_mistakes),
		DESK(who_looks_is_shown_all_and_changes_nothing),
		DESK(what_view_may_can_name_is_a_command_that_changes),
		DESK(of_the_acts_who_looks_may_do_those_that_view_may_names),
		VIEW(others_than_the_named_users_hear_nothing),
		VIEW(one_question_is_answered_and_the_line_is_closed),
		VIEW(slow_peers_hurt_nobody_and_are_sent_away),
		DOOR(who_may_look_may_not_use_the_operators_door),
		DOOR(one_question_is_answered_and_the_line_is_closed),
		DOOR(slow_peers_hurt_nobody_and_are_sent_away),
		DOOR(a_request_without_an_end_is_cut_at_64_kib),
		DOOR(peers_that_leave_early_do_no_harm),
		DOOR(stopping_does_not_wait_for_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
