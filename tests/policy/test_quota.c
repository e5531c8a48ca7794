/*
 * test_quota.c - the engine against the oracle, and against itself in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "oracle.h"
#include "random.h"

#define T0 (INT64_C(1774742400) * SECOND) /* 2026-03-29 00:00 UTC */
#define KEYS 3

#define ROLL(d, m, ms)                                                         \
	{                                                                      \
		.dim = d, .max = m, .window = {.length = ms }                  \
	}
#define CAL(d, m, p)                                                           \
	{                                                                      \
		.dim = d, .max = m, .window = {.calendar = true, .period = p } \
	}

static struct zone *berlin;

/* The policies of the walk: every dimension, every kind of window. */
static char names[][8] = { "staff", "all", "uniq", "cal", "watch", "host",
	"none" };
static char empty[] = "";
static const struct policy policies[] = {
	{ .name = names[0],
	    .nlimit = 3,
	    .nwarn = 2,
	    .warn_at = { 50, 80 },
	    .limit = { ROLL(DIM_MESSAGES, 6, 7 * SECOND),
		ROLL(DIM_RECIPIENTS, 30, MINUTE),
		ROLL(DIM_BYTES, 20000, 31 * SECOND) },
	    .text = empty },
	{ .name = names[1],
	    .nlimit = 2,
	    .nwarn = 1,
	    .warn_at = { 90 },
	    .limit = { ROLL(DIM_MESSAGES, 25, MINUTE),
		CAL(DIM_BYTES, 150000, PERIOD_HOUR) },
	    .lockout = 20 * SECOND,
	    .text = empty },
	{ .name = names[2],
	    .nlimit = 2,
	    .nwarn = 3,
	    .warn_at = { 3, 60, 100 },
	    .limit = { ROLL(DIM_UNIQUE, 8, 45 * SECOND),
		CAL(DIM_UNIQUE, 12, PERIOD_DAY) },
	    .text = empty },
	{ .name = names[3],
	    .nlimit = 2,
	    .limit = { CAL(DIM_MESSAGES, 30, PERIOD_DAY),
		CAL(DIM_RECIPIENTS, 40, PERIOD_HOUR) },
	    .text = empty },
	{ .name = names[4],
	    .nlimit = 2,
	    .when_over = OVER_OBSERVE,
	    .nwarn = 1,
	    .warn_at = { 100 },
	    .lockout = MINUTE,
	    .limit = { ROLL(DIM_MESSAGES, 3, 11 * SECOND),
		ROLL(DIM_UNIQUE, 4, 13 * SECOND) },
	    .text = empty },
	{ .name = names[5],
	    .nlimit = 2,
	    .nwarn = 1,
	    .warn_at = { 75 },
	    .lockout = 20 * SECOND,
	    .limit = { ROLL(DIM_RECIPIENTS, 15, 17 * SECOND),
		ROLL(DIM_UNIQUE, 9, 29 * SECOND) },
	    .text = empty },
	{ .name = names[6],
	    .nlimit = 1,
	    .limit = { ROLL(DIM_BYTES, 0, HOUR) },
	    .text = empty },
};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))
static const char *const keys[KEYS] = { "a@office.example", "b@office.example",
	"*" };

struct world {
	uint64_t rnd;
	int64_t now;
	struct counter *counter[POLICIES][KEYS];
	struct oracle oracle;
	size_t charged, refused, compared;
};

struct made {
	struct bill bill;
	struct counter *counter[BILL_LINES];
	size_t policy[BILL_LINES], key[BILL_LINES];
	uint64_t rcpt[8];
};

static void
world_free(struct world *w)
{
	for (size_t p = 0; p < POLICIES; p++)
		for (size_t k = 0; k < KEYS; k++)
			counter_free(&w->counter[p][k]);
	oracle_free(&w->oracle);
}

static void
some_line(struct world *w, struct made *m, size_t p, size_t k)
{
	struct bill *b = &m->bill;
	struct bill_line *l = &b->line[b->nline];
	size_t nrcpt = random_below(&w->rnd, 5);

	*l = (struct bill_line){ .policy = &policies[p], .key = keys[k] };
	if (nrcpt > 0) {
		l->cost[DIM_MESSAGES] = 1;
		l->cost[DIM_RECIPIENTS] = nrcpt;
		l->cost[DIM_BYTES] = random_below(&w->rnd, 6000);
		l->rcpt = m->rcpt;
		l->nrcpt = nrcpt;
	}
	if (random_percent(&w->rnd, 1))
		l->cost[DIM_RECIPIENTS] = 60;
	l->observed = random_percent(&w->rnd, 4);
	l->asked = b->nchoice > 0 && random_percent(&w->rnd, 40);
	m->policy[b->nline] = p;
	m->key[b->nline] = k;
	m->counter[b->nline] = w->counter[p][k];
	b->nline++;
}

/* Different recipients out of twenty. */
static void
some_recipients(struct world *w, struct made *m)
{
	for (size_t i = 0; i < 8; i++)
		m->rcpt[i] = i * 1000003 + random_below(&w->rnd, 3);
}

static void
some_bill(struct world *w, struct made *m)
{
	struct bill *b = &m->bill;

	memset(m, 0, sizeof(*m));
	some_recipients(w, m);
	b->now = w->now;
	b->zone = berlin;
	b->spread = random_percent(&w->rnd, 50);
	for (size_t p = 0; p < 5; p++)
		if (random_percent(&w->rnd, 40))
			some_line(w, m, p, random_below(&w->rnd, KEYS));
	if (random_percent(&w->rnd, 2))
		some_line(w, m, 6, 0);
	b->ncommon = b->nline;
	b->nchoice = random_below(&w->rnd, 4);
	for (size_t c = 0; c < b->nchoice; c++) {
		b->choice[c].first = b->nline;
		b->choice[c].smarthost = keys[c];
		b->choice[c].last = random_percent(&w->rnd, 25);
		if (random_percent(&w->rnd, 90))
			some_line(w, m, 5, c);
		b->choice[c].n = b->nline - b->choice[c].first;
	}
}

static void
same_warnings(const struct decision *d, const struct oracle_answer *a,
    const struct bill *b)
{
	assert_int_equal(d->nwarning, a->nwarning);
	for (size_t i = 0; i < d->nwarning; i++) {
		const struct warning *x = &d->warning[i];
		bool found = false;

		for (size_t k = 0; k < a->nwarning; k++)
			found =
			    found || (a->warning[k].line == x->line &&
					 a->warning[k].limit == x->limit &&
					 a->warning[k].percent == x->percent &&
					 a->warning[k].used == x->used &&
					 a->warning[k].max == x->max);
		assert_true(found);
		assert_true(x->line < b->nline);
	}
}

static void
same_answer(const struct bill *b, const struct decision *d,
    const struct oracle_answer *a)
{
	assert_int_equal(d->fits, a->fits);
	assert_int_equal(d->fits, d->shortfall.what == SHORT_NOTHING);
	if (d->fits && b->nchoice > 0)
		assert_int_equal(d->choice, a->choice);
	if (d->fits)
		assert_int_equal(
		    d->observed.what != SHORT_NOTHING, a->observed);
	if (!d->fits && a->again_known) {
		assert_int_equal(d->shortfall.again, a->again);
		if (d->shortfall.what == SHORT_NEVER)
			assert_true(a->again == NEVER);
	}
}

static void
charge(struct world *w, struct made *m)
{
	struct oracle_answer a;
	struct decision d;
	bool again = random_percent(&w->rnd, 5);

	quota_decide(&m->bill, m->counter, &d);
	if (d.fits) {
		for (size_t i = 0; i < m->bill.nline; i++) {
			struct counter **c =
			    &w->counter[m->policy[i]][m->key[i]];

			if (*c == NULL)
				*c = counter_new(m->bill.line[i].policy);
			assert_non_null(*c);
			m->counter[i] = *c;
			if (oracle_applies(&m->bill, d.choice, i) &&
			    !m->bill.line[i].asked && m->bill.line[i].nrcpt > 0)
				assert_int_equal(
				    0, counter_reserve(
					   *c, m->bill.line[i].nrcpt, w->now));
		}
		quota_spend(&m->bill, m->counter, &d);
		w->charged++;
	} else {
		quota_lock(&m->bill, m->counter, &d);
		w->refused++;
	}
	oracle_charge(&w->oracle, &m->bill, again, &a);
	same_answer(&m->bill, &d, &a);
	if (d.fits)
		same_warnings(&d, &a, &m->bill);
	w->compared += again && !d.fits;
}

static void
preview(struct world *w, struct made *m)
{
	struct oracle_answer a;
	struct decision d;

	quota_decide(&m->bill, m->counter, &d);
	oracle_decide(&w->oracle, &m->bill, random_percent(&w->rnd, 20), &a);
	same_answer(&m->bill, &d, &a);
}

static void
grant_or_reset(struct world *w)
{
	size_t p = random_below(&w->rnd, POLICIES);
	size_t k = random_below(&w->rnd, KEYS);
	struct counter **c = &w->counter[p][k];
	struct grant g = {
		.dim = (enum dimension)random_below(&w->rnd, DIM_COUNT),
		.extra = random_below(&w->rnd, 10),
		.until = w->now + 1 +
			 (int64_t)random_below(&w->rnd, 30 * (uint64_t)SECOND),
	};

	if (*c == NULL)
		return;
	if (random_percent(&w->rnd, 30)) {
		counter_reset(*c, w->now);
		oracle_reset(&w->oracle, &policies[p], keys[k]);
		return;
	}
	assert_int_equal(counter_grant(*c, &g, w->now) == 0,
	    oracle_grant(&w->oracle, &policies[p], keys[k], &g, w->now));
}

static void
same_usage(struct world *w)
{
	size_t p = random_below(&w->rnd, POLICIES);
	size_t k = random_below(&w->rnd, KEYS);
	struct oracle_counter *c =
	    oracle_counter(&w->oracle, &policies[p], keys[k]);

	for (size_t i = 0; i < policies[p].nlimit; i++) {
		uint64_t used, max;

		quota_usage(
		    &policies[p], w->counter[p][k], i, w->now, &used, &max);
		assert_int_equal(used,
		    oracle_used(&w->oracle, &policies[p], keys[k], i, w->now));
		assert_int_equal(max, oracle_max(&policies[p], c, i, w->now));
	}
}

/* A counter is put away and comes back as bytes. */
static void
through_the_disk(struct world *w)
{
	struct counter **c = &w->counter[random_below(&w->rnd, POLICIES)]
					[random_below(&w->rnd, KEYS)];
	struct why why = WHY_NONE;
	uint8_t bytes[8192];
	size_t len;

	if (*c == NULL)
		return;
	len = counter_pack(*c, bytes, sizeof(bytes));
	assert_true(len <= sizeof(bytes));
	counter_free(c);
	*c = counter_unpack(bytes, len, &why);
	assert_non_null(*c);
}

static void
pass_time(struct world *w, bool steps)
{
	uint64_t dice = random_below(&w->rnd, 1000);
	int64_t some = (int64_t)random_below(&w->rnd, 2 * (uint64_t)SECOND);

	if (dice < 300)
		return;
	if (dice < 980)
		w->now += some;
	else if (dice < 990)
		w->now += some * 60;
	else if (dice < 992)
		w->now += some * 7200;
	else if (steps)
		w->now -= dice < 998 ? some * 10 : some * 4000;
}

static void
walk(bool steps, size_t rounds, uint64_t seed)
{
	struct world w = { .rnd = seed, .now = T0 };
	struct made m;

	for (size_t i = 0; i < rounds; i++) {
		uint64_t dice = random_below(&w.rnd, 100);

		pass_time(&w, steps);
		some_bill(&w, &m);
		if (dice < 80)
			charge(&w, &m);
		else if (dice < 92)
			preview(&w, &m);
		else if (dice < 95)
			grant_or_reset(&w);
		else if (dice < 96)
			through_the_disk(&w);
		else
			same_usage(&w);
	}
	printf("  %zu charged, %zu refused, %zu times compared\n", w.charged,
	    w.refused, w.compared);
	world_free(&w);
}

static void
the_engine_agrees_with_the_oracle(void **state)
{
	walk(false, random_rounds(500000), random_seed("monotonic", 1));
}

static void
the_engine_agrees_with_the_oracle_when_clocks_step_back(void **state)
{
	walk(true, random_rounds(500000), random_seed("stepping", 2));
}

/* A refused bill fits at the time it is told, and not 1 ms before. */
static void
the_next_time_is_exact(void **state)
{
	struct world w = { .rnd = random_seed("times", 3), .now = T0 };
	size_t seen = 0;

	for (size_t i = random_rounds(100000); i > 0; i--) {
		struct made m;
		struct decision d, at;

		pass_time(&w, false);
		some_bill(&w, &m);
		charge(&w, &m);
		for (size_t n = 0; n < m.bill.nline; n++)
			m.counter[n] = w.counter[m.policy[n]][m.key[n]];
		if (random_percent(&w.rnd, 3))
			grant_or_reset(&w);
		quota_decide(&m.bill, m.counter, &d);
		if (d.fits || d.shortfall.again == NEVER)
			continue;
		seen++;
		m.bill.now = d.shortfall.again;
		quota_decide(&m.bill, m.counter, &at);
		assert_true(at.fits);
		m.bill.now--;
		quota_decide(&m.bill, m.counter, &at);
		assert_false(at.fits);
		assert_int_equal(at.shortfall.again, d.shortfall.again);
	}
	printf("  %zu times\n", seen);
	world_free(&w);
}

static void
quota_next_is_when_one_message_fits(void **state)
{
	struct world w = { .rnd = random_seed("next", 4), .now = T0 };
	uint64_t stranger = UINT64_MAX;

	for (size_t i = random_rounds(50000); i > 0; i--) {
		struct made m;
		struct decision d;
		size_t p = random_below(&w.rnd, POLICIES);
		size_t k = random_below(&w.rnd, KEYS);
		struct bill one = {
			.now = w.now, .zone = berlin, .nline = 1, .ncommon = 1
		};

		pass_time(&w, false);
		some_bill(&w, &m);
		charge(&w, &m);
		one.now = w.now;
		one.line[0] = (struct bill_line){ .policy = &policies[p],
			.key = keys[k],
			.cost = { 1, 1, 0, 0 },
			.rcpt = &stranger,
			.nrcpt = 1 };
		quota_decide(&one, &w.counter[p][k], &d);
		if (policies[p].when_over != OVER_OBSERVE)
			assert_int_equal(d.shortfall.again,
			    quota_next(&policies[p], w.counter[p][k], w.now));
		else
			assert_true(d.fits);
	}
	world_free(&w);
}

/* --- single sentences ---------------------------------------------------- */

static struct bill
bill_of(const struct policy *p, uint64_t messages, int64_t now)
{
	struct bill b = {
		.now = now, .zone = berlin, .nline = 1, .ncommon = 1
	};

	b.line[0] = (struct bill_line){
		.policy = p, .key = "a", .cost = { [DIM_MESSAGES] = messages }
	};
	return b;
}

static void
the_last_place_is_given_once(void **state)
{
	struct policy p = { .name = names[0],
		.nlimit = 1,
		.limit = { ROLL(DIM_MESSAGES, 2, HOUR) } };
	struct counter *c = counter_new(&p);
	struct bill b = bill_of(&p, 1, T0);
	struct decision d;

	assert_non_null(c);
	for (int i = 0; i < 2; i++) {
		quota_decide(&b, &c, &d);
		assert_true(d.fits);
		quota_spend(&b, &c, &d);
	}
	quota_decide(&b, &c, &d);
	assert_false(d.fits);
	assert_int_equal(d.shortfall.what, SHORT_LIMIT);
	assert_int_equal(d.shortfall.used, 2);
	assert_int_equal(d.shortfall.max, 2);
	assert_int_equal(d.shortfall.again, T0 + HOUR);
	counter_free(&c);
}

static void
a_message_larger_than_the_limit_never_fits(void **state)
{
	struct policy p = { .name = names[0],
		.nlimit = 1,
		.limit = { ROLL(DIM_MESSAGES, 2, HOUR) } };
	struct counter *c = NULL;
	struct bill b = bill_of(&p, 3, T0);
	struct decision d;

	quota_decide(&b, &c, &d);
	assert_false(d.fits);
	assert_int_equal(d.shortfall.what, SHORT_NEVER);
	assert_true(d.shortfall.again == NEVER);
}

static void
a_grant_widens_a_limit_until_it_ends(void **state)
{
	struct policy p = { .name = names[0],
		.nlimit = 1,
		.limit = { ROLL(DIM_MESSAGES, 2, HOUR) } };
	struct grant g = { DIM_MESSAGES, 5, T0 + MINUTE, 0 };
	struct counter *c = counter_new(&p);
	struct bill b = bill_of(&p, 3, T0);
	struct decision d;

	assert_non_null(c);
	assert_int_equal(counter_grant(c, &g, T0), 0);
	quota_decide(&b, &c, &d);
	assert_true(d.fits);
	b.now = T0 + MINUTE;
	quota_decide(&b, &c, &d);
	assert_false(d.fits);
	assert_int_equal(d.shortfall.what, SHORT_NEVER);
	counter_free(&c);
}

static void
a_refused_message_starts_the_lockout_once(void **state)
{
	struct policy p = { .name = names[0],
		.nlimit = 1,
		.lockout = DAY,
		.limit = { ROLL(DIM_MESSAGES, 2, HOUR) } };
	struct counter *c = counter_new(&p);
	struct bill b = bill_of(&p, 2, T0);
	struct decision d;

	assert_non_null(c);
	quota_decide(&b, &c, &d);
	quota_spend(&b, &c, &d);
	quota_decide(&b, &c, &d);
	quota_lock(&b, &c, &d);
	assert_int_equal(d.shortfall.what, SHORT_LIMIT);
	assert_int_equal(d.shortfall.again, T0 + DAY);
	b.now = T0 + 2 * HOUR;
	quota_decide(&b, &c, &d);
	assert_int_equal(d.shortfall.what, SHORT_LOCKED);
	quota_lock(&b, &c, &d);
	assert_int_equal(c->locked_until, T0 + DAY);
	b.line[0].cost[DIM_MESSAGES] = 0;
	quota_decide(&b, &c, &d);
	assert_true(d.fits);
	b.line[0].cost[DIM_MESSAGES] = 2;
	b.now = T0 + DAY;
	quota_decide(&b, &c, &d);
	assert_true(d.fits);
	counter_free(&c);
}

static void
a_warning_is_told_once_and_again_after_a_fall(void **state)
{
	struct policy p = { .name = names[0],
		.nlimit = 1,
		.nwarn = 2,
		.warn_at = { 50, 80 },
		.limit = { ROLL(DIM_MESSAGES, 100, HOUR) } };
	static const struct {
		int64_t at;
		uint64_t cost;
		uint8_t percent;
	} steps[] = { { 0, 49, 0 }, { MINUTE, 1, 50 }, { MINUTE, 1, 0 },
		{ 2 * MINUTE, 40, 80 }, { HOUR, 1, 0 },
		{ HOUR + 5 * MINUTE, 85, 80 } };
	struct counter *c = counter_new(&p);

	assert_non_null(c);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct bill b = bill_of(&p, steps[i].cost, T0 + steps[i].at);
		struct decision d;

		quota_decide(&b, &c, &d);
		assert_true(d.fits);
		quota_spend(&b, &c, &d);
		assert_int_equal(d.nwarning, steps[i].percent > 0);
		if (d.nwarning > 0)
			assert_int_equal(
			    d.warning[0].percent, steps[i].percent);
	}
	counter_free(&c);
}

/* Charged as if its clock had been right: what is ahead is not given away. */
static void
a_clock_put_right_frees_nothing_that_was_spent_ahead(void **state)
{
	struct policy p = { .name = names[0],
		.nlimit = 2,
		.limit = { ROLL(DIM_MESSAGES, 2, HOUR),
		    CAL(DIM_MESSAGES, 2, PERIOD_DAY) } };
	struct counter *c = counter_new(&p);
	struct bill b = bill_of(&p, 2, T0 + 2 * DAY);
	struct decision d;

	assert_non_null(c);
	quota_decide(&b, &c, &d);
	quota_spend(&b, &c, &d);
	b.now = T0;
	quota_decide(&b, &c, &d);
	assert_false(d.fits);
	assert_true(d.shortfall.again >= T0 + 2 * DAY + HOUR);
	b.now = d.shortfall.again;
	quota_decide(&b, &c, &d);
	assert_true(d.fits);
	counter_free(&c);
}

static int
setup(void **state)
{
	struct why why;

	berlin = zone_load("Europe/Berlin", &why);
	return berlin == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	zone_free(&berlin);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_place_is_given_once),
		cmocka_unit_test(a_message_larger_than_the_limit_never_fits),
		cmocka_unit_test(a_grant_widens_a_limit_until_it_ends),
		cmocka_unit_test(a_refused_message_starts_the_lockout_once),
		cmocka_unit_test(a_warning_is_told_once_and_again_after_a_fall),
		cmocka_unit_test(
		    a_clock_put_right_frees_nothing_that_was_spent_ahead),
		cmocka_unit_test(the_next_time_is_exact),
		cmocka_unit_test(quota_next_is_when_one_message_fits),
		cmocka_unit_test(the_engine_agrees_with_the_oracle),
		cmocka_unit_test(
		    the_engine_agrees_with_the_oracle_when_clocks_step_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
