/*
 * test_power.c - the power fails: what was promised is on the disk.
 *
 * A store lives, ends in order or not, and lives again on a disk that records
 * it all.  Then the power fails at many points of these lives, and a store is
 * opened on what the disk may have kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "disk.h"
#include "house.h"
#include "log.h"
#include "random.h"
#include "store_contract.h"
#include "tmpdir.h"

#define NOW STORE_CONTRACT_NOW
#define CLIENTS 3
#define RECIPIENTS 2000 /* so that journal files are soon full */

static struct config *conf;

static void
fatal(const char *why)
{
	fprintf(stderr, "fatal: %s\n", why);
	abort();
}

static const struct store_env env = { .fatal = fatal };

static int
setup(void **state)
{
	tmpdir_empty();
	conf = house_config(store_contract_policies);
	free(conf->store);
	if (asprintf(&conf->store, "sqlite:%s/s.db", tmpdir) == -1)
		abort();
	return 0;
}

static int
teardown(void **state)
{
	config_free(&conf);
	return 0;
}

static struct store *
open_store(struct why *why)
{
	enum store_fault fault;

	return store_open(conf, &env, why, &fault);
}

/* STORE_UNCERTAIN: it counts, but the disk was too slow for an answer. */
static enum store_answer
charge(struct store *s, size_t nrcpt)
{
	static uint64_t rcpt[RECIPIENTS];
	struct why why;
	enum store_answer a;
	struct decision d;
	struct bill b;

	bill_one(&b, conf, "million", "k", NOW);
	bill_add(&b, conf, "twin", "k");
	bill_add(&b, conf, "others", "k");
	for (size_t i = 0; i < RECIPIENTS; i++)
		rcpt[i] = i;
	b.line[2].rcpt = rcpt;
	b.line[2].nrcpt = nrcpt;
	b.ncommon = 3;
	a = store_charge(s, &b, "", &d, &why);
	if ((a != STORE_OK && a != STORE_UNCERTAIN) || !d.fits)
		fatal(why.text);
	return a;
}

/* --- lives ---------------------------------------------------------------- */

static atomic_long left; /* messages of this life */

static void *
client(void *arg)
{
	long n;

	while ((n = atomic_fetch_sub(&left, 1)) > 0) {
		disk_asked();
		if (charge(arg, n % 2 == 0 ? RECIPIENTS : (size_t)n) ==
		    STORE_OK)
			disk_answered();
	}
	return NULL;
}

/* In a process of its own, as a daemon is. */
static void
live(long messages, bool orderly)
{
	struct why why = WHY_NONE;
	pthread_t t[CLIENTS];
	pid_t pid = fork();
	struct store *s;
	int status;

	if (pid == 0) {
		if ((s = open_store(&why)) == NULL)
			fatal(why.text);
		left = messages;
		for (size_t i = 0; i < CLIENTS; i++)
			pthread_create(&t[i], NULL, client, s);
		while (left > 0)
			store_flush(s, &why);
		for (size_t i = 0; i < CLIENTS; i++)
			pthread_join(t[i], NULL);
		if (orderly)
			store_close(&s);
		disk_die();
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_int_equal(0, status);
}

/* --- what the power failure left ------------------------------------------ */

static void
assert_kept(struct store *s, const char *policy, long low, long high)
{
	uint64_t n = store_used(s, conf, policy, "k", NOW);

	if (n < (uint64_t)low || n > (uint64_t)high)
		fail_msg("%s is %llu, not %ld to %ld", policy,
		    (unsigned long long)n, low, high);
}

/* It opens, knows what it promised, goes on, and still knows it then. */
static void
assert_survived(long low, long high)
{
	struct why why = WHY_NONE;
	struct store *s = open_store(&why);
	uint64_t n;

	if (s == NULL)
		fail_msg("%s", why.text);
	assert_kept(s, "million", low, high);
	assert_kept(s, "twin", low, high);
	n = store_used(s, conf, "million", "k", NOW);
	charge(s, 1);
	store_close(&s);
	s = open_store(&why);
	assert_non_null(s);
	assert_kept(s, "million", (long)n + 1, (long)n + 1);
	store_close(&s);
}

static void
fail_power(size_t points, uint64_t seed, size_t images)
{
	bool power = conf->durability == DURABILITY_POWER;

	for (size_t i = 0; i < images; i++) {
		uint64_t chance = seed + i;
		size_t n = points * (i + 1) / images;
		enum disk_loss loss = disk_any_loss(&chance);
		struct disk_promises p =
		    disk_image(n, loss, "-journal.", &chance);

		print_message("image %zu: point %zu of %zu, lost: %s, "
			      "%ld answered of %ld, %ld kept\n",
		    i, n, points, disk_loss_name[loss], p.answered, p.asked,
		    p.kept);
		assert_survived(power ? p.answered : p.kept, p.asked);
	}
}

static void
lose_power(enum durability durability)
{
	uint64_t seed = random_seed("power", 1);
	const char *more = getenv("PM_TEST_IMAGES");
	size_t images =
	    more != NULL ? strtoull(more, NULL, 10) : random_rounds(200);

	conf->durability = durability;
	disk_record(tmpdir);
	live(100, false);
	live(0, false);
	live(50, true);
	live(100, false);
	fail_power(disk_stop(), seed, images);
}

static void
with_power_every_answer_is_kept(void **state)
{
	lose_power(DURABILITY_POWER);
}

static void
with_crash_everything_that_was_synced_is_kept(void **state)
{
	lose_power(DURABILITY_CRASH);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(with_power_every_answer_is_kept),
		T(with_crash_everything_that_was_synced_is_kept),
	};
	int rc;

	log_open("test", LOG_LEVEL_ERROR);
	tmpdir_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove();
	return rc;
}
