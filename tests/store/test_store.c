/*
 * test_store.c - the contract, kept by the embedded store and by the table
 * alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "house.h"
#include "log.h"
#include "random.h"
#include "store_contract.h"
#include "tmpdir.h"

static struct config *
config_memory(void)
{
	return house_config(store_contract_policies);
}

static struct config *
config_sqlite(void)
{
	struct config *conf = house_config(store_contract_policies);

	tmpdir_empty();
	free(conf->store);
	if (asprintf(&conf->store, "sqlite:%s/s.db", tmpdir) == -1)
		abort();
	return conf;
}

static struct config *
config_power(void)
{
	struct config *conf = config_sqlite();

	conf->durability = DURABILITY_POWER;
	return conf;
}

/* --- more senders than memory holds -------------------------------------- */

#define CROWD 2200 /* each knows 2500 recipients: more than memory keeps */

struct crowd {
	const struct config *conf;
	struct store *store;
	uint64_t seed;
	int charged[CROWD]; /* by all threads */
	bool failed;
};

/* The first message to many, so that the counter is large. */
static bool
crowd_charge(struct crowd *c, size_t k, size_t nrcpt)
{
	uint64_t rcpt[2500];
	struct decision d;
	struct bill b;
	char key[32];
	struct why why;

	for (size_t i = 0; i < nrcpt; i++)
		rcpt[i] = i;
	snprintf(key, sizeof(key), "k%zu", k);
	bill_one(&b, c->conf, "others", key, STORE_CONTRACT_NOW);
	b.line[0].rcpt = rcpt;
	b.line[0].nrcpt = nrcpt;
	bill_add(&b, c->conf, "million", key);
	bill_add(&b, c->conf, "twin", "*");
	b.ncommon = 3;
	if (store_charge(c->store, &b, key, &d, &why) != STORE_OK || !d.fits)
		return false;
	__atomic_add_fetch(&c->charged[k], 1, __ATOMIC_RELAXED);
	return true;
}

static void *
crowd_run(void *arg)
{
	struct crowd *c = arg;
	uint64_t chance = __atomic_add_fetch(&c->seed, 1, __ATOMIC_RELAXED);
	struct why why;

	for (size_t i = random_rounds(600); i > 0; i--) {
		if (!crowd_charge(c, random_below(&chance, CROWD), 1))
			c->failed = true;
		if (i % 50 == 0)
			store_flush(c->store, &why);
	}
	return NULL;
}

static void
counters_that_left_memory_come_back_as_they_were(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));
	struct config *conf = config_sqlite();
	size_t n = random_rounds(CROWD);
	struct store_stats st;
	pthread_t thread[4];
	char key[16];
	struct why why;

	assert_non_null(c);
	c->conf = conf;
	c->store = store_must_open(conf);
	c->seed = random_seed("crowd", 3);
	for (size_t k = 0; k < n; k++) {
		assert_true(crowd_charge(c, k, 2500));
		if (k % 100 == 0)
			store_flush(c->store, &why);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, crowd_run, c);
	for (size_t i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_false(c->failed);
	store_stats(c->store, &st);
	assert_true(n < CROWD || st.counters < 2 * CROWD);
	for (size_t k = 0; k < CROWD; k++) {
		snprintf(key, sizeof(key), "k%zu", k);
		assert_int_equal(
		    c->charged[k], store_used(c->store, conf, "million", key,
				       STORE_CONTRACT_NOW));
		if (c->charged[k] > 0 && k < n)
			assert_int_equal(
			    2500, store_used(c->store, conf, "others", key,
				      STORE_CONTRACT_NOW));
	}
	store_close(&c->store);
	config_free(&conf);
	free(c);
}

static bool
count_counter(
    void *arg, const char *policy, const char *key, const struct counter *c)
{
	++*(size_t *)arg;
	return true;
}

static void
counters_that_say_nothing_leave_the_database_too(void **state)
{
	struct config *conf = config_sqlite();
	struct crowd c = { .conf = conf, .store = store_must_open(conf) };
	struct why why;
	struct store_stats st;
	size_t n = 0;
	struct decision d;
	struct bill b;

	for (size_t k = 0; k < 20; k++)
		crowd_charge(&c, k, 3);
	assert_int_equal(STORE_OK, store_flush(c.store, &why));
	store_walk(c.store, STORE_CONTRACT_NOW, count_counter, &n, &why);
	assert_int_equal(41, n);
	/* A question about a later time makes nothing idle; a charge does. */
	store_used(c.store, conf, "five", "x", STORE_CONTRACT_NOW + 30 * DAY);
	for (int i = 0; i < 3; i++)
		assert_int_equal(STORE_OK, store_flush(c.store, &why));
	store_stats(c.store, &st);
	assert_int_equal(41, st.counters);
	bill_one(&b, conf, "five", "x", STORE_CONTRACT_NOW + 30 * DAY);
	assert_int_equal(STORE_OK, store_charge(c.store, &b, "", &d, &why));
	for (int i = 0; i < 3; i++)
		assert_int_equal(STORE_OK, store_flush(c.store, &why));
	store_stats(c.store, &st);
	assert_int_equal(1, st.counters);
	n = 0;
	store_walk(c.store, STORE_CONTRACT_NOW, count_counter, &n, &why);
	assert_int_equal(1, n);
	store_close(&c.store);
	config_free(&conf);
}

static void
the_database_does_not_grow_with_those_who_come_and_go(void **state)
{
	struct config *conf = config_sqlite();
	struct store *store = store_must_open(conf);
	char key[16];
	struct why why;
	struct decision d;
	struct bill b;
	size_t n = 0;

	for (int month = 0; month < 10; month++) {
		for (int i = 0; i < 300; i++) {
			snprintf(key, sizeof(key), "%d-%d", month, i);
			bill_one(&b, conf, "million", key,
			    STORE_CONTRACT_NOW + month * 31 * DAY);
			assert_int_equal(
			    STORE_OK, store_charge(store, &b, "", &d, &why));
		}
		assert_int_equal(STORE_OK, store_flush(store, &why));
	}
	store_walk(store, STORE_CONTRACT_NOW, count_counter, &n, &why);
	assert_in_range(n, 300, 900);
	store_close(&store);
	config_free(&conf);
}

/* Bytes that malloc has given out; 0 under a sanitizer, which has its own. */
static size_t
allocated(void)
{
	return mallinfo2().uordblks;
}

static void
one_message_each(
    struct store *s, const struct config *conf, size_t from, size_t to)
{
	struct decision d;
	struct bill b;
	char key[64];
	struct why why;

	for (size_t i = from; i < to; i++) {
		snprintf(key, sizeof(key), "sender%zu@office.example", i);
		bill_one(
		    &b, conf, "lean", key, STORE_CONTRACT_NOW + (int64_t)i);
		assert_int_equal(STORE_OK, store_charge(s, &b, "", &d, &why));
		assert_true(d.fits);
	}
}

static void
a_message_under_three_limits_is_remembered_in_400_bytes(void **state)
{
	struct config *conf = house_config(
	    "policy \"lean\" { per = \"account\" messages = {\"500/24h\", "
	    "\"30/10m\"} recipients = {\"2000/24h\"} }\n"
	    "rule \"everybody\" { policies = {} }\n");
	struct store *s;
	size_t before;

	free(conf->store);
	conf->store = strdup("memory:");
	s = store_must_open(conf);
	/* Those used last are as fast as may be: they have their place. */
	one_message_each(s, conf, 0, 40000);
	before = allocated();
	one_message_each(s, conf, 40000, 60000);
	printf("  %zu bytes\n", (allocated() - before) / 20000);
	assert_true(allocated() - before <= (size_t)20000 * 400);
	store_close(&s);
	config_free(&conf);
}

int
main(void)
{
	const struct CMUnitTest own[] = {
		cmocka_unit_test(
		    a_message_under_three_limits_is_remembered_in_400_bytes),
		cmocka_unit_test(
		    counters_that_left_memory_come_back_as_they_were),
		cmocka_unit_test(
		    counters_that_say_nothing_leave_the_database_too),
		cmocka_unit_test(
		    the_database_does_not_grow_with_those_who_come_and_go),
	};
	static const struct store_maker makers[] = {
		{ "memory", false, config_memory },
		{ "sqlite", true, config_sqlite },
		{ "sqlite, power", true, config_power },
	};
	int rc = 0;

	log_open("test", LOG_LEVEL_ERROR);
	tmpdir_make();
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		rc |= store_contract_run(&makers[i]);
	rc |= cmocka_run_group_tests_name("sqlite, alone", own, NULL, NULL);
	tmpdir_remove();
	return rc;
}
