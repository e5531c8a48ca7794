/*
 * test_reply.c - the words that a user reads, and the times in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "clock.h"
#include "verdict.h"

#define NOON (INT64_C(1772445600) * SECOND) /* 2026-03-02 10:00:00 UTC */

static struct zone *kyiv;

static int
load(void **state)
{
	struct why why;

	kyiv = zone_load("Europe/Kyiv", &why);
	return kyiv != NULL ? 0 : -1;
}

static int
unload(void **state)
{
	zone_free(&kyiv);
	return 0;
}

static void
a_long_wait_is_told_to_the_next_full_minute(void **state)
{
	char s[80];

	assert_string_equal(verdict_time(NOON + 2 * HOUR + 10 * MINUTE, NOON,
				kyiv, s, sizeof(s)),
	    "14:10 +0200 (in 2h 10m)");
	assert_string_equal(verdict_time(NOON + 2 * HOUR + 9 * MINUTE + 1, NOON,
				kyiv, s, sizeof(s)),
	    "14:10 +0200 (in 2h 10m)");
}

static void
a_short_wait_is_told_to_the_next_full_second(void **state)
{
	char s[80];

	assert_string_equal(verdict_time(NOON + 1, NOON, kyiv, s, sizeof(s)),
	    "12:00:01 +0200 (in 1s)");
	assert_string_equal(
	    verdict_time(NOON + 90 * SECOND, NOON, kyiv, s, sizeof(s)),
	    "12:01:30 +0200 (in 1m 30s)");
}

static void
another_day_is_told_with_its_date(void **state)
{
	char s[80];

	assert_string_equal(
	    verdict_time(NOON + 27 * DAY, NOON, kyiv, s, sizeof(s)),
	    "2026-03-29 13:00 +0300 (in 27d 0h)");
}

static void
no_byte_of_a_key_or_text_reaches_the_wire_unescaped(void **state)
{
	static char name[] = "p",
		    text[] = "line\r\nforged \x1b[31m \xe2\x80\xae";
	const struct policy p = { .name = name, .text = text };
	const struct limit l = {
		.dim = DIM_MESSAGES, .max = 5, .window = { .length = DAY }
	};
	struct outcome o = { .policy = &p,
		.limit = &l,
		.max = 5,
		.again = NOON + HOUR,
		.key = "a\x01\xff\"b@x\n" };

	for (int v = VERDICT_IGNORE; v <= VERDICT_UNAVAILABLE; v++) {
		struct reply r;

		o.verdict = (enum verdict)v;
		verdict_reply(&o, NOON, kyiv, &r);
		for (const char *c = r.text; *c != '\0'; c++)
			assert_true(isprint((unsigned char)*c));
		assert_true(strlen(r.text) < 980);
		if (r.code != NULL) /* both classes agree, RFC 2034 4 */
			assert_int_equal(r.code[0], r.xcode[0]);
	}
}

static void
a_grant_shows_in_the_limit_that_is_told(void **state)
{
	static char name[] = "p", text[] = "";
	const struct policy p = { .name = name, .text = text };
	const struct limit l = {
		.dim = DIM_MESSAGES, .max = 5, .window = { .length = DAY }
	};
	const struct outcome o = { .verdict = VERDICT_REJECT,
		.policy = &p,
		.limit = &l,
		.max = 25,
		.key = "a@b" };
	struct reply r;

	verdict_reply(&o, NOON, kyiv, &r);
	assert_string_equal(
	    r.text, "Sending limit reached: 25 messages in 24h for a@b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_wait_is_told_to_the_next_full_minute),
		cmocka_unit_test(a_short_wait_is_told_to_the_next_full_second),
		cmocka_unit_test(another_day_is_told_with_its_date),
		cmocka_unit_test(
		    no_byte_of_a_key_or_text_reaches_the_wire_unescaped),
		cmocka_unit_test(a_grant_shows_in_the_limit_that_is_told),
	};

	return cmocka_run_group_tests_name("verdict", tests, load, unload);
}
