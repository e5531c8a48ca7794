/*
 * store_contract.c - what every store must do, whatever it is made of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "by.h"
#include "clock.h"
#include "digest.h"
#include "random.h"
#include "store_contract.h"

#define NOW STORE_CONTRACT_NOW

const char store_contract_policies[] =
    "policy \"five\" { per = \"account\" messages = {\"5/1h\"} "
    "warn-at = {80} }\n"
    "policy \"ten\" { per = \"account\" messages = {\"10/1h\"} "
    "recipients = {\"30/day\"} }\n"
    "policy \"hundred\" { per = \"account\" messages = {\"100/1h\"} }\n"
    "policy \"million\" { per = \"account\" messages = {\"1M/24h\"} }\n"
    "policy \"twin\" { per = \"account\" messages = {\"1M/24h\"} }\n"
    "policy \"others\" { per = \"account\" "
    "unique-recipients = {\"100k/24h\"} }\n"
    "policy \"three\" { per = \"account\" unique-recipients = {\"3/1h\"} }\n"
    "policy \"strict\" { per = \"account\" messages = {\"2/10m\"} "
    "lockout = \"2h\" }\n"
    "policy \"mixed\" { per = \"account\" messages = {\"7/10s\", \"40/day\"} "
    "recipients = {\"20/30s\"} unique-recipients = {\"8/1m\"} "
    "bytes = {\"20k/1m\"} warn-at = {50, 80} lockout = \"15s\" }\n"
    "rule \"everybody\" { policies = {} }\n";

static const struct store_maker *maker;
static struct config *conf;
static struct store *store;
static struct why why;

/* --- tools --------------------------------------------------------------- */

struct bill_line *
bill_add(
    struct bill *b, const struct config *c, const char *policy, const char *key)
{
	struct bill_line *l = &b->line[b->nline++];

	memset(l, 0, sizeof(*l));
	l->policy = config_policy(c, policy);
	assert_non_null(l->policy);
	l->key = key;
	l->cost[DIM_MESSAGES] = 1;
	l->cost[DIM_RECIPIENTS] = 1;
	l->nrcpt = 1;
	return l;
}

void
bill_one(struct bill *b, const struct config *c, const char *policy,
    const char *key, int64_t now)
{
	memset(b, 0, sizeof(*b));
	b->now = now;
	b->zone = c->zone;
	bill_add(b, c, policy, key);
	b->ncommon = 1;
}

uint64_t
store_used(struct store *s, const struct config *cf, const char *policy,
    const char *key, int64_t now)
{
	const struct policy *p = config_policy(cf, policy);
	struct counter *c;
	uint64_t used = 0, max;
	struct why reason;

	switch (store_read(s, p, key, now, &c, &reason)) {
	case STORE_OK:
		quota_usage(p, c, 0, now, &used, &max);
		counter_free(&c);
		break;
	case STORE_NONE:
		break;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		fail_msg("%s", reason.text);
	}
	return used;
}

static void
fatal(const char *reason)
{
	fail_msg("%s", reason);
}

struct store_env contract_env = { .fatal = fatal };

struct store *
store_must_open(const struct config *c)
{
	struct why reason;
	enum store_fault fault;
	struct store *s = store_open(c, &contract_env, &reason, &fault);

	if (s == NULL)
		fail_msg("%d: %s", (int)fault, reason.text);
	return s;
}

static int
setup(void **state)
{
	conf = maker->config();
	store = store_must_open(conf);
	return 0;
}

static int
teardown(void **state)
{
	store_close(&store);
	config_free(&conf);
	return 0;
}

static void
reopen(void)
{
	if (!maker->lasts)
		return;
	store_close(&store);
	store = store_must_open(conf);
}

static bool
charge(struct bill *b)
{
	struct decision d;

	if (store_charge(store, b, "", &d, &why) != STORE_OK)
		fail_msg("%s", why.text);
	return d.fits;
}

static bool
charge_one(const char *policy, const char *key, int64_t now)
{
	struct bill b;

	bill_one(&b, conf, policy, key, now);
	return charge(&b);
}

static uint64_t
used(const char *policy, const char *key, int64_t now)
{
	return store_used(store, conf, policy, key, now);
}

static bool
count(void *arg, const char *policy, const char *key, const struct counter *c)
{
	++*(size_t *)arg;
	return true;
}

static size_t
walked(int64_t now)
{
	size_t n = 0;

	assert_int_equal(STORE_OK, store_walk(store, now, count, &n, &why));
	return n;
}

/* --- spending ------------------------------------------------------------ */

static void
a_full_limit_refuses_the_next_message(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_true(charge_one("five", "a", NOW + i));
	assert_false(charge_one("five", "a", NOW + 5));
	assert_true(charge_one("five", "b", NOW + 5));
	assert_int_equal(5, used("five", "a", NOW + 5));
	assert_true(charge_one("five", "a", NOW + 2 * HOUR));
}

static void
a_bill_is_spent_on_all_its_lines_or_on_none(void **state)
{
	struct bill b;

	for (int i = 0; i < 7; i++) {
		bill_one(&b, conf, "ten", "a", NOW);
		bill_add(&b, conf, "five", "a");
		bill_add(&b, conf, "hundred", "*");
		b.ncommon = 3;
		assert_int_equal(i < 5, charge(&b));
	}
	assert_int_equal(5, used("ten", "a", NOW));
	assert_int_equal(5, used("five", "a", NOW));
	assert_int_equal(5, used("hundred", "*", NOW));
	reopen();
	assert_int_equal(5, used("hundred", "*", NOW));
}

static void
a_preview_answers_and_leaves_no_trace(void **state)
{
	struct bill b;
	struct decision d;

	bill_one(&b, conf, "five", "a", NOW);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(STORE_OK, store_preview(store, &b, &d, &why));
		assert_true(d.fits);
	}
	assert_int_equal(0, walked(NOW));
	b.line[0].cost[DIM_MESSAGES] = 6;
	assert_int_equal(STORE_OK, store_preview(store, &b, &d, &why));
	assert_false(d.fits);
	assert_int_equal(SHORT_NEVER, d.shortfall.what);
}

static void
a_message_that_costs_nothing_makes_no_counter(void **state)
{
	struct store_stats st;
	struct bill b;

	bill_one(&b, conf, "five", "a", NOW);
	memset(b.line[0].cost, 0, sizeof(b.line[0].cost));
	b.line[0].nrcpt = 0;
	assert_true(charge(&b));
	store_stats(store, &st);
	assert_int_equal(0, st.counters);
	assert_int_equal(1, st.charged);
	assert_int_equal(0, walked(NOW));
}

static void
different_recipients_are_told_apart_for_ever(void **state)
{
	const uint64_t rcpt[] = { 11, 22, 33, 44 };
	struct bill b;

	for (int i = 0; i < 9; i++) {
		bill_one(&b, conf, "three", "a", NOW + i);
		b.line[0].rcpt = &rcpt[i % 3];
		assert_true(charge(&b));
		reopen();
	}
	b.line[0].rcpt = &rcpt[3];
	assert_false(charge(&b));
	assert_int_equal(3, used("three", "a", NOW + 9));
}

static void
a_lockout_begins_with_the_first_refusal_and_outlives_the_window(void **state)
{
	struct bill b;
	struct decision d;

	assert_true(charge_one("strict", "a", NOW));
	assert_true(charge_one("strict", "a", NOW));
	assert_false(charge_one("strict", "a", NOW));
	reopen();
	bill_one(&b, conf, "strict", "a", NOW + HOUR);
	assert_int_equal(STORE_OK, store_charge(store, &b, "", &d, &why));
	assert_false(d.fits);
	assert_int_equal(SHORT_LOCKED, d.shortfall.what);
	assert_int_equal(NOW + 2 * HOUR, d.shortfall.again);
	assert_true(charge_one("strict", "a", NOW + 2 * HOUR));
}

static void
the_chosen_smarthost_alone_is_charged_and_bound(void **state)
{
	char name[STORE_NAME];
	struct decision d;
	struct bill b;

	for (int i = 0; i < 6; i++) {
		bill_one(&b, conf, "ten", "a", NOW);
		bill_add(&b, conf, "five", "first");
		bill_add(&b, conf, "hundred", "second");
		b.nchoice = 2;
		b.choice[0] = (struct bill_choice){
			.smarthost = "first", .first = 1, .n = 1
		};
		b.choice[1] = (struct bill_choice){
			.smarthost = "second", .first = 2, .n = 1
		};
		assert_int_equal(
		    STORE_OK, store_charge(store, &b, "a@b", &d, &why));
		assert_true(d.fits);
		assert_int_equal(i < 5 ? 0 : 1, d.choice);
	}
	assert_int_equal(5, used("five", "first", NOW));
	assert_int_equal(1, used("hundred", "second", NOW));
	reopen();
	assert_int_equal(STORE_OK, store_bound(store, "a@b", NOW, name, &why));
	assert_string_equal("second", name);
	assert_int_equal(
	    STORE_NONE, store_bound(store, "c@d", NOW, name, &why));
	assert_int_equal(
	    STORE_NONE, store_bound(store, "a@b", NOW + 11 * DAY, name, &why));
}

static void
a_choice_may_name_what_is_bound_to_it(void **state)
{
	char name[STORE_NAME];
	struct decision d;
	struct bill b;

	for (int i = 0; i < 6; i++) {
		bill_one(&b, conf, "ten", "a", NOW);
		bill_add(&b, conf, "five", "first");
		b.nchoice = 2;
		b.choice[0] = (struct bill_choice){
			.smarthost = "first", .first = 1, .n = 1
		};
		b.choice[1] = (struct bill_choice){
			.smarthost = "second", .first = 2, .bound = "own@x"
		};
		assert_int_equal(
		    STORE_OK, store_charge(store, &b, "a@b", &d, &why));
	}
	reopen();
	assert_int_equal(STORE_OK, store_bound(store, "a@b", NOW, name, &why));
	assert_string_equal("first", name);
	assert_int_equal(
	    STORE_OK, store_bound(store, "own@x", NOW, name, &why));
	assert_string_equal("second", name);
}

static void
who_is_unhealthy_is_chosen_last(void **state)
{
	struct decision d;
	struct bill b;

	for (int spread = 0; spread < 2; spread++) {
		for (int unhealthy = 0; unhealthy < 4; unhealthy++) {
			bill_one(&b, conf, "million", "a", NOW);
			b.nchoice = 2;
			b.spread = spread == 1;
			b.choice[0] =
			    (struct bill_choice){ .smarthost = "first",
				    .first = 1,
				    .last = (unhealthy & 1) != 0 };
			b.choice[1] =
			    (struct bill_choice){ .smarthost = "second",
				    .first = 1,
				    .last = (unhealthy & 2) != 0 };
			assert_int_equal(
			    STORE_OK, store_charge(store, &b, "a@b", &d, &why));
			assert_true(d.fits);
			assert_int_equal(unhealthy == 1 ? 1 : 0, d.choice);
		}
	}
}

struct crowd {
	atomic_int passed, unsure;
};

static void *
spend_once(void *arg)
{
	struct crowd *crowd = arg;
	struct decision d;
	struct bill b;
	struct why reason;
	enum store_answer answer;

	bill_one(&b, conf, "hundred", "*", NOW);
	bill_add(&b, conf, "million", "*");
	b.ncommon = 2;
	answer = store_charge(store, &b, "x", &d, &reason);
	crowd->passed += answer == STORE_OK && d.fits;
	/* Charged, but the disk took longer than a callback may wait. */
	crowd->unsure += answer == STORE_UNCERTAIN;
	return NULL;
}

static void
a_hundred_of_two_hundred_threads_get_through(void **state)
{
	pthread_t thread[200];
	struct crowd crowd = { 0, 0 };

	for (size_t i = 0; i < 200; i++)
		assert_int_equal(
		    0, pthread_create(&thread[i], NULL, spend_once, &crowd));
	for (size_t i = 0; i < 200; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(100, crowd.passed + crowd.unsure);
	assert_int_equal(100, used("hundred", "*", NOW));
	assert_int_equal(100, used("million", "*", NOW));
	reopen();
	assert_int_equal(100, used("hundred", "*", NOW));
}

/* --- nothing is forgotten by a question ------------------------------------
 */

/* All counters as packed bytes, in one number that no order changes. */
static bool
add_bytes(
    void *arg, const char *policy, const char *key, const struct counter *c)
{
	uint8_t bytes[4096];
	size_t n = strlen(policy) + 1, k = strlen(key) + 1, len;

	memcpy(bytes, policy, n);
	memcpy(bytes + n, key, k);
	len = counter_pack(c, bytes + n + k, sizeof(bytes) - n - k);
	assert_true(len <= sizeof(bytes) - n - k);
	*(uint64_t *)arg += digest64(bytes, n + k + len);
	return true;
}

static uint64_t
whole(int64_t now)
{
	uint64_t sum = 0;

	assert_int_equal(
	    STORE_OK, store_walk(store, now, add_bytes, &sum, &why));
	assert_true(sum != 0);
	return sum;
}

/* The policy as another configuration has it. */
static struct policy
changed_policy(const char *name)
{
	struct policy p = *config_policy(conf, name);

	p.nlimit = 2;
	p.limit[0].dim = DIM_RECIPIENTS;
	p.limit[0].max = 3;
	p.limit[0].window = (struct window_spec){ .length = 10 * MINUTE };
	p.limit[1].dim = DIM_UNIQUE;
	p.limit[1].max = 3;
	p.limit[1].window =
	    (struct window_spec){ .calendar = true, .period = PERIOD_DAY };
	return p;
}

static void
a_question_changes_nothing_whatever_it_asks(void **state)
{
	static const char *const names[] = { "five", "ten", "three" };
	const uint64_t rcpt[] = { 1, 2, 3, 4 };
	struct decision d;
	struct bill b;
	uint64_t before;

	for (int i = 0; i < 3; i++) {
		bill_one(&b, conf, "three", "a", NOW + i);
		b.line[0].rcpt = &rcpt[i];
		charge(&b);
		charge_one("ten", "a", NOW + i);
		charge_one("five", "a", NOW + i);
	}
	before = whole(NOW + 10);
	for (size_t i = 0; i < 3; i++) {
		struct policy p = changed_policy(names[i]);
		struct counter *c;

		for (int64_t at = -2 * HOUR; at <= DAY; at += 2 * HOUR) {
			bill_one(&b, conf, names[i], "a", NOW + at);
			b.line[0].rcpt = rcpt;
			b.line[0].nrcpt = 4;
			b.line[0].policy = &p;
			store_preview(store, &b, &d, &why);
			store_read(store, &p, "a", NOW + at, &c, &why);
			counter_free(&c);
			walked(NOW + at);
		}
		/* A refused charge; the lockout that it might start is none. */
		bill_one(&b, conf, names[i], "a", NOW + 4);
		b.line[0].policy = &p;
		b.line[0].cost[DIM_RECIPIENTS] = 4;
		assert_false(charge(&b));
	}
	assert_true(before == whole(NOW + 10));
	reopen();
	assert_true(before == whole(NOW + 10));
}

static void
one_who_asks_with_an_old_configuration_takes_nothing_away(void **state)
{
	struct policy p = changed_policy("five");
	struct decision d;
	struct bill b;

	for (int i = 0; i < 5; i++)
		assert_true(charge_one("five", "a", NOW));
	bill_one(&b, conf, "five", "a", NOW + 1);
	b.line[0].policy = &p;
	assert_int_equal(STORE_OK, store_preview(store, &b, &d, &why));
	assert_false(charge_one("five", "a", NOW + 2));
	/* A charge by it, too: the hour is known when the first asks again. */
	bill_one(&b, conf, "five", "a", NOW + 20 * MINUTE);
	b.line[0].policy = &p;
	assert_true(charge(&b));
	reopen();
	assert_false(charge_one("five", "a", NOW + 59 * MINUTE));
	assert_int_equal(6, used("five", "a", NOW + 59 * MINUTE));
	assert_int_equal(1, used("five", "a", NOW + 61 * MINUTE));
}

static void
a_clock_that_steps_back_and_comes_again_frees_nothing(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_true(charge_one("five", "a", NOW));
	assert_false(charge_one("five", "a", NOW - 2 * HOUR));
	assert_false(charge_one("five", "a", NOW + 62 * SECOND));
	assert_true(charge_one("five", "b", NOW - 2 * HOUR));
	reopen();
	assert_false(charge_one("five", "a", NOW - 2 * HOUR));
	assert_false(charge_one("five", "a", NOW + 59 * MINUTE));
	assert_true(charge_one("five", "a", NOW + HOUR));
	/* What was spent while the clock was behind has the latest date. */
	assert_int_equal(1, used("five", "b", NOW + 59 * MINUTE));
}

static void
the_latest_time_is_the_floor_after_a_restart_too(void **state)
{
	assert_true(charge_one("million", "*", NOW + DAY));
	reopen();
	for (int i = 0; i < 5; i++)
		assert_true(charge_one("five", "a", NOW));
	assert_false(charge_one("five", "a", NOW + 59 * MINUTE));
	assert_false(charge_one("five", "a", NOW + DAY + 59 * MINUTE));
	assert_true(charge_one("five", "a", NOW + DAY + HOUR));
}

static void
more_recipients_than_a_record_holds_are_a_refusal(void **state)
{
	const size_t n = 135000;
	uint64_t *rcpt = calloc(n, sizeof(rcpt[0]));
	struct decision d;
	struct bill b;

	assert_non_null(rcpt);
	for (size_t i = 0; i < n; i++)
		rcpt[i] = i;
	bill_one(&b, conf, "others", "a", NOW);
	b.line[0].rcpt = rcpt;
	b.line[0].nrcpt = n;
	assert_int_equal(STORE_OK, store_preview(store, &b, &d, &why));
	assert_false(d.fits);
	assert_int_equal(STORE_OK, store_charge(store, &b, "", &d, &why));
	assert_false(d.fits);
	assert_int_equal(SHORT_NEVER, d.shortfall.what);
	assert_int_equal(0, used("others", "a", NOW));
	/* With a limit that would hold them, too. */
	for (size_t i = 0; i < conf->npolicy; i++)
		if (strcmp(conf->policy[i].name, "others") == 0)
			conf->policy[i].limit[0].max = 1000000;
	assert_int_equal(STORE_OK, store_charge(store, &b, "", &d, &why));
	assert_false(d.fits);
	assert_int_equal(SHORT_NEVER, d.shortfall.what);
	free(rcpt);
}

/* --- two configurations in turn --------------------------------------------
 */

#define TURNS 2
#define SPENT 20000

/* What was spent on one counter, as it happened. */
struct spent {
	size_t n;
	int64_t at[SPENT];
};

static uint64_t
spent_within(const struct spent *e, int64_t length, int64_t now)
{
	size_t n = 0;

	while (n < e->n && e->at[e->n - 1 - n] > now - length)
		n++;
	return n;
}

/*
 * Two daemons, or one before and after a reload, whose limits differ: neither
 * passes its own, whatever the other one did or asked.
 */
static void
no_limit_is_passed_by_configurations_in_turn(void **state)
{
	static const int64_t lengths[TURNS][2] = { { HOUR, DAY },
		{ 10 * MINUTE, 6 * HOUR } };
	static const uint64_t most[TURNS][2] = { { 9, 60 }, { 5, 30 } };
	struct policy p[TURNS];
	struct spent *spent = calloc(1, sizeof(*spent));
	uint64_t rnd = random_seed("turns", 17);
	int64_t now = NOW;

	assert_non_null(spent);
	for (size_t k = 0; k < TURNS; k++) {
		p[k] = *config_policy(conf, "five");
		p[k].nlimit = 2;
		for (size_t i = 0; i < 2; i++) {
			p[k].limit[i].dim = DIM_MESSAGES;
			p[k].limit[i].max = most[k][i];
			p[k].limit[i].window =
			    (struct window_spec){ .length = lengths[k][i] };
		}
	}
	for (size_t i = random_rounds(30000); i > 0 && spent->n < SPENT; i--) {
		/* What was spent before a limit was named, it cannot know. */
		const size_t k = spent->n < TURNS               ? spent->n
				 : random_below(&rnd, 200) == 0 ? 1
								: i / 100 % 2;
		struct decision d;
		struct bill b;

		now += (int64_t)random_below(&rnd, 600000);
		bill_one(&b, conf, "five", "turns", now);
		b.line[0].policy = &p[k];
		if (random_percent(&rnd, 30)) {
			store_preview(store, &b, &d, &why);
			continue;
		}
		if (!charge(&b))
			continue;
		spent->at[spent->n++] = now;
		for (size_t n = 0; n < 2; n++)
			if (spent_within(spent, lengths[k][n], now) >
			    most[k][n])
				fail_msg("%zu: more than %d in %lld s", i,
				    (int)most[k][n],
				    (long long)(lengths[k][n] / SECOND));
		if (random_below(&rnd, 500) == 0)
			reopen();
	}
	assert_true(spent->n > random_rounds(30000) / 50);
	free(spent);
}

/* --- leases ----------------------------------------------------------------
 */

static struct lease
lease_of(const char *smarthost, uint64_t messages, uint64_t recipients)
{
	struct lease l = { .messages = messages, .recipients = recipients };

	snprintf(l.smarthost, sizeof(l.smarthost), "%s", smarthost);
	snprintf(l.owner, sizeof(l.owner), "4711.99");
	return l;
}

static bool
see_lease(void *arg, const struct lease *l)
{
	struct lease *last = arg;

	assert_true(l->when >= last->when);
	*last = *l;
	return true;
}

static bool
take_lease(struct lease *l, int64_t now)
{
	struct decision d;
	struct bill b;

	bill_one(&b, conf, "ten", "sent first", now);
	b.line[0].cost[DIM_MESSAGES] = l->messages;
	b.line[0].cost[DIM_RECIPIENTS] = l->recipients;
	if (store_lease(store, &b, l, &d, &why) != STORE_OK)
		fail_msg("%s", why.text);
	assert_int_equal(d.fits, l->id != 0);
	return d.fits;
}

static enum store_answer
settle_lease(
    const struct lease *l, uint64_t messages, uint64_t recipients, int64_t now)
{
	struct settlement left = { messages, recipients, 0 };
	struct bill b;

	bill_one(&b, conf, "ten", "sent first", now);
	return store_settle(store, &b, l, &left, &why);
}

static uint64_t
recipients_sent(int64_t now)
{
	struct counter *c;
	uint64_t n = 0, max;
	const struct policy *p = config_policy(conf, "ten");

	if (store_read(store, p, "sent first", now, &c, &why) != STORE_OK)
		return 0;
	quota_usage(p, c, 1, now, &n, &max);
	counter_free(&c);
	return n;
}

static struct lease
last_lease(void)
{
	struct lease last = { 0 };

	assert_int_equal(STORE_OK, store_leases(store, see_lease, &last, &why));
	return last;
}

static void
what_did_not_leave_is_given_back_to_its_own_time(void **state)
{
	struct lease l = lease_of("first", 1, 20),
		     later = lease_of("first", 1, 5);

	assert_true(take_lease(&l, NOW));
	reopen();
	assert_true(take_lease(&later, NOW + 30 * MINUTE));
	assert_true(later.id != l.id);
	assert_int_equal(25, recipients_sent(NOW + 30 * MINUTE));
	assert_int_equal(STORE_OK, settle_lease(&l, 0, 0, NOW + 31 * MINUTE));
	assert_int_equal(5, recipients_sent(NOW + 31 * MINUTE));
	assert_int_equal(1, used("ten", "sent first", NOW + 31 * MINUTE));
	assert_int_equal(1, used("ten", "sent first", NOW + 80 * MINUTE));
	assert_int_equal(0, used("ten", "sent first", NOW + 91 * MINUTE));
	reopen();
	assert_int_equal(5, recipients_sent(NOW + 31 * MINUTE));
}

static void
a_lease_from_before_a_reset_takes_nothing_from_what_came_after(void **state)
{
	const struct policy *ten = config_policy(conf, "ten");
	struct lease l = lease_of("first", 1, 20),
		     later = lease_of("first", 1, 5);

	assert_true(take_lease(&l, NOW));
	assert_int_equal(STORE_OK, store_reset(store, ten, "sent first",
				       BY(NOW + 1, "root", ""), &why));
	assert_true(take_lease(&later, NOW + 2));
	reopen();
	assert_int_equal(STORE_OK, settle_lease(&l, 0, 0, NOW + 3));
	assert_int_equal(5, recipients_sent(NOW + 3));
	assert_int_equal(1, used("ten", "sent first", NOW + 3));
	assert_int_equal(STORE_OK, settle_lease(&later, 1, 2, NOW + 4));
	assert_int_equal(2, recipients_sent(NOW + 4));
}

/* The provider counts it when it has taken it, which can be at the very end. */
static void
what_left_counts_until_its_window_has_passed_since_the_settlement(void **state)
{
	struct lease l = lease_of("first", 1, 20);

	assert_true(take_lease(&l, NOW));
	assert_int_equal(1, used("ten", "sent first", NOW + 30 * MINUTE));
	assert_int_equal(STORE_OK, settle_lease(&l, 1, 3, NOW + 30 * MINUTE));
	assert_int_equal(3, recipients_sent(NOW + 30 * MINUTE));
	reopen();
	assert_int_equal(1, used("ten", "sent first", NOW + 89 * MINUTE));
	assert_int_equal(3, recipients_sent(NOW + 89 * MINUTE));
	assert_int_equal(0, used("ten", "sent first", NOW + 92 * MINUTE));
}

static void
what_left_beyond_the_lease_is_charged_limit_or_not(void **state)
{
	struct lease l = lease_of("first", 1, 28);

	assert_true(take_lease(&l, NOW));
	assert_int_equal(STORE_OK, settle_lease(&l, 1, 40, NOW + 1000));
	assert_int_equal(40, recipients_sent(NOW + 1000));
	reopen();
	assert_int_equal(40, recipients_sent(NOW + 1000));
	assert_false(take_lease(&l, NOW + 2000));
}

static void
a_lease_is_settled_once(void **state)
{
	struct lease l = lease_of("first", 1, 9);

	assert_true(take_lease(&l, NOW));
	assert_int_equal(STORE_OK, settle_lease(&l, 0, 0, NOW + 1));
	assert_int_equal(STORE_NONE, settle_lease(&l, 0, 0, NOW + 1));
	reopen();
	assert_int_equal(STORE_NONE, settle_lease(&l, 0, 0, NOW + 1));
	assert_int_equal(0, last_lease().id);
	assert_int_equal(0, recipients_sent(NOW + 1));
}

static void
open_leases_come_back_as_they_were_made(void **state)
{
	struct lease first = lease_of("first", 1, 2);
	struct lease second = lease_of("second", 1, 3);
	struct lease seen;

	snprintf(second.sender, sizeof(second.sender), "a@b.test");
	assert_true(take_lease(&first, NOW));
	assert_true(take_lease(&second, NOW + 5));
	reopen();
	seen = last_lease();
	assert_memory_equal(&second, &seen, sizeof(seen));
	assert_int_equal(STORE_OK, settle_lease(&seen, 1, 3, NOW + 6));
	seen = last_lease();
	assert_memory_equal(&first, &seen, sizeof(seen));
	assert_int_equal(5, recipients_sent(NOW + 6));
}

static void
a_lease_ends_with_the_longest_window_of_its_bill(void **state)
{
	struct lease old = lease_of("first", 1, 2), l = old;

	assert_true(take_lease(&old, NOW));
	assert_true(take_lease(&l, NOW + 2 * DAY));
	assert_int_equal(STORE_NONE, settle_lease(&old, 0, 0, NOW + 2 * DAY));
	assert_int_equal(STORE_OK, settle_lease(&l, 0, 0, NOW + 2 * DAY));
	assert_int_equal(0, last_lease().id);
}

static void
a_refused_lease_leaves_none(void **state)
{
	struct lease l = lease_of("first", 1, 31);

	assert_false(take_lease(&l, NOW));
	assert_int_equal(0, last_lease().id);
	assert_int_equal(0, recipients_sent(NOW));
}

/* --- the operator -------------------------------------------------------- */

static bool
last_event(void *arg, const struct store_event *e)
{
	*(struct store_event *)arg = *e;
	return false;
}

static void
assert_told(const char *kind, const char *key)
{
	struct store_event e = { 0 };

	assert_int_equal(
	    STORE_OK, store_events(store, NULL, 1, last_event, &e, &why));
	assert_string_equal(kind, e.kind);
	assert_string_equal(key, e.key);
	assert_string_equal("root", e.actor);
}

static void
a_reset_forgets_one_counter_and_tells_who_did_it(void **state)
{
	const struct policy *five = config_policy(conf, "five");

	assert_int_equal(STORE_NONE,
	    store_reset(store, five, "a", BY(NOW, "root", ""), &why));
	for (int i = 0; i < 5; i++) {
		charge_one("five", "a", NOW);
		charge_one("five", "b", NOW);
	}
	assert_int_equal(
	    STORE_OK, store_reset(store, five, "a", BY(NOW, "root", ""), &why));
	assert_told("reset", "a");
	reopen();
	assert_true(charge_one("five", "a", NOW));
	assert_false(charge_one("five", "b", NOW));
}

static void
a_grant_widens_a_limit_until_it_ends(void **state)
{
	const struct policy *five = config_policy(conf, "five");
	struct grant g = { DIM_MESSAGES, 2, NOW + 30 * MINUTE, 0 };

	assert_int_equal(STORE_OK,
	    store_grant(store, five, "a", &g, BY(NOW, "root", "launch"), &why));
	assert_told("grant", "a");
	reopen();
	for (int i = 0; i < 8; i++)
		assert_int_equal(i < 7, charge_one("five", "a", NOW));
	reopen();
	assert_false(charge_one("five", "a", NOW + 31 * MINUTE));
	g.until = NOW + 61 * MINUTE;
	for (int i = 0; i < COUNTER_GRANTS; i++)
		assert_int_equal(
		    STORE_OK, store_grant(store, five, "a", &g,
				  BY(NOW + 31 * MINUTE, "root", ""), &why));
	assert_int_equal(
	    STORE_NONE, store_grant(store, five, "a", &g,
			    BY(NOW + 31 * MINUTE, "root", ""), &why));
}

static bool
count_block(void *arg, const char *who, int64_t until, const char *text)
{
	++*(size_t *)arg;
	return true;
}

static size_t
blocks(int64_t now)
{
	size_t n = 0;

	assert_int_equal(
	    STORE_OK, store_blocks(store, now, count_block, &n, &why));
	return n;
}

static void
a_block_holds_until_it_ends_or_is_lifted(void **state)
{
	char text[STORE_TEXT];

	store_block(store, "m", NEVER, BY(NOW, "root", "spam"), &why);
	store_block(store, "a", NOW + HOUR, BY(NOW, "root", "one hour"), &why);
	store_block(store, "z", NEVER, BY(NOW, "root", "first"), &why);
	assert_int_equal(STORE_OK,
	    store_block(store, "z", NEVER, BY(NOW, "root", "second"), &why));
	assert_told("block", "z");
	reopen();
	assert_int_equal(3, blocks(NOW));
	assert_int_equal(STORE_OK, store_blocked(store, "z", NOW, text, &why));
	assert_string_equal("second", text);
	assert_int_equal(
	    STORE_NONE, store_blocked(store, "b", NOW, text, &why));
	assert_int_equal(STORE_OK, store_blocked(store, "a", NOW, text, &why));
	assert_int_equal(
	    STORE_NONE, store_blocked(store, "a", NOW + HOUR, text, &why));
	assert_int_equal(2, blocks(NOW + HOUR));
	assert_int_equal(
	    STORE_OK, store_unblock(store, "m", BY(NOW, "root", ""), &why));
	assert_told("unblock", "m");
	reopen();
	assert_int_equal(
	    STORE_NONE, store_unblock(store, "m", BY(NOW, "root", ""), &why));
	assert_int_equal(
	    STORE_NONE, store_blocked(store, "m", NOW, text, &why));
}

struct seen {
	size_t n;
	char last[200];
};

static bool
see_event(void *arg, const struct store_event *e)
{
	struct seen *s = arg;

	if (s->n > 0)
		assert_true(strcmp(e->text, s->last) < 0);
	snprintf(s->last, sizeof(s->last), "%s", e->text);
	s->n++;
	return true;
}

static void
events_come_back_newest_first_and_by_key(void **state)
{
	struct store_event e = { .when = NOW, .kind = "warn" };
	struct seen all = { 0 }, some = { 0 }, few = { 0 };

	for (int i = 0; i < 100; i++) {
		snprintf(e.key, sizeof(e.key), "k%d", i % 2);
		snprintf(e.text, sizeof(e.text), "%03d", i);
		store_note(store, &e);
	}
	reopen();
	store_events(store, NULL, 1000, see_event, &all, &why);
	store_events(store, "k1", 1000, see_event, &some, &why);
	store_events(store, NULL, 7, see_event, &few, &why);
	assert_int_equal(100, all.n);
	assert_int_equal(50, some.n);
	assert_int_equal(7, few.n);
	assert_string_equal("093", few.last);
}

static void
a_walk_meets_every_counter_that_still_says_something(void **state)
{
	char key[16];

	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		charge_one(i % 3 == 0 ? "million" : "hundred", key, NOW);
	}
	assert_int_equal(300, walked(NOW));
	reopen();
	assert_int_equal(300, walked(NOW));
	assert_int_equal(100, walked(NOW + 3 * HOUR));
	assert_int_equal(STORE_OK, store_flush(store, &why));
	assert_int_equal(0, walked(NOW + 2 * DAY));
}

static void
a_reload_does_not_hand_out_a_fresh_allowance(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_true(charge_one("five", "a", NOW));
	for (size_t i = 0; i < conf->npolicy; i++)
		if (strcmp(conf->policy[i].name, "five") == 0)
			conf->policy[i].limit[0].window.length = 2 * HOUR;
	store_reconfigure(store, conf);
	assert_int_equal(1, walked(NOW));
	assert_int_equal(5, used("five", "a", NOW));
	reopen();
	assert_false(charge_one("five", "a", NOW + 30 * MINUTE));
	assert_true(charge_one("five", "a", NOW + 3 * HOUR));
}

static void
a_question_under_another_configuration_changes_nothing(void **state)
{
	struct policy other = *config_policy(conf, "five");
	struct limit limit = other.limit[0];
	struct decision d;
	struct bill b;

	for (int i = 0; i < 5; i++)
		assert_true(charge_one("five", "a", NOW));
	limit.window.length = 2 * MINUTE;
	other.limit[0] = limit;
	bill_one(&b, conf, "five", "a", NOW + 5 * MINUTE);
	b.line[0].policy = &other;
	assert_int_equal(STORE_OK, store_preview(store, &b, &d, &why));
	assert_false(charge_one("five", "a", NOW + 6 * MINUTE));
	assert_int_equal(5, used("five", "a", NOW + 7 * MINUTE));
}

static void
a_store_holds_the_configuration_that_it_was_given(void **state)
{
	struct config *other;

	assert_true(conf->holders > 0);
	store_close(&store);
	assert_int_equal(0, conf->holders);
	other = maker->config();
	store = store_must_open(conf);
	store_reconfigure(store, other);
	assert_true(other->holders > 0);
	assert_int_equal(0, conf->holders);
	store_reconfigure(store, other);
	assert_true(other->holders > 0);
	store_reconfigure(store, conf);
	assert_int_equal(0, other->holders);
	config_free(&other);
	assert_true(charge_one("ten", "a", NOW));
}

static void
names_that_no_store_could_keep_are_refused(void **state)
{
	char key[MAILADDR_MAX + 2];
	struct decision d;
	struct bill b;

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	bill_one(&b, conf, "five", key, NOW);
	assert_int_equal(STORE_FAILED, store_charge(store, &b, "", &d, &why));
	key[MAILADDR_MAX] = '\0';
	assert_int_equal(STORE_OK, store_charge(store, &b, "", &d, &why));
	reopen();
	assert_int_equal(1, used("five", key, NOW));
}

/* --- against the oracle -------------------------------------------------- */

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

static const char *const policies[] = { "five", "ten", "three", "strict",
	"mixed" };
static const char *const keys[] = { "a", "b", "c", "d", "e", "f" };

static void
random_line(struct world *w, const struct config *c, struct bill *b, size_t p)
{
	struct bill_line *l = bill_add(
	    b, c, policies[p], keys[random_below(&w->rnd, NELEM(keys))]);

	l->nrcpt = random_below(&w->rnd, 4);
	l->cost[DIM_MESSAGES] = l->nrcpt > 0;
	l->cost[DIM_RECIPIENTS] = l->nrcpt;
	l->cost[DIM_BYTES] = l->nrcpt > 0 ? random_below(&w->rnd, 5000) : 0;
	l->rcpt = w->rcpt;
}

static void
random_bill(struct world *w, const struct config *c, struct bill *b)
{
	memset(b, 0, sizeof(*b));
	b->now = w->now;
	b->zone = c->zone;
	for (size_t i = 0; i < 4; i++)
		w->rcpt[i] = i * 1000 + random_below(&w->rnd, 4);
	for (size_t p = 0; p < 3; p++)
		if (random_percent(&w->rnd, 40))
			random_line(w, c, b, p);
	b->ncommon = b->nline;
	b->nchoice = random_below(&w->rnd, 3);
	b->spread = random_percent(&w->rnd, 50);
	for (size_t k = 0; k < b->nchoice; k++) {
		b->choice[k] =
		    (struct bill_choice){ .smarthost = k == 0 ? "one" : "two",
			    .first = b->nline,
			    .n = 1,
			    .last = random_percent(&w->rnd, 25) };
		random_line(w, c, b, 3 + k);
	}
}

static bool
charge_both(struct world *w, const struct config *c, struct store *s)
{
	bool again = random_percent(&w->rnd, 5);
	struct oracle_answer a;
	struct decision d;
	struct bill b;

	random_bill(w, c, &b);
	oracle_charge(&w->oracle, &b, again, &a);
	if (s == NULL)
		return true;
	b.now = w->now - w->behind;
	if (w->behind > HOUR && a.again != NEVER)
		a.again -= w->behind;
	if (store_charge(s, &b, keys[w->rnd % 6], &d, &why) != STORE_OK)
		return false;
	if (a.fits != d.fits || (a.again_known && a.again != d.shortfall.again))
		return false;
	return !a.fits || (a.nwarning == d.nwarning &&
			      (b.nchoice == 0 || a.choice == d.choice));
}

static bool
act_on_both(struct world *w, const struct config *c, struct store *s)
{
	const struct policy *p =
	    config_policy(c, policies[random_below(&w->rnd, NELEM(policies))]);
	const char *key = keys[random_below(&w->rnd, NELEM(keys))];
	const int64_t clock = w->now - w->behind;
	struct grant g = { (enum dimension)random_below(&w->rnd, 4),
		random_below(&w->rnd, 5),
		w->now + (int64_t)random_below(&w->rnd, 60000), 0 };
	enum store_answer a;
	bool granted;

	if (p->nlimit > 0 && random_percent(&w->rnd, 50))
		g.window = window_spec_code(
		    &p->limit[random_below(&w->rnd, p->nlimit)].window);
	if (random_percent(&w->rnd, 50)) {
		oracle_reset(&w->oracle, p, key);
		if (s == NULL)
			return true;
		a = store_reset(s, p, key, BY(clock, "t", ""), &why);
		return a == STORE_OK || a == STORE_NONE;
	}
	granted = oracle_grant(&w->oracle, p, key, &g, w->now);
	if (s == NULL)
		return true;
	g.until -= w->behind;
	a = store_grant(s, p, key, &g, BY(clock, "t", ""), &why);
	return a == (granted ? STORE_OK : STORE_NONE);
}

/*
 * The clock shows that so much has passed.  Time that is ahead of it stands
 * still until the clock is there, or runs on if it is more than an hour ahead.
 */
static void
pass(struct world *w, int64_t ms)
{
	int64_t clock = w->now - w->behind + ms;

	if (clock >= w->now)
		w->now = clock;
	else if (w->now - clock > HOUR && ms > 0 && !w->unseen)
		w->now += ms;
	w->behind = w->now - clock;
}

/* How far the clock is set, in ms: back by more than threads overtake others.
 */
static int64_t
set_clock(struct world *w)
{
	uint64_t dice = random_below(&w->rnd, 1000);

	if (dice == 0)
		return -365 * DAY;
	if (dice == 1)
		return w->behind; /* right again */
	if (dice < 4)
		return -(int64_t)(4 * SECOND + random_below(&w->rnd, 7200000));
	if (dice < 6)
		return (int64_t)random_below(&w->rnd, 7200000);
	return 0;
}

bool
world_step(struct world *w, const struct config *c, struct store *s)
{
	uint64_t dice = random_below(&w->rnd, 10000);
	int64_t ms = (int64_t)random_below(&w->rnd, 3000);

	if (dice == 9999)
		ms += DAY;
	if (w->steps)
		ms += set_clock(w);
	pass(w, ms);
	w->unseen = false;
	if (dice < 25)
		return act_on_both(w, c, s);
	if (dice < 35 && s != NULL && store_flush(s, &why) != STORE_OK)
		return false;
	return charge_both(w, c, s);
}

void
world_check(struct world *w, const struct config *cf, struct store *s)
{
	for (size_t p = 0; p < NELEM(policies); p++) {
		const struct policy *policy = config_policy(cf, policies[p]);

		for (size_t k = 0; k < NELEM(keys); k++) {
			struct oracle_counter *oc =
			    oracle_counter(&w->oracle, policy, keys[k]);
			struct counter *c;
			uint64_t n, max;

			store_read(
			    s, policy, keys[k], w->now - w->behind, &c, &why);
			for (size_t i = 0; i < policy->nlimit; i++) {
				quota_usage(policy, c, i, w->now, &n, &max);
				assert_int_equal(oracle_used(&w->oracle, policy,
						     keys[k], i, w->now),
				    n);
				assert_int_equal(
				    oracle_max(policy, oc, i, w->now), max);
			}
			assert_true((c == NULL ? 0 : c->locked_until) ==
					oc->locked_until ||
				    oc->locked_until <= w->now);
			counter_free(&c);
		}
	}
}

/* The clock is set now and then. */
static void
the_store_agrees_with_the_oracle(void **state)
{
	struct world w = { .rnd = random_seed("store", 7),
		.now = STORE_CONTRACT_NOW,
		.steps = true };

	for (size_t i = random_rounds(100000); i > 0; i--) {
		if (!world_step(&w, conf, store))
			fail_msg("they disagree at %zu (%s)", i, why.text);
		if (i % 2000 == 0) {
			reopen();
			w.unseen = maker->lasts;
		}
		if (i % 4000 == 0) {
			world_check(&w, conf, store);
			w.unseen = false;
		}
	}
	oracle_free(&w.oracle);
}

int
store_contract_run(const struct store_maker *m)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_full_limit_refuses_the_next_message),
		T(a_bill_is_spent_on_all_its_lines_or_on_none),
		T(a_preview_answers_and_leaves_no_trace),
		T(a_message_that_costs_nothing_makes_no_counter),
		T(different_recipients_are_told_apart_for_ever),
		T(a_lockout_begins_with_the_first_refusal_and_outlives_the_window),
		T(the_chosen_smarthost_alone_is_charged_and_bound),
		T(a_choice_may_name_what_is_bound_to_it),
		T(who_is_unhealthy_is_chosen_last),
		T(a_hundred_of_two_hundred_threads_get_through),
		T(more_recipients_than_a_record_holds_are_a_refusal),
		T(a_question_changes_nothing_whatever_it_asks),
		T(one_who_asks_with_an_old_configuration_takes_nothing_away),
		T(a_clock_that_steps_back_and_comes_again_frees_nothing),
		T(the_latest_time_is_the_floor_after_a_restart_too),
		T(what_did_not_leave_is_given_back_to_its_own_time),
		T(no_limit_is_passed_by_configurations_in_turn),
		T(a_lease_from_before_a_reset_takes_nothing_from_what_came_after),
		T(what_left_counts_until_its_window_has_passed_since_the_settlement),
		T(what_left_beyond_the_lease_is_charged_limit_or_not),
		T(a_lease_is_settled_once),
		T(open_leases_come_back_as_they_were_made),
		T(a_lease_ends_with_the_longest_window_of_its_bill),
		T(a_refused_lease_leaves_none),
		T(a_reset_forgets_one_counter_and_tells_who_did_it),
		T(a_grant_widens_a_limit_until_it_ends),
		T(a_block_holds_until_it_ends_or_is_lifted),
		T(events_come_back_newest_first_and_by_key),
		T(a_walk_meets_every_counter_that_still_says_something),
		T(a_reload_does_not_hand_out_a_fresh_allowance),
		T(a_question_under_another_configuration_changes_nothing),
		T(a_store_holds_the_configuration_that_it_was_given),
		T(names_that_no_store_could_keep_are_refused),
		T(the_store_agrees_with_the_oracle),
	};

	maker = m;
	return cmocka_run_group_tests_name(m->name, tests, NULL, NULL);
}
