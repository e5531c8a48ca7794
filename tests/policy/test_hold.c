/* test_hold.c - an account that its provider shut opens again in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "hold.h"

#define NOW INT64_C(1700000000000)

static struct refusal refusal_of(enum refusal_class class)
{
	return (struct refusal){ .class = class,
		.hits = 1,
		.hold = refusal_reaction(class)->hold,
		.probe_first = refusal_reaction(class)->probe_first,
		.probe_every = refusal_reaction(class)->probe_every };
}

static void
a_full_day_shuts_it_once_and_one_message_an_hour_may_try(void **state)
{
	const struct refusal r = refusal_of(REFUSAL_QUOTA_DAY);
	struct hold h = { .why = "" };

	assert_int_equal(hold_state(&h, NOW), HOLD_OPEN);
	assert_int_equal(hold_refused(&h, &r, "550 a", NOW), HOLD_SHUT);
	for (int i = 0; i < 50; i++)
		assert_int_equal(
		    hold_refused(&h, &r, "550 a", NOW + i), HOLD_AS_IT_WAS);
	assert_int_equal(hold_take(&h, NOW + HOUR - 1), HOLD_CLOSED);
	assert_int_equal(hold_take(&h, NOW + HOUR), HOLD_MAY_TRY);
	assert_int_equal(hold_take(&h, NOW + HOUR), HOLD_CLOSED);
	assert_int_equal(
	    hold_refused(&h, &r, "550 a", NOW + HOUR + SECOND), HOLD_LONGER);
	assert_int_equal(hold_take(&h, NOW + 2 * HOUR + SECOND), HOLD_MAY_TRY);
	assert_int_equal(
	    hold_delivered(&h, NOW + 2 * HOUR + 2 * SECOND), HOLD_OPENED);
	assert_int_equal(
	    hold_state(&h, NOW + 2 * HOUR + 2 * SECOND), HOLD_OPEN);
}

static void
it_opens_by_itself_when_the_time_is_over(void **state)
{
	struct refusal r = refusal_of(REFUSAL_QUOTA_HOUR);
	struct hold h = { .why = "" };

	r.until = NOW + 7 * MINUTE;
	assert_int_equal(hold_refused(&h, &r, "421", NOW), HOLD_SHUT);
	assert_int_equal(hold_state(&h, NOW + 7 * MINUTE - 1), HOLD_CLOSED);
	assert_int_equal(hold_state(&h, NOW + 7 * MINUTE), HOLD_OPEN);
}

static void
what_was_under_way_when_the_quota_came_proves_nothing(void **state)
{
	const struct refusal r = refusal_of(REFUSAL_QUOTA_DAY);
	struct hold h = { .why = "" };

	assert_int_equal(hold_refused(&h, &r, "550", NOW), HOLD_SHUT);
	assert_int_equal(hold_delivered(&h, NOW + SECOND), HOLD_AS_IT_WAS);
	assert_int_equal(hold_state(&h, NOW + SECOND), HOLD_CLOSED);
}

static void
a_busy_server_is_left_alone_for_longer_each_time(void **state)
{
	const struct refusal r = refusal_of(REFUSAL_RATE);
	struct hold h = { .why = "" };
	int64_t t = NOW, want = MINUTE;

	for (int i = 0; i < 6; i++) {
		assert_int_equal(hold_refused(&h, &r, "421", t), HOLD_SHUT);
		assert_int_equal(h.until - t, want);
		want = 2 * want < 15 * MINUTE ? 2 * want : 15 * MINUTE;
		t = h.until;
	}
	assert_int_equal(hold_delivered(&h, t), HOLD_AS_IT_WAS);
	assert_int_equal(hold_refused(&h, &r, "421", t + HOUR), HOLD_SHUT);
	assert_int_equal(h.until - t - HOUR, MINUTE);
}

static void
words_that_are_not_the_providers_own_act_at_the_third_message(void **state)
{
	struct refusal r = refusal_of(REFUSAL_QUOTA_HOUR);
	struct hold h = { .why = "" };

	r.hits = 3;
	for (int i = 0; i < 50; i++) /* one message, fifty recipients */
		assert_int_equal(
		    hold_refused(&h, &r, "450", NOW + i), HOLD_AS_IT_WAS);
	assert_int_equal(
	    hold_refused(&h, &r, "450", NOW + MINUTE), HOLD_AS_IT_WAS);
	assert_int_equal(
	    hold_refused(&h, &r, "450", NOW + 20 * MINUTE), HOLD_AS_IT_WAS);
	assert_int_equal(
	    hold_refused(&h, &r, "450", NOW + 21 * MINUTE), HOLD_AS_IT_WAS);
	assert_int_equal(
	    hold_refused(&h, &r, "450", NOW + 22 * MINUTE), HOLD_SHUT);
}

static void
a_suspended_account_waits_for_a_person(void **state)
{
	const struct refusal r = refusal_of(REFUSAL_SUSPENDED);
	struct hold h = { .why = "" };

	assert_int_equal(hold_refused(&h, &r, "550", NOW), HOLD_SHUT);
	assert_int_equal(hold_take(&h, NOW + 300 * DAY), HOLD_CLOSED);
	assert_int_equal(hold_delivered(&h, NOW + DAY), HOLD_AS_IT_WAS);
	hold_open(&h);
	assert_int_equal(hold_take(&h, NOW + DAY), HOLD_OPEN);
}

static void
a_busy_server_shortens_no_full_day(void **state)
{
	const struct refusal day = refusal_of(REFUSAL_QUOTA_DAY);
	const struct refusal rate = refusal_of(REFUSAL_RATE);
	struct hold h = { .why = "" };

	assert_int_equal(hold_refused(&h, &day, "550", NOW), HOLD_SHUT);
	assert_int_equal(
	    hold_refused(&h, &rate, "421", NOW + MINUTE), HOLD_LONGER);
	assert_int_equal(h.until, NOW + DAY);
	assert_int_equal(h.class, REFUSAL_QUOTA_DAY);
	assert_string_equal(h.why, "550");
}

static void
what_a_person_shut_only_a_person_or_its_end_opens(void **state)
{
	const struct refusal r = refusal_of(REFUSAL_RATE);
	struct hold h = { .why = "" };

	hold_by_hand(&h, NOW + DAY, "moving house", NOW);
	assert_int_equal(hold_take(&h, NOW + HOUR), HOLD_CLOSED);
	assert_int_equal(hold_delivered(&h, NOW + HOUR), HOLD_AS_IT_WAS);
	assert_int_equal(
	    hold_refused(&h, &r, "421", NOW + HOUR), HOLD_AS_IT_WAS);
	assert_string_equal(h.why, "moving house");
	assert_int_equal(hold_take(&h, NOW + DAY), HOLD_OPEN);
	/* From then on the provider is heard again. */
	assert_int_equal(hold_refused(&h, &r, "421", NOW + DAY), HOLD_SHUT);
	assert_string_equal(h.why, "421");
	assert_int_equal(hold_take(&h, NOW + DAY), HOLD_CLOSED);
}

static void
the_message_and_the_recipient_shut_nothing(void **state)
{
	static const enum refusal_class classes[] = { REFUSAL_NONE,
		REFUSAL_SENDER, REFUSAL_MESSAGE, REFUSAL_RECIPIENT };

	for (size_t i = 0; i < 4; i++) {
		const struct refusal r = refusal_of(classes[i]);
		struct hold h = { .why = "" };

		assert_int_equal(
		    hold_refused(&h, &r, "550", NOW), HOLD_AS_IT_WAS);
		assert_int_equal(hold_state(&h, NOW), HOLD_OPEN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_full_day_shuts_it_once_and_one_message_an_hour_may_try),
		cmocka_unit_test(it_opens_by_itself_when_the_time_is_over),
		cmocka_unit_test(
		    what_was_under_way_when_the_quota_came_proves_nothing),
		cmocka_unit_test(
		    a_busy_server_is_left_alone_for_longer_each_time),
		cmocka_unit_test(
		    words_that_are_not_the_providers_own_act_at_the_third_message),
		cmocka_unit_test(a_suspended_account_waits_for_a_person),
		cmocka_unit_test(a_busy_server_shortens_no_full_day),
		cmocka_unit_test(
		    what_a_person_shut_only_a_person_or_its_end_opens),
		cmocka_unit_test(the_message_and_the_recipient_shut_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
