/*
 * test_redis.c - the contract, kept by the shared store; that its script and
 * the engine are one; and its bad days.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "house.h"
#include "log.h"
#include "random.h"
#include "redis_server.h"
#include "store_contract.h"
#include "store_redis.h"
#include "tmpdir.h"

static struct redis_server server;

static struct config *
config_redis(void)
{
	struct config *conf = house_config(store_contract_policies);

	assert_true(redis_tell(&server, "FLUSHALL"));
	free(conf->store);
	if (asprintf(&conf->store, "redis+unix://%s?db=3", server.socket) == -1)
		abort();
	return conf;
}

/* --- script and engine --------------------------------------------------- */

static const char twin_policies[] =
    "policy \"roll\" { per = \"account\" messages = {\"6/7s\", \"40/5m\"} "
    "recipients = {\"30/1m\"} bytes = {\"20k/31s\"} warn-at = {50, 80} }\n"
    "policy \"lock\" { per = \"account\" messages = {\"25/1m\"} "
    "bytes = {\"150k/hour\"} lockout = \"20s\" warn-at = {90} }\n"
    "policy \"uniq\" { per = \"account\" unique-recipients = {\"8/45s\", "
    "\"12/day\", \"60/week\"} warn-at = {3, 60, 100} }\n"
    "policy \"cal\" { per = \"account\" messages = {\"30/day\", \"90/week\"} "
    "recipients = {\"40/hour\", \"900/month\"} warn-at = {10, 20, 30, 40} }\n"
    "policy \"watch\" { per = \"account\" messages = {\"3/11s\"} "
    "unique-recipients = {\"4/13s\"} when-over = \"observe\" "
    "lockout = \"1m\" }\n"
    "policy \"none\" { per = \"account\" bytes = {\"0/1h\"} }\n"
    "policy \"host\" { per = \"account\" recipients = {\"15/17s\"} "
    "unique-recipients = {\"9/29s\"} warn-at = {75} lockout = \"3s\" }\n"
    "rule \"everybody\" { policies = {} }\n";
static const char *const twin_policy[] = { "roll", "lock", "uniq", "cal",
	"watch", "none", "host" };
static const char *const twin_key[] = { "a@office.example", "b", "*" };
#define TWIN_POLICIES 7
#define TWIN_KEYS 3

/* The same questions to two stores. */
struct twins {
	struct config *conf;
	struct store *memory, *redis;
	uint64_t rnd, rcpt[8];
	size_t charged, refused;
};

static void
twin_line(struct twins *t, struct bill *b, size_t p, size_t k)
{
	struct bill_line *l =
	    bill_add(b, t->conf, twin_policy[p], twin_key[k]);
	size_t n = random_below(&t->rnd, 5);

	l->nrcpt = n;
	l->cost[DIM_MESSAGES] = n > 0;
	l->cost[DIM_RECIPIENTS] = random_percent(&t->rnd, 1) ? 60 : n;
	l->cost[DIM_BYTES] = n > 0 ? random_below(&t->rnd, 6000) : 0;
	if (random_percent(&t->rnd, 1))
		l->cost[DIM_BYTES] = UINT64_C(1) << 52;
	if (n > 0)
		l->rcpt = t->rcpt + random_below(&t->rnd, 4);
	l->observed = random_percent(&t->rnd, 4);
}

static void
twin_bill(struct twins *t, struct bill *b)
{
	memset(b, 0, sizeof(*b));
	for (size_t i = 0; i < 8; i++)
		t->rcpt[i] = i * UINT64_C(0x9e3779b97f4a7c15) +
			     random_below(&t->rnd, 3);
	b->now = house_time;
	b->zone = t->conf->zone;
	b->spread = random_percent(&t->rnd, 50);
	for (size_t p = 0; p < 5; p++)
		if (random_percent(&t->rnd, 40))
			twin_line(t, b, p, random_below(&t->rnd, TWIN_KEYS));
	if (random_percent(&t->rnd, 2))
		twin_line(t, b, 5, 0);
	b->ncommon = b->nline;
	b->nchoice = random_below(&t->rnd, 4);
	for (size_t c = 0; c < b->nchoice; c++) {
		b->choice[c].first = b->nline;
		b->choice[c].smarthost = twin_key[c];
		if (random_percent(&t->rnd, 90))
			twin_line(t, b, 6, c);
		b->choice[c].n = b->nline - b->choice[c].first;
	}
}

static void
same_shortfall(const struct shortfall *a, const struct shortfall *b)
{
	assert_int_equal(a->what, b->what);
	assert_true(a->again == b->again);
	if (a->what == SHORT_NOTHING)
		return;
	assert_int_equal(a->line, b->line);
	assert_int_equal(a->limit, b->limit);
	assert_int_equal(a->used, b->used);
	assert_int_equal(a->max, b->max);
}

static void
same_decision(const struct decision *a, const struct decision *b)
{
	assert_int_equal(a->fits, b->fits);
	assert_int_equal(a->choice, b->choice);
	same_shortfall(&a->shortfall, &b->shortfall);
	same_shortfall(&a->observed, &b->observed);
	assert_int_equal(a->nwarning, b->nwarning);
	for (size_t i = 0; i < a->nwarning; i++) {
		assert_int_equal(a->warning[i].line, b->warning[i].line);
		assert_int_equal(a->warning[i].limit, b->warning[i].limit);
		assert_int_equal(a->warning[i].percent, b->warning[i].percent);
		assert_int_equal(a->warning[i].used, b->warning[i].used);
		assert_int_equal(a->warning[i].max, b->warning[i].max);
	}
}

static void
twin_ask(struct twins *t, bool spend)
{
	struct decision a, b;
	char why[STORE_WHY];
	struct bill bill;

	twin_bill(t, &bill);
	if (spend) {
		assert_int_equal(
		    STORE_OK, store_charge(t->memory, &bill, "x", &a, why));
		if (store_charge(t->redis, &bill, "x", &b, why) != STORE_OK)
			fail_msg("%s", why);
	} else {
		assert_int_equal(
		    STORE_OK, store_preview(t->memory, &bill, &a, why));
		if (store_preview(t->redis, &bill, &b, why) != STORE_OK)
			fail_msg("%s", why);
	}
	same_decision(&a, &b);
	t->charged += spend && a.fits;
	t->refused += spend && !a.fits;
}

static void
twin_act(struct twins *t)
{
	const struct policy *p = config_policy(
	    t->conf, twin_policy[random_below(&t->rnd, TWIN_POLICIES)]);
	const char *key = twin_key[random_below(&t->rnd, TWIN_KEYS)];
	const struct grant g = {
		.dim = (enum dimension)random_below(&t->rnd, DIM_COUNT),
		.extra = random_below(&t->rnd, 10),
		.until = house_time + 1 +
			 (int64_t)random_below(&t->rnd, 30 * (uint64_t)SECOND),
	};
	char why[STORE_WHY];

	if (random_percent(&t->rnd, 30))
		assert_int_equal(
		    store_reset(t->memory, p, key, house_time, "t", why),
		    store_reset(t->redis, p, key, house_time, "t", why));
	else
		assert_int_equal(
		    store_grant(t->memory, p, key, &g, house_time, "t", "", why),
		    store_grant(t->redis, p, key, &g, house_time, "t", "", why));
}

/* What the tool would show. */
static void
same_usage(struct twins *t)
{
	for (size_t p = 0; p < TWIN_POLICIES; p++)
		for (size_t k = 0; k < TWIN_KEYS; k++) {
			const struct policy *policy =
			    config_policy(t->conf, twin_policy[p]);
			struct counter *a = NULL, *b = NULL;
			char why[STORE_WHY];

			assert_int_equal(
			    store_read(t->memory, policy, twin_key[k],
				house_time, &a, why),
			    store_read(t->redis, policy, twin_key[k],
				house_time, &b, why));
			for (size_t i = 0; i < policy->nlimit; i++) {
				uint64_t used[2], max[2];

				quota_usage(policy, a, i, house_time, &used[0],
				    &max[0]);
				quota_usage(policy, b, i, house_time, &used[1],
				    &max[1]);
				assert_int_equal(used[0], used[1]);
				assert_int_equal(max[0], max[1]);
			}
			assert_true(quota_next(policy, a, house_time) ==
				    quota_next(policy, b, house_time));
			counter_free(&a);
			counter_free(&b);
		}
}

/* Other limits, at once for every counter of both. */
static void
twin_reload(struct twins *t)
{
	char why[STORE_WHY];
	struct decision d;
	struct bill b;

	for (size_t i = 0; i < t->conf->npolicy; i++) {
		struct policy *p = &t->conf->policy[i];
		struct limit *l = &p->limit[random_below(&t->rnd, p->nlimit)];

		if (strncmp(p->name, "(", 1) == 0)
			continue;
		l->window.calendar = random_percent(&t->rnd, 50);
		l->window.period = (enum period)random_below(&t->rnd, 4);
		l->window.length =
		    (int64_t)(2 + random_below(&t->rnd, 60)) * SECOND;
	}
	for (size_t p = 0; p < TWIN_POLICIES; p++)
		for (size_t k = 0; k < TWIN_KEYS; k++) {
			bill_one(&b, t->conf, twin_policy[p], twin_key[k],
			    house_time);
			store_preview(t->memory, &b, &d, why);
			store_preview(t->redis, &b, &d, why);
		}
}

static void
twin_time(struct twins *t)
{
	uint64_t dice = random_below(&t->rnd, 1000);
	int64_t some = (int64_t)random_below(&t->rnd, 2 * (uint64_t)SECOND);

	if (dice < 300)
		return;
	if (dice < 980)
		house_time += some;
	else if (dice < 990)
		house_time += some * 60;
	else if (dice < 992)
		house_time += some * 7200;
	else
		house_time -= dice < 998 ? some * 10 : some * 4000;
}

static void
the_script_and_the_engine_never_differ(void **state)
{
	struct twins t = { .conf = house_config(twin_policies),
		.rnd = random_seed("twins", 5) };
	struct config *redis = config_redis();

	t.memory = store_must_open(t.conf);
	free(t.conf->store);
	t.conf->store = strdup(redis->store);
	t.redis = store_must_open(t.conf);
	for (size_t i = random_rounds(20000); i > 0; i--) {
		uint64_t dice = random_below(&t.rnd, 1000);

		twin_time(&t);
		if (dice < 850)
			twin_ask(&t, true);
		else if (dice < 950)
			twin_ask(&t, false);
		else if (dice < 988)
			twin_act(&t);
		else if (dice < 998)
			same_usage(&t);
		else
			twin_reload(&t);
	}
	printf("  %zu charged, %zu refused\n", t.charged, t.refused);
	store_close(&t.memory);
	store_close(&t.redis);
	config_free(&t.conf);
	config_free(&redis);
}

int
main(void)
{
	const struct CMUnitTest own[] = {
		cmocka_unit_test(the_script_and_the_engine_never_differ),
	};
	static const struct store_maker maker = { "redis", true, config_redis };
	int rc = 0;

	if (!redis_is_installed()) {
		printf("redis-server is not installed: nothing tested\n");
		return 0;
	}
	log_open("test", LOG_LEVEL_ERROR);
	store_redis_callers_time = true;
	redis_budget = 60000;
	tmpdir_make();
	redis_start(&server, tmpdir, "redis", NULL);
	rc |= store_contract_run(&maker);
	rc |= cmocka_run_group_tests_name("redis, alone", own, NULL, NULL);
	redis_kill(&server);
	tmpdir_remove();
	return rc;
}
