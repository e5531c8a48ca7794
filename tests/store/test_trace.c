/*
 * test_trace.c - what became of a message can be found, a flood displaces
 * nobody, and the file stays as small as it was told to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "trace.h"

#define SIZE (4 * 1000 * 1000)

static char directory[] = "/tmp/pm-trace-XXXXXX", file[64];
static int64_t now; /* of entries; the file itself goes by the real clock */

static int
setup(void **state)
{
	struct why why;

	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/trace.db", directory);
	now = clock_now();
	return trace_open(file, 14 * DAY, SIZE, &why);
}

static int
teardown(void **state)
{
	char command[100];

	trace_close();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* A message of who under a queue id, to one recipient. */
static struct trace_entry
entry(const char *who, const char *id, enum trace_sum sum)
{
	struct trace_entry e = { .when = now,
		.day = 20261125,
		.stage = TRACE_EOM,
		.sum = sum,
		.recipients = 2,
		.bytes = 100,
		.nrcpt = 1 };

	snprintf(e.who, sizeof(e.who), "%s", who);
	snprintf(e.sender, sizeof(e.sender), "%s", who);
	snprintf(e.queue_id, sizeof(e.queue_id), "%s", id);
	snprintf(e.verdict, sizeof(e.verdict), "%s",
	    sum == TRACE_REFUSED ? "defer" : "pass");
	snprintf(e.policy, sizeof(e.policy), "staff");
	snprintf(e.text, sizeof(e.text), "words for %s", id);
	e.digest[0] = digest64(id, strlen(id));
	return e;
}

static bool
count(void *arg, const struct trace_entry *e)
{
	++*(size_t *)arg;
	return true;
}

static size_t
found(const struct trace_query *query)
{
	struct trace_query q = *query;
	struct why why;
	size_t n = 0;

	q.n = 100000;
	assert_int_equal(trace_find(&q, count, &n, &why), 0);
	return n;
}

static bool
keep_day(void *arg, const struct trace_day *d)
{
	*(struct trace_day *)arg = *d;
	return false;
}

static struct trace_day
day_of(const char *who)
{
	struct trace_day d = { 0 };
	struct why why;

	assert_int_equal(trace_history(who, 0, 1, keep_day, &d, &why), 0);
	return d;
}

static bool
keep_refusals(void *arg, const struct trace_refusals *r)
{
	*(struct trace_refusals *)arg = *r;
	return false;
}

static void
a_message_is_found_by_whatever_is_known_of_it(void **state)
{
	struct trace_entry a = entry("a@x.test", "AAA", TRACE_SENT);
	struct trace_entry b = entry("b@x.test", "BBB", TRACE_REFUSED);

	b.when = now - HOUR;
	trace_note(&a);
	trace_note(&b);
	assert_int_equal(found(&(struct trace_query){ .queue_id = "AAA" }), 1);
	assert_int_equal(found(&(struct trace_query){ .who = "b@x.test" }), 1);
	assert_int_equal(
	    found(&(struct trace_query){ .rcpt = b.digest[0] }), 1);
	assert_int_equal(found(&(struct trace_query){ .rcpt = 12345 }), 0);
	assert_int_equal(found(&(struct trace_query){ .refused = true }), 1);
	assert_int_equal(
	    found(&(struct trace_query){ .since = now - MINUTE }), 1);
	assert_int_equal(
	    found(&(struct trace_query){ .until = now - MINUTE }), 1);
	assert_int_equal(found(&(struct trace_query){ .n = 0 }), 2);
	assert_int_equal(found(&(struct trace_query){ .queue_id = "CCC" }), 0);
}

static void
a_day_has_the_sum_of_it(void **state)
{
	struct trace_entry e = entry("a@x.test", "A", TRACE_SENT);
	struct trace_day d;

	for (int i = 0; i < 500; i++) {
		trace_note(&e);
		if (i % 100 == 0)
			trace_settle(); /* over several writes */
	}
	e.sum = TRACE_HELD;
	trace_note(&e);
	d = day_of("a@x.test");
	assert_int_equal(d.sent, 500);
	assert_int_equal(d.recipients, 1000);
	assert_int_equal(d.bytes, 50000);
	assert_int_equal(d.held, 1);
	assert_int_equal(d.refused, 0);
	assert_int_equal(day_of("b@x.test").sent, 0);
}

static void
what_was_noted_is_there_after_a_restart(void **state)
{
	struct trace_entry e = entry("a@x.test", "A", TRACE_SENT);
	struct why why;

	trace_note(&e);
	trace_close();
	trace_note(&e); /* nobody is there: nothing happens */
	assert_int_equal(trace_open(file, 14 * DAY, SIZE, &why), 0);
	assert_int_equal(found(&(struct trace_query){ .queue_id = "A" }), 1);
	assert_int_equal(day_of("a@x.test").sent, 1);
}

static void
a_flood_is_counted_to_the_last_and_displaces_nobody(void **state)
{
	struct trace_entry bad = entry("thief@x.test", "X", TRACE_REFUSED);
	struct trace_entry good = entry("a@x.test", "GOOD", TRACE_SENT);
	struct trace_refusals r = { 0 };
	struct trace_stats st;
	struct why why;

	for (int i = 0; i < 100000; i++)
		trace_note(&bad);
	trace_note(&good);
	assert_int_equal(day_of("thief@x.test").refused, 100000);
	assert_int_equal(
	    trace_refusals("thief@x.test", 0, 1, keep_refusals, &r, &why), 0);
	assert_int_equal(r.n, 100000);
	assert_string_equal(r.text, "words for X");
	assert_int_equal(found(&(struct trace_query){ .queue_id = "GOOD" }), 1);
	trace_stats(&st);
	assert_int_equal(st.noted, 100001);
	assert_true(st.dropped > 90000);
	assert_string_equal(st.trouble.text, "");
}

static bool
sum_up(void *arg, const struct trace_day *d)
{
	*(uint64_t *)arg += d->refused;
	return true;
}

static void
a_flood_of_made_up_senders_is_counted_to_the_last(void **state)
{
	uint64_t all = 0;
	struct why why;
	char who[40];

	for (int i = 0; i < 10000; i++) {
		struct trace_entry e;

		snprintf(who, sizeof(who), "made-up-%d@x.test", i);
		e = entry(who, "X", TRACE_REFUSED);
		trace_note(&e);
	}
	trace_settle();
	assert_int_equal(trace_history(NULL, 0, 100000, sum_up, &all, &why), 0);
	assert_int_equal(all, 10000);
	assert_true(day_of("(others)").refused > 0);
}

static void
the_file_never_outgrows_its_size(void **state)
{
	struct trace_stats st;
	struct stat sb;
	char who[40], id[40];

	for (int i = 0; i < 40000; i++) {
		struct trace_entry e;

		snprintf(who, sizeof(who), "s%d@x.test", i % 50);
		snprintf(id, sizeof(id), "ID%d", i);
		e = entry(who, id, TRACE_SENT);
		e.nrcpt = TRACE_RCPTS;
		trace_note(&e);
		if (i % 500 == 499)
			trace_settle();
	}
	assert_int_equal(stat(file, &sb), 0);
	assert_true(sb.st_size <= SIZE);
	trace_stats(&st);
	assert_string_equal(st.trouble.text, "");
	/* The newest are there, the oldest went, the sums know all of them. */
	assert_int_equal(
	    found(&(struct trace_query){ .queue_id = "ID39999" }), 1);
	assert_int_equal(found(&(struct trace_query){ .queue_id = "ID0" }), 0);
	assert_int_equal(day_of("s0@x.test").sent, 800);
}

static bool
keep_entry(void *arg, const struct trace_entry *e)
{
	*(struct trace_entry *)arg = *e;
	return true;
}

static void
what_is_held_is_known_however_full_the_file_is(void **state)
{
	struct trace_entry held = entry("a@x.test", "HELD", TRACE_HELD), seen;
	struct trace_entry gone = entry("a@x.test", "GONE", TRACE_HELD);
	struct why why;
	char id[40];

	strcpy(held.verdict, "hold");
	strcpy(gone.verdict, "hold");
	trace_note(&held);
	trace_note(&gone);
	gone.stage = TRACE_RELEASE;
	strcpy(gone.verdict, "released");
	trace_note(&gone);
	for (int i = 0; i < 40000; i++) {
		struct trace_entry e;

		snprintf(id, sizeof(id), "ID%d", i);
		e = entry("b@x.test", id, TRACE_SENT);
		e.nrcpt = TRACE_RCPTS;
		trace_note(&e);
		if (i % 500 == 499)
			assert_true(trace_settle());
	}
	assert_int_equal(found(&(struct trace_query){ .queue_id = "ID0" }), 0);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(trace_held(keep_entry, &seen, &why), 0);
	assert_string_equal(seen.queue_id, "HELD");
	assert_int_equal(seen.nrcpt, 1);
	assert_int_equal(seen.digest[0], held.digest[0]);
	assert_int_equal(found(&(struct trace_query){ .queue_id = "GONE" }), 2);
}

static void
a_file_of_something_else_is_left_alone(void **state)
{
	struct why why;
	FILE *f;

	trace_close();
	f = fopen(file, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", f);
	fclose(f);
	assert_int_equal(trace_open(file, DAY, SIZE, &why), -1);
	assert_non_null(strstr(why.text, "not a database"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

struct strip {
	size_t n;
	struct trace_hour hour[4];
};

static bool
keep_hour(void *arg, const struct trace_hour *h)
{
	struct strip *s = arg;

	s->hour[s->n++] = *h;
	return s->n < 4;
}

static void
deliver(const char *smarthost, int64_t when, uint64_t recipients)
{
	struct trace_entry e = { .when = when,
		.day = 20261125,
		.stage = TRACE_DELIVERY,
		.sum = recipients > 0 ? TRACE_NOTHING : TRACE_FAILED,
		.recipients = recipients };

	snprintf(e.smarthost, sizeof(e.smarthost), "%s", smarthost);
	trace_note(&e);
}

static void
what_left_is_summed_by_smarthost_and_hour(void **state)
{
	const int64_t hour = now - now % HOUR;
	struct strip s = { 0 };
	struct why why;

	deliver("b", hour, 1);
	deliver("a", hour - 1, 7);
	deliver("a", hour, 2);
	deliver("a", hour + 1, 3);
	deliver("a", hour + 2, 0);
	assert_true(trace_settle());
	deliver("a", hour + 3, 10);
	assert_true(trace_settle());
	assert_int_equal(trace_hours(hour, keep_hour, &s, &why), 0);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.hour[0].smarthost, "a");
	assert_int_equal(s.hour[0].hour, hour);
	assert_int_equal(s.hour[0].sent, 3);
	assert_int_equal(s.hour[0].recipients, 15);
	assert_int_equal(s.hour[0].failed, 1);
	assert_string_equal(s.hour[1].smarthost, "b");
	assert_int_equal(s.hour[1].sent, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_found_by_whatever_is_known_of_it),
		TEST(a_day_has_the_sum_of_it),
		TEST(what_was_noted_is_there_after_a_restart),
		TEST(a_flood_is_counted_to_the_last_and_displaces_nobody),
		TEST(a_flood_of_made_up_senders_is_counted_to_the_last),
		TEST(the_file_never_outgrows_its_size),
		TEST(what_is_held_is_known_however_full_the_file_is),
		TEST(what_left_is_summed_by_smarthost_and_hour),
		TEST(a_file_of_something_else_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
