/*
 * test_limit.c - limits as they are written, and as they are read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "limit.h"
#include "random.h"

static void
a_limit_reads_as_a_sentence(void **state)
{
	static const struct {
		const char *text;
		enum dimension dim;
		const char *words;
	} good[] = { { "500/24h", DIM_MESSAGES, "500 messages in 24h" },
		{ "2000/day", DIM_RECIPIENTS, "2000 recipients a day" },
		{ "2k/day", DIM_RECIPIENTS, "2000 recipients a day" },
		{ "1/10m", DIM_MESSAGES, "1 message in 10m" },
		{ "1000/24h", DIM_UNIQUE, "1000 different recipients in 24h" },
		{ "2G/day", DIM_BYTES, "2G bytes a day" },
		{ "1500k/hour", DIM_BYTES, "1500k bytes an hour" },
		{ "1234/week", DIM_BYTES, "1234 bytes a week" },
		{ "0/month", DIM_MESSAGES, "0 messages a month" },
		{ "7/86400s", DIM_MESSAGES, "7 messages in 24h" },
		{ "7/7d", DIM_MESSAGES, "7 messages in 7d" },
		{ "7/36h", DIM_MESSAGES, "7 messages in 36h" },
		{ "7/90s", DIM_MESSAGES, "7 messages in 90s" },
		{ "7/1s", DIM_MESSAGES, "7 messages in 1s" },
		{ "7/31d", DIM_MESSAGES, "7 messages in 31d" },
		{ "18446744073709551615/2678399s", DIM_UNIQUE,
		    "18446744073709551615 different recipients in 2678399s" } };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char words[LIMIT_TEXT];
		struct why why;
		struct limit l;

		assert_int_equal(
		    limit_parse(good[i].text, good[i].dim, &l, &why), 0);
		assert_string_equal(
		    limit_text(&l, words, sizeof(words)), good[i].words);
	}
}

static void
what_is_no_limit_is_refused_with_words(void **state)
{
	static const char *const bad[] = { "", "/", "500", "500/", "/24h",
		"500/0", "500/0s", "500/0h", "500/32d", "500/2678401s",
		"500/24", "500/24H", "500/d", "500/-1h", "-500/24h", "+500/24h",
		" 500/24h", "500 /24h", "500/ 24h", "500/24h ", "500/24h/24h",
		"5.5/24h", "500K/24h", "500g/24h", "500kk/24h", "500/fortnight",
		"500/Day", "500/days", "0x10/24h", "18446744073709551616/24h",
		"18446744073709551615k/24h", "99999999999999999999999/24h",
		"20000000000G/24h", "500/99999999999999999999h",
		"500/9223372036854775807d", "500/1w", "500/1500ms", "k/24h" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct why why = WHY_NONE;
		struct limit l;

		assert_int_equal(
		    limit_parse(bad[i], DIM_MESSAGES, &l, &why), -1);
		assert_true(why.text[0] != '\0');
		assert_non_null(strstr(why.text, "want "));
	}
}

static void
a_missed_limit_is_told_how_to_write_one(void **state)
{
	struct why why;
	struct limit l;

	limit_parse("lots", DIM_MESSAGES, &l, &why);
	assert_string_equal(
	    why.text, "want COUNT/WINDOW such as 500/24h or 2G/day");
	limit_parse("5/90d", DIM_MESSAGES, &l, &why);
	assert_string_equal(
	    why.text, "want a window of at least 1s and at most 31d");
}

static void
a_span_is_a_number_and_a_unit(void **state)
{
	struct why why;
	int64_t ms;

	assert_int_equal(duration_parse("0", &ms, &why), 0);
	assert_int_equal(ms, 0);
	assert_int_equal(duration_parse("0s", &ms, &why), 0);
	assert_int_equal(ms, 0);
	assert_int_equal(duration_parse("90s", &ms, &why), 0);
	assert_int_equal(ms, 90 * SECOND);
	assert_int_equal(duration_parse("24h", &ms, &why), 0);
	assert_int_equal(ms, DAY);
	assert_int_equal(duration_parse("3650d", &ms, &why), 0);
	assert_int_equal(ms, 3650 * DAY);
	assert_int_equal(duration_parse("3651d", &ms, &why), -1);
	assert_int_equal(duration_parse("5", &ms, &why), -1);
	assert_int_equal(duration_parse("", &ms, &why), -1);
	assert_int_equal(duration_parse("s", &ms, &why), -1);
	assert_int_equal(duration_parse("1h30m", &ms, &why), -1);
}

static void
the_text_of_a_window_parses_to_the_same(void **state)
{
	uint64_t rnd = random_seed("windows", 41);

	for (size_t i = random_rounds(100000); i > 0; i--) {
		struct window_spec spec = { .calendar =
						random_percent(&rnd, 10) };
		char text[32], limit[64];
		struct why why;
		struct limit l;

		if (spec.calendar)
			spec.period = (enum period)random_below(&rnd, 4);
		else
			spec.length =
			    (1 + (int64_t)random_below(&rnd, 2678400)) * SECOND;
		if (!spec.calendar && random_percent(&rnd, 50))
			spec.length = spec.length / HOUR * HOUR + HOUR;
		if (spec.length > WINDOW_MAX)
			continue;
		window_spec_text(&spec, text, sizeof(text));
		snprintf(limit, sizeof(limit), "1/%s", text);
		assert_int_equal(limit_parse(limit, DIM_MESSAGES, &l, &why), 0);
		assert_true(window_spec_equal(&l.window, &spec));
	}
}

static void
every_name_of_a_policy_leads_back_to_itself(void **state)
{
	for (int i = 0; i < DIM_COUNT; i++)
		assert_int_equal(
		    enum_from_name(dimension_words, dimension_words[i]), i);
	for (int i = PER_ACCOUNT; i <= PER_EVERYONE; i++)
		assert_int_equal(enum_from_name(per_words, per_words[i]), i);
	for (int i = OVER_DEFER; i <= OVER_OBSERVE; i++)
		assert_int_equal(
		    enum_from_name(when_over_words, when_over_words[i]), i);
	assert_int_equal(enum_from_name(dimension_words, "unique"), -1);
	assert_int_equal(enum_from_name(per_words, ""), -1);
	assert_int_equal(enum_from_name(when_over_words, "DEFER"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_reads_as_a_sentence),
		cmocka_unit_test(what_is_no_limit_is_refused_with_words),
		cmocka_unit_test(a_missed_limit_is_told_how_to_write_one),
		cmocka_unit_test(a_span_is_a_number_and_a_unit),
		cmocka_unit_test(the_text_of_a_window_parses_to_the_same),
		cmocka_unit_test(every_name_of_a_policy_leads_back_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
