/*
 * test_release.c - mail that is held: what comes later waits behind it, and it
 * leaves charged, in its turn, paced, or goes back in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "control.h"
#include "held_mail.h"
#include "house.h"
#include "meter.h"
#include "record.h"
#include "trace.h"

#define RULES                                                                  \
	"hold-for = \"2d\" hold-max = 3 release-rate = 2\n"                    \
	"policy \"slow\" { messages = {\"1/1h\"} when-over = \"hold\"\n"       \
	"    warn-at = {} }\n"                                                 \
	"policy \"all\" { per = \"everyone\" messages = {\"5/1h\"}\n"          \
	"    when-over = \"hold\" warn-at = {} }\n"                            \
	"rule \"one\" { sender = {\"news@office.example\"}\n"                  \
	"    policies = {\"all\"} }\n"                                         \
	"rule \"two\" { policies = {\"slow\"} }\n"

static char directory[] = "/tmp/pm-release-XXXXXX", file[64];
static const struct control_peer peer = { .name = "root",
	.door = CONTROL_DOOR };
static struct control_env env;
static struct store *store;
static int ids;

static void
begin_trace(void)
{
	struct why why;

	assert_int_equal(trace_open(file, 14 * DAY, 4000000, &why), 0);
	held_mail_begin(house_time);
}

static void
end_trace(void)
{
	trace_close();
	held_mail_free();
}

static int
setup(void **state)
{
	struct config *conf = house_config(RULES);

	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/trace.db", directory);
	house_time = MONDAY;
	store = house_store(conf);
	env = (struct control_env){ .store = store, .config_file = "f" };
	snapshot_publish(conf);
	begin_trace();
	return 0;
}

static int
teardown(void **state)
{
	char command[100];

	end_trace();
	store_close(&store);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* A message of sender under an id of its own; id_r may be NULL. */
static enum verdict
sends(const char *sender, char id_r[16])
{
	const struct config *conf = snapshot_hold();
	const struct desk desk = { .conf = conf, .store = store };
	struct txn t = { .submitted = true };
	struct outcome o;
	struct reply r;

	txn_begin(&t);
	t.submitted = true;
	mailaddr_canon(&t.sender, sender, strlen(sender), "+");
	snprintf(t.queue_id, sizeof(t.queue_id), "ID%04d", ++ids);
	if (id_r != NULL)
		snprintf(id_r, 16, "%.15s", t.queue_id);
	assert_int_equal(txn_add(&t, 1, WAY_ROUTED), 0);
	meter_charge(&desk, &t, house_time, &o);
	verdict_reply(&o, house_time, conf->zone, &r);
	assert_true(record_outcome(conf, &t, NULL, &o, &r, house_time));
	txn_end(&t);
	snapshot_release(&conf);
	return o.verdict;
}

static json_t *
asks(json_t *request)
{
	char *text = json_dumps(request, 0);
	json_t *answer =
	    control_answer(&env, &peer, text, strlen(text), house_time);

	json_decref(request);
	free(text);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	return answer;
}

static bool
is_true(json_t *answer, const char *name)
{
	const bool yes = json_is_true(json_object_get(answer, name));

	json_decref(answer);
	return yes;
}

static json_t *
release(const char *id, bool due)
{
	return asks(json_pack("{s:s, s:s, s:I, s:b}", "command", "release",
	    "id", id, "arrival", (json_int_t)(MONDAY / SECOND), "due", due));
}

static bool
leaves(const char *id)
{
	return is_true(release(id, true), "release");
}

/* Root looks, and sees that queue. */
static json_t *
sweep(const char *id)
{
	json_t *list = json_array();

	if (id != NULL)
		json_array_append_new(
		    list, json_pack("{s:s, s:I}", "id", id, "arrival",
			      (json_int_t)(MONDAY / SECOND)));
	return asks(json_pack("{s:s, s:o}", "command", "sweep", "ids", list));
}

static size_t
events(void)
{
	json_t *a = asks(json_pack("{s:s, s:i}", "command", "events", "n", 90));
	const size_t n = json_array_size(json_object_get(a, "events"));

	json_decref(a);
	return n;
}

static void
what_comes_later_waits_behind_what_is_held(void **state)
{
	char first[16], second[16];

	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", first), VERDICT_HOLD);
	house_time += 55 * MINUTE;
	json_decref(sweep(first));
	house_time += 6 * MINUTE; /* it would fit, but it came later */
	assert_int_equal(sends("a@office.example", second), VERDICT_HOLD);
	assert_int_equal(sends("b@office.example", NULL), VERDICT_PASS);
	assert_true(leaves(first));
	assert_false(leaves(second));
	house_time += HOUR + MINUTE;
	assert_true(leaves(second));
	house_time += HOUR + MINUTE;
	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
}

static void
where_nobody_lets_mail_go_nobody_waits_for_it(void **state)
{
	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", NULL), VERDICT_HOLD);
	house_time += HOUR + MINUTE;
	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
}

static void
so_many_are_held_and_then_it_is_deferred(void **state)
{
	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sends("a@office.example", NULL), VERDICT_HOLD);
	assert_int_equal(sends("a@office.example", NULL), VERDICT_DEFER);
}

static void
a_notice_is_never_held(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(
		    sends("news@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("<>", NULL), VERDICT_PASS);
	assert_int_equal(sends("<>", NULL), VERDICT_DEFER);
}

static void
a_message_is_charged_once_however_often_it_is_asked_for(void **state)
{
	char id[16], other[16];

	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", id), VERDICT_HOLD);
	assert_int_equal(sends("a@office.example", other), VERDICT_HOLD);
	house_time += HOUR + MINUTE;
	assert_true(is_true(release(id, true), "charged"));
	end_trace(); /* whoever asked died, and so did the daemon */
	begin_trace();
	assert_true(leaves(id));
	assert_false(is_true(release(id, true), "charged"));
	assert_false(leaves(other)); /* the limit is spent */
}

static void
a_restart_knows_who_is_held(void **state)
{
	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", NULL), VERDICT_HOLD);
	house_time += HOUR + MINUTE;
	end_trace();
	begin_trace();
	assert_int_equal(sends("a@office.example", NULL), VERDICT_HOLD);
}

static void
only_so_many_leave_in_a_minute(void **state)
{
	char id[3][16];

	for (int i = 0; i < 5; i++)
		assert_int_equal(
		    sends("news@office.example", NULL), VERDICT_PASS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    sends("news@office.example", id[i]), VERDICT_HOLD);
	house_time += HOUR + MINUTE;
	assert_true(leaves(id[0]));
	assert_true(leaves(id[1]));
	assert_false(leaves(id[2]));
	house_time += MINUTE + SECOND;
	assert_true(leaves(id[2]));
}

static void
what_is_held_too_long_goes_back_and_that_is_told_before(void **state)
{
	char first[16], id[16];
	size_t before;
	json_t *a;

	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", first), VERDICT_HOLD);
	assert_int_equal(sends("a@office.example", id), VERDICT_HOLD);
	before = events();
	house_time += 2 * DAY - HOUR;
	json_decref(sweep(id));
	json_decref(sweep(id));
	assert_int_equal(events(), before + 2); /* once; and first has gone */
	/* Its sender has spent all there is: it does not fit. */
	house_time += HOUR + MINUTE;
	assert_true(leaves(first));
	a = release(id, true);
	assert_false(json_is_true(json_object_get(a, "release")));
	assert_true(is_true(a, "return"));
	assert_true(is_true(release(id, true), "return")); /* asked again */
	assert_int_equal(events(), before + 3);
}

static void
what_somebody_else_let_go_is_told_once(void **state)
{
	char id[16];
	size_t before;

	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", id), VERDICT_HOLD);
	before = events();
	json_decref(sweep(NULL)); /* it may not be in the queue yet */
	assert_int_equal(events(), before);
	house_time += 2 * MINUTE;
	json_decref(sweep(NULL));
	json_decref(sweep(NULL));
	assert_int_equal(events(), before + 1);
	house_time += HOUR;
	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
}

static void
a_used_queue_id_is_not_taken_for_the_message_before(void **state)
{
	char id[16];
	json_t *a;

	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", id), VERDICT_HOLD);
	a = asks(json_pack("{s:s, s:[{s:s, s:I}]}", "command", "held", "ids",
	    "id", id, "arrival", (json_int_t)(MONDAY / SECOND + 60)));
	assert_false(json_is_true(json_object_get(
	    json_array_get(json_object_get(a, "held"), 0), "ours")));
	json_decref(a);
}

static void
an_operator_lets_go_past_the_limit_and_that_is_an_event(void **state)
{
	char id[16];
	size_t before;

	assert_int_equal(sends("a@office.example", NULL), VERDICT_PASS);
	assert_int_equal(sends("a@office.example", id), VERDICT_HOLD);
	before = events();
	assert_true(is_true(asks(json_pack("{s:s, s:s, s:b}", "command",
				"release", "id", id, "now", 1)),
	    "release"));
	assert_int_equal(events(), before + 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_comes_later_waits_behind_what_is_held),
		TEST(where_nobody_lets_mail_go_nobody_waits_for_it),
		TEST(so_many_are_held_and_then_it_is_deferred),
		TEST(a_notice_is_never_held),
		TEST(a_message_is_charged_once_however_often_it_is_asked_for),
		TEST(a_restart_knows_who_is_held),
		TEST(only_so_many_leave_in_a_minute),
		TEST(what_is_held_too_long_goes_back_and_that_is_told_before),
		TEST(what_somebody_else_let_go_is_told_once),
		TEST(a_used_queue_id_is_not_taken_for_the_message_before),
		TEST(an_operator_lets_go_past_the_limit_and_that_is_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
