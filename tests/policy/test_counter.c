/*
 * test_counter.c - a counter outlives reloads and restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "counter.h"
#include "quota.h"
#include "random.h"

#define T0 (INT64_C(1774742400) * SECOND)

#define ROLL(d, m, ms)                                                         \
	{                                                                      \
		.dim = d, .max = m, .window = {.length = ms }                  \
	}
#define CAL(d, m, p)                                                           \
	{                                                                      \
		.dim = d, .max = m, .window = {.calendar = true, .period = p } \
	}

static struct zone *utc;
static char name[] = "staff";

static const struct policy full = { .name = name,
	.nlimit = 5,
	.limit = { ROLL(DIM_MESSAGES, 500, DAY),
	    ROLL(DIM_MESSAGES, 30, 10 * MINUTE),
	    CAL(DIM_BYTES, 2000000000, PERIOD_DAY), ROLL(DIM_UNIQUE, 1000, DAY),
	    CAL(DIM_UNIQUE, 5000, PERIOD_WEEK) } };

/* A counter with a life behind it. */
static struct counter *
lived(uint64_t *rnd, int64_t *now)
{
	struct counter *c = counter_new(&full);
	size_t rounds = random_below(rnd, 60);

	assert_non_null(c);
	c->locked_until = (int64_t)random_below(rnd, 3) * *now;
	for (size_t i = random_below(rnd, COUNTER_GRANTS + 1); i > 0; i--) {
		struct grant g = { (enum dimension)random_below(rnd, DIM_COUNT),
			random_next(rnd), *now + 1,
			(int64_t)random_below(rnd, 100000) };

		assert_int_equal(counter_grant(c, &g, *now), 0);
	}
	for (size_t r = 0; r < rounds; r++) {
		*now += (int64_t)random_below(rnd, (uint64_t)HOUR);
		for (size_t i = 0; i < c->nslot; i++) {
			struct slot *s = &c->slot[i];
			uint64_t d = random_below(rnd, 100);

			s->warned = (uint8_t)random_below(rnd, 3);
			if (s->dim != DIM_UNIQUE) {
				window_add(&s->sum,
				    random_next(rnd) >> (8 + d % 56), *now,
				    utc);
				continue;
			}
			assert_int_equal(counter_reserve(c, 1, *now), 0);
			recipient_set_add(&s->uniq, &d, 1, *now, utc);
		}
	}
	return c;
}

static void
same_window(const struct window *a, const struct window *b)
{
	assert_true(window_spec_equal(&a->spec, &b->spec));
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct bucket *x =
		    &a->bucket[(a->head + i) % (WINDOW_BUCKETS + 1)];
		const struct bucket *y =
		    &b->bucket[(b->head + i) % (WINDOW_BUCKETS + 1)];

		assert_int_equal(x->last, y->last);
		assert_int_equal(x->count, y->count);
	}
}

static void
same_set(const struct recipient_set *a, const struct recipient_set *b)
{
	assert_true(window_spec_equal(&a->spec, &b->spec));
	assert_int_equal(a->used, b->used);
	assert_int_equal(a->end, b->end);
	for (size_t i = 0; i < a->size; i++) {
		bool found = a->slot[i].last == RECIPIENT_SET_FREE;

		for (size_t k = 0; k < b->size && !found; k++)
			found = b->slot[k].last == a->slot[i].last &&
				b->slot[k].digest == a->slot[i].digest;
		assert_true(found);
	}
	if (a->used > 0) {
		assert_int_equal(a->oldest, b->oldest);
		assert_true(b->newest >= b->oldest);
	}
}

static void
same_counter(const struct counter *a, const struct counter *b)
{
	assert_int_equal(a->locked_until, b->locked_until);
	assert_int_equal(a->updated, b->updated);
	assert_int_equal(a->reset, b->reset);
	assert_int_equal(a->ngrant, b->ngrant);
	for (size_t i = 0; i < a->ngrant; i++) {
		assert_int_equal(a->grant[i].dim, b->grant[i].dim);
		assert_int_equal(a->grant[i].extra, b->grant[i].extra);
		assert_int_equal(a->grant[i].until, b->grant[i].until);
		assert_int_equal(a->grant[i].window, b->grant[i].window);
	}
	assert_int_equal(a->nslot, b->nslot);
	for (size_t i = 0; i < a->nslot; i++) {
		assert_int_equal(a->slot[i].dim, b->slot[i].dim);
		assert_int_equal(a->slot[i].warned, b->slot[i].warned);
		assert_int_equal(a->slot[i].named, b->slot[i].named);
		if (a->slot[i].dim == DIM_UNIQUE)
			same_set(&a->slot[i].uniq, &b->slot[i].uniq);
		else
			same_window(&a->slot[i].sum, &b->slot[i].sum);
	}
}

static void
a_counter_comes_back_from_its_bytes_unchanged(void **state)
{
	uint64_t rnd = random_seed("pack", 51);

	for (size_t r = random_rounds(3000); r > 0; r--) {
		int64_t now = T0;
		struct counter *c = lived(&rnd, &now), *back;
		size_t len = counter_pack(c, NULL, 0);
		uint8_t *bytes = malloc(len);
		struct why why = WHY_NONE;

		assert_non_null(bytes);
		memset(bytes, 0xaa, len);
		assert_int_equal(counter_pack(c, bytes, len - 1), len);
		assert_int_equal(bytes[0], 0xaa);
		assert_int_equal(counter_pack(c, bytes, len), len);
		back = counter_unpack(bytes, len, &why);
		assert_non_null(back);
		same_counter(c, back);
		counter_free(&back);
		counter_free(&c);
		free(bytes);
	}
}

static void
damaged_bytes_are_refused_or_make_a_sound_counter(void **state)
{
	uint64_t rnd = random_seed("damage", 52);
	size_t refused = 0;

	for (size_t r = random_rounds(20000); r > 0; r--) {
		int64_t now = T0;
		struct counter *c = lived(&rnd, &now), *back;
		static uint8_t bytes[65536];
		size_t len = counter_pack(c, bytes, sizeof(bytes));
		struct why why = WHY_NONE;

		counter_free(&c);
		if (random_percent(&rnd, 50))
			len = random_below(&rnd, len);
		for (size_t i = random_below(&rnd, 4); i > 0 && len > 0; i--)
			bytes[random_below(&rnd, len)] =
			    (uint8_t)random_next(&rnd);
		back = counter_unpack(bytes, len, &why);
		if (back == NULL) {
			assert_true(why.text[0] != '\0');
			refused++;
			continue;
		}
		assert_int_equal(counter_reserve(back, 3, now), 0);
		counter_idle(back, now);
		counter_free(&back);
	}
	assert_true(refused > 0);
}

static void
a_cut_or_longer_record_is_refused(void **state)
{
	uint64_t rnd = 1;
	int64_t now = T0;
	struct counter *c = lived(&rnd, &now);
	static uint8_t bytes[65536];
	size_t len = counter_pack(c, bytes, sizeof(bytes));
	struct why why;

	for (size_t n = 0; n < len; n++)
		assert_null(counter_unpack(bytes, n, &why));
	assert_null(counter_unpack(bytes, len + 1, &why));
	bytes[0] = 1;
	assert_null(counter_unpack(bytes, len, &why));
	assert_non_null(strstr(why.text, "unknown version"));
	counter_free(&c);
}

/* One rolling hour with two buckets: at 5, and so much later. */
static bool
two_buckets_are_taken(uint8_t later)
{
	const uint8_t bytes[] = { 3, 0, 0, 0, 0, 1, DIM_MESSAGES, 0, 0, 0, 0x80,
		0xdd, 0xdb, 0x01, 2, 5, 1, later, 1 };
	struct why why;
	struct counter *c = counter_unpack(bytes, sizeof(bytes), &why);
	bool taken = c != NULL;

	counter_free(&c);
	return taken;
}

static void
buckets_out_of_order_are_damage(void **state)
{
	assert_true(two_buckets_are_taken(1));
	assert_false(two_buckets_are_taken(0));
}

static void
spend(struct counter **c, const struct policy *p, uint64_t messages,
    const uint64_t *rcpt, size_t nrcpt, int64_t now)
{
	struct bill b = { .now = now, .zone = utc, .nline = 1, .ncommon = 1 };
	struct decision d;

	b.line[0] = (struct bill_line){ .policy = p,
		.key = "a",
		.cost = { [DIM_MESSAGES] = messages, [DIM_BYTES] = 100 },
		.rcpt = rcpt,
		.nrcpt = nrcpt };
	assert_int_equal(counter_reserve(*c, nrcpt, now), 0);
	quota_decide(&b, c, &d);
	assert_true(d.fits);
	quota_spend(&b, c, &d);
}

static uint64_t
used(const struct policy *p, const struct counter *c, size_t i, int64_t now)
{
	uint64_t n, max;

	quota_usage(p, c, i, now, &n, &max);
	return n;
}

static void
a_changed_policy_forgets_nothing_that_matters(void **state)
{
	static const struct policy changed = { .name = name,
		.nlimit = 5,
		.limit = { ROLL(DIM_RECIPIENTS, 9, DAY),
		    CAL(DIM_UNIQUE, 5000, PERIOD_DAY),
		    ROLL(DIM_MESSAGES, 300, HOUR),
		    ROLL(DIM_MESSAGES, 99, 10 * MINUTE),
		    CAL(DIM_BYTES, 7, PERIOD_DAY) } };
	struct counter *c = counter_new(&full), *same;
	struct grant g = { DIM_BYTES, 1, T0 + DAY, 0 };
	uint64_t rcpt[] = { 1, 2, 3 };
	int64_t now = T0 + 5 * HOUR;

	assert_non_null(c);
	assert_int_equal(counter_grant(c, &g, T0), 0);
	c->locked_until = 77;
	c->slot[1].warned = 2;
	spend(&c, &full, 5, rcpt, 3, T0 - 2 * HOUR);
	spend(&c, &full, 7, rcpt, 2, T0 + 270 * MINUTE);
	spend(&c, &full, 1, rcpt, 1, now);
	same = c;
	assert_int_equal(counter_adapt(&c, &full, now, utc), 0);
	assert_ptr_equal(c, same);
	assert_int_equal(counter_adapt(&c, &changed, now, utc), 0);
	assert_int_equal(c->locked_until, 77);
	assert_int_equal(c->ngrant, 1);
	assert_int_equal(used(&changed, c, 0, now), 0);
	assert_int_equal(used(&changed, c, 1, now), 2); /* from the week */
	assert_int_equal(used(&changed, c, 2, now), 8); /* from 24h */
	assert_int_equal(used(&changed, c, 3, now), 1);
	assert_int_equal(used(&changed, c, 4, now), 200);
	assert_int_equal(c->slot[2].warned, 0);
	counter_free(&c);
}

/* The counter that two configurations use in turn. */
static const struct policy by_day = {
	.name = name, .nlimit = 1, .limit = { ROLL(DIM_MESSAGES, 9, DAY) }
};
static const struct policy by_hour = {
	.name = name, .nlimit = 1, .limit = { ROLL(DIM_MESSAGES, 9, HOUR) }
};

static void
charged_by(struct counter **c, const struct policy *p, int64_t now)
{
	assert_int_equal(counter_adapt(c, p, now, utc), 0);
	spend(c, p, 1, NULL, 0, now);
}

static void
two_configurations_in_turn_forget_nothing(void **state)
{
	struct counter *c = counter_new(&by_day);

	assert_non_null(c);
	for (int i = 0; i < 8; i++)
		charged_by(
		    &c, i % 2 == 0 ? &by_day : &by_hour, T0 + i * 2 * HOUR);
	assert_int_equal(
	    counter_adapt(&c, &by_day, T0 + 15 * HOUR - 1, utc), 0);
	assert_int_equal(used(&by_day, c, 0, T0 + 15 * HOUR - 1), 8);
	assert_int_equal(
	    counter_adapt(&c, &by_hour, T0 + 15 * HOUR - 1, utc), 0);
	assert_int_equal(used(&by_hour, c, 0, T0 + 15 * HOUR - 1), 1);
	counter_free(&c);
}

/* Whoever has the limit by day may refuse all the time, and write nothing. */
static void
a_limit_that_nobody_names_is_kept_while_others_spend(void **state)
{
	struct counter *c = counter_new(&by_day);
	int64_t now = T0;

	assert_non_null(c);
	charged_by(&c, &by_day, now);
	for (; now < T0 + 32 * DAY; now += HOUR)
		charged_by(&c, &by_hour, now);
	assert_int_equal(c->nslot, 2);
	charged_by(&c, &by_hour, now);
	assert_int_equal(c->nslot, 1);
	counter_free(&c);
}

static void
a_limit_that_nobody_names_is_forgotten_if_nothing_is_lost(void **state)
{
	struct counter *c = counter_new(&by_hour);

	/* What it knows, the day knows. */
	assert_non_null(c);
	charged_by(&c, &by_hour, T0);
	charged_by(&c, &by_day, T0 + HOUR - 1);
	assert_int_equal(c->nslot, 2);
	charged_by(&c, &by_day, T0 + HOUR);
	assert_int_equal(c->nslot, 1);
	/* It is empty. */
	charged_by(&c, &by_hour, T0 + 2 * HOUR);
	assert_int_equal(c->nslot, 2);
	charged_by(&c, &by_hour, T0 + 26 * HOUR);
	assert_int_equal(c->nslot, 1);
	counter_free(&c);
}

static void
a_day_and_half_a_day_make_twenty_four_hours(void **state)
{
	static const struct policy was = { .name = name,
		.nlimit = 2,
		.limit = { CAL(DIM_MESSAGES, 500, PERIOD_DAY),
		    ROLL(DIM_MESSAGES, 400, 12 * HOUR) } };
	static const struct policy is = { .name = name,
		.nlimit = 2,
		.limit = { CAL(DIM_MESSAGES, 500, PERIOD_DAY),
		    ROLL(DIM_MESSAGES, 400, DAY) } };
	struct counter *c = counter_new(&was);
	const int64_t midnight = T0 + DAY - T0 % DAY;

	assert_non_null(c);
	spend(&c, &was, 400, NULL, 0, midnight - HOUR);
	assert_int_equal(
	    counter_adapt(&c, &is, midnight + 10 * MINUTE, utc), 0);
	assert_int_equal(used(&is, c, 0, midnight + 10 * MINUTE), 0);
	assert_int_equal(used(&is, c, 1, midnight + 10 * MINUTE), 400);
	counter_free(&c);
}

static void
a_reset_forgets_all_but_the_grants(void **state)
{
	uint64_t rcpt[] = { 1, 2 };
	struct counter *c = counter_new(&full);
	struct grant g = { DIM_MESSAGES, 5, T0 + DAY, 0 };

	assert_non_null(c);
	assert_true(counter_idle(c, T0));
	spend(&c, &full, 1, rcpt, 2, T0);
	assert_false(counter_idle(c, T0));
	assert_false(counter_idle(c, T0 + DAY - 1));
	assert_true(counter_idle(c, T0 + DAY));
	c->locked_until = T0 + HOUR;
	counter_grant(c, &g, T0);
	counter_reset(c, T0);
	assert_int_equal(c->locked_until, 0);
	for (size_t i = 0; i < full.nlimit; i++)
		assert_int_equal(used(&full, c, i, T0), 0);
	assert_int_equal(c->ngrant, 1);
	assert_false(counter_idle(c, T0));
	assert_true(counter_idle(c, T0 + DAY));
	c->locked_until = T0 + 2 * DAY;
	assert_false(counter_idle(c, T0 + DAY));
	counter_free(&c);
	counter_free(&c);
}

static void
a_full_list_of_grants_drops_one_that_has_expired(void **state)
{
	struct counter *c = counter_new(&full);
	struct grant g = { DIM_MESSAGES, 1, T0 + HOUR, 0 };

	assert_non_null(c);
	for (size_t i = 0; i < COUNTER_GRANTS; i++)
		assert_int_equal(counter_grant(c, &g, T0), 0);
	assert_int_equal(counter_grant(c, &g, T0), -1);
	assert_int_equal(counter_grant(c, &g, T0 + HOUR), 0);
	counter_free(&c);
}

static int
setup(void **state)
{
	struct why why;

	utc = zone_load("UTC", &why);
	return utc == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	zone_free(&utc);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_comes_back_from_its_bytes_unchanged),
		cmocka_unit_test(
		    damaged_bytes_are_refused_or_make_a_sound_counter),
		cmocka_unit_test(a_cut_or_longer_record_is_refused),
		cmocka_unit_test(buckets_out_of_order_are_damage),
		cmocka_unit_test(a_changed_policy_forgets_nothing_that_matters),
		cmocka_unit_test(two_configurations_in_turn_forget_nothing),
		cmocka_unit_test(
		    a_limit_that_nobody_names_is_kept_while_others_spend),
		cmocka_unit_test(
		    a_limit_that_nobody_names_is_forgotten_if_nothing_is_lost),
		cmocka_unit_test(a_day_and_half_a_day_make_twenty_four_hours),
		cmocka_unit_test(a_reset_forgets_all_but_the_grants),
		cmocka_unit_test(
		    a_full_list_of_grants_drops_one_that_has_expired),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
