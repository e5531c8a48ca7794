/*
 * test_crash.c - the end at any time: nothing promised is lost, nothing is
 * counted twice.
 *
 * The functions that change a file are defined here, in front of libc's, so
 * that a process can be killed before the n-th of them, or told that the disk
 * is full.  SQLite calls pwrite64, the journal pwrite.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "house.h"
#include "log.h"
#include "random.h"
#include "store_contract.h"
#include "tmpdir.h"

#define NOW STORE_CONTRACT_NOW

static atomic_long kill_at; /* 0: never */
static atomic_long calls;
static atomic_int journal_error; /* errno of every write to it, 0: none */
static atomic_int database_error;
static atomic_int sync_error;

static void
count_call(void)
{
	if (++calls == kill_at)
		kill(getpid(), SIGKILL);
}

static int
injected(const atomic_int *error)
{
	count_call();
	errno = *error;
	return errno != 0 ? -1 : 0;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (injected(&journal_error) == -1)
		return -1;
	return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	if (injected(&database_error) == -1)
		return -1;
	return syscall(SYS_pwrite64, fd, p, n, at);
}

int
fdatasync(int fd)
{
	if (injected(&sync_error) == -1)
		return -1;
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	count_call();
	return (int)syscall(SYS_fsync, fd);
}

int
unlink(const char *path)
{
	count_call();
	return (int)syscall(SYS_unlink, path);
}

/* --- tools --------------------------------------------------------------- */

/* What a child did, told to the parent. */
static struct told {
	atomic_long begun, done, flushes;
} * told;

static struct config *conf;
static atomic_int fatals;

static void
fatal(const char *why)
{
	fatals++;
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
	told->begun = told->done = told->flushes = 0;
	fatals = 0;
	return 0;
}

static int
teardown(void **state)
{
	kill_at = 0;
	journal_error = database_error = sync_error = 0;
	config_free(&conf);
	return 0;
}

static struct store *
open_in_child(void)
{
	struct why why = WHY_NONE;
	enum store_fault fault;
	struct store *s = store_open(conf, &env, &why, &fault);

	if (s == NULL) {
		fprintf(stderr, "child: %s\n", why.text);
		_exit(EXIT_FAILURE);
	}
	return s;
}

/* A message of 2000 recipients, so that journal files are soon full. */
static bool
charge_twins(struct store *s, long n)
{
	static uint64_t rcpt[2000];
	struct decision d;
	struct bill b;
	struct why why;

	bill_one(&b, conf, "million", "k", NOW + n);
	bill_add(&b, conf, "twin", "k");
	bill_add(&b, conf, "others", "k");
	b.line[2].rcpt = rcpt;
	b.line[2].nrcpt = 2000;
	b.ncommon = 3;
	for (uint64_t i = 0; i < 2000; i++)
		rcpt[i] = i;
	return store_charge(s, &b, "", &d, &why) == STORE_OK && d.fits;
}

static int
wait_for(pid_t pid)
{
	int status;

	assert_int_equal(pid, waitpid(pid, &status, 0));
	return status;
}

static void
assert_between(struct store *s, long low, long high)
{
	uint64_t n = store_used(s, conf, "million", "k", NOW + 10000);

	assert_in_range(n, (uint64_t)low, (uint64_t)high);
	assert_int_equal(n, store_used(s, conf, "twin", "k", NOW + 10000));
}

/* --- the end at any time ------------------------------------------------- */

static void
killed_between_two_messages_it_knows_what_the_oracle_knows(void **state)
{
	struct world w = { .rnd = random_seed("crash", 11), .now = NOW };
	uint64_t chance = 5;

	for (size_t life = random_rounds(60); life > 0; life--) {
		size_t n = random_below(&chance, 400);
		pid_t pid = fork();

		if (pid == 0) {
			struct store *s = open_in_child();

			for (size_t i = 0; i < n; i++)
				if (!world_step(&w, conf, s))
					_exit(1);
			kill(getpid(), SIGKILL);
		}
		for (size_t i = 0; i < n; i++)
			world_step(&w, conf, NULL);
		assert_true(WIFSIGNALED(wait_for(pid)));
		if (random_percent(&chance, 50)) {
			struct store *s = store_must_open(conf);

			world_check(&w, conf, s);
			store_close(&s);
		}
	}
	oracle_free(&w.oracle);
}

/* As a counter may be the account's and the smarthost's: it pays twice. */
static void
two_lines_on_one_counter_are_both_replayed(void **state)
{
	struct store *s;
	pid_t pid = fork();

	if (pid == 0) {
		struct lease l = { .smarthost = "one",
			.owner = "1.1",
			.messages = 1,
			.recipients = 1 };
		struct settlement none = { 0 };
		struct decision d;
		struct bill b;
		struct why why;

		s = open_in_child();
		bill_one(&b, conf, "million", "k", NOW);
		bill_add(&b, conf, "million", "k");
		b.ncommon = 2;
		for (int i = 0; i < 10; i++) {
			if (store_charge(s, &b, "", &d, &why) != STORE_OK ||
			    !d.fits)
				_exit(1);
			if (i == 4 && store_flush(s, &why) != STORE_OK)
				_exit(1);
		}
		if (store_lease(s, &b, &l, &d, &why) != STORE_OK ||
		    store_settle(s, &b, &l, &none, &why) != STORE_OK)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_true(WIFSIGNALED(wait_for(pid)));
	s = store_must_open(conf);
	assert_int_equal(20, store_used(s, conf, "million", "k", NOW));
	store_close(&s);
}

/* Opens, counts, flushes now and then, and closes: all that a life can hold. */
static void
short_life(void)
{
	struct store *s = open_in_child();
	struct why why;

	for (long i = 0; i < 40; i++) {
		told->begun++;
		if (!charge_twins(s, told->begun))
			_exit(1);
		told->done++;
		if (i % 8 == 7)
			store_flush(s, &why);
	}
	store_close(&s);
	_exit(0);
}

static void
killed_before_any_write_sync_or_removal_it_keeps_its_promises(void **state)
{
	size_t rounds = random_rounds(150), n = 0;
	uint64_t chance = random_seed("points", 3);
	bool clean = false;
	long at = 1;

	for (; n < rounds && !clean; n++) {
		struct store *s;
		pid_t pid = fork();

		if (pid == 0) {
			calls = 0;
			kill_at = at;
			short_life();
		}
		clean = !WIFSIGNALED(wait_for(pid));
		s = store_must_open(conf);
		assert_between(s, told->done, told->begun);
		told->begun = told->done =
		    (long)store_used(s, conf, "million", "k", NOW + 10000);
		store_close(&s);
		at += 1 + (long)random_below(&chance, 3);
	}
	assert_true(clean || n == rounds);
}

#define LOAD_KEYS 500 /* so many that a flush takes a while */

static void *
charge_on(void *arg)
{
	struct store *s = arg;

	for (;;) {
		long n = ++told->begun;
		struct decision d;
		struct bill b;
		char key[16];
		struct why why;

		snprintf(key, sizeof(key), "k%ld", n % LOAD_KEYS);
		bill_one(&b, conf, "million", key, NOW + n % 1000);
		bill_add(&b, conf, "twin", "*");
		b.ncommon = 2;
		if (store_charge(s, &b, "", &d, &why) != STORE_OK)
			_exit(1);
		told->done++;
	}
	return NULL;
}

static void *
flush_on(void *arg)
{
	struct why why;

	for (;;)
		if (store_flush(arg, &why) == STORE_OK)
			told->flushes++;
	return NULL;
}

/* What all keys have spent, and what they have spent together. */
static long
used_under_load(struct store *s)
{
	uint64_t sum = 0;
	char key[16];

	for (size_t i = 0; i < LOAD_KEYS; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		sum += store_used(s, conf, "million", key, NOW + 10000);
	}
	assert_int_equal(sum, store_used(s, conf, "twin", "*", NOW + 10000));
	return (long)sum;
}

static void
killed_under_load_it_loses_nothing_that_was_answered(void **state)
{
	uint64_t chance = random_seed("load", 9);

	for (size_t life = random_rounds(12); life > 0; life--) {
		long enough =
		    told->done + 500 + (long)random_below(&chance, 4000);
		long flushes = told->flushes + 3;
		struct store *s;
		pid_t pid = fork();

		if (pid == 0) {
			pthread_t t[4];

			s = open_in_child();
			for (size_t i = 0; i < 4; i++)
				pthread_create(&t[i], NULL,
				    i == 0 ? flush_on : charge_on, s);
			for (;;)
				pause();
		}
		while (told->done < enough || told->flushes < flushes)
			usleep(100);
		kill(pid, SIGKILL);
		assert_true(WIFSIGNALED(wait_for(pid)));
		s = store_must_open(conf);
		assert_in_range(used_under_load(s), told->done, told->begun);
		told->begun = told->done = used_under_load(s);
		store_close(&s);
	}
}

/* --- leases --------------------------------------------------------------- */

/* 30 leases of one recipient; every third is given back; a flush in between. */
static void
lease_and_die(bool flush)
{
	struct store *s = open_in_child();
	struct lease l = { .smarthost = "one", .messages = 1, .recipients = 1 };
	struct settlement nothing = { 0 };
	struct decision d;
	struct why why;
	struct bill b;

	for (int i = 0; i < 30; i++) {
		bill_one(&b, conf, "million", "k", NOW + i);
		if (store_lease(s, &b, &l, &d, &why) != STORE_OK || !d.fits)
			_exit(1);
		if (i == 10 && flush && store_flush(s, &why) != STORE_OK)
			_exit(1);
		if (i % 3 == 0 &&
		    store_settle(s, &b, &l, &nothing, &why) != STORE_OK)
			_exit(1);
	}
	kill(getpid(), SIGKILL);
}

static bool
count_lease(void *arg, const struct lease *l)
{
	++*(size_t *)arg;
	return true;
}

static void
a_lease_outlives_the_kill_and_is_not_given_back_twice(void **state)
{
	for (int flush = 0; flush < 2; flush++) {
		struct store *s;
		size_t n = 0;
		pid_t pid;

		tmpdir_empty();
		if ((pid = fork()) == 0)
			lease_and_die(flush == 1);
		assert_true(WIFSIGNALED(wait_for(pid)));
		for (int round = 0; round < 2; round++) {
			struct why why;

			s = store_must_open(conf);
			n = 0;
			assert_int_equal(
			    STORE_OK, store_leases(s, count_lease, &n, &why));
			assert_int_equal(20, n);
			assert_int_equal(
			    20, store_used(s, conf, "million", "k", NOW + 100));
			store_close(&s);
		}
	}
}

/* --- a disk that does not take it ---------------------------------------- */

static void
a_journal_that_cannot_be_written_changes_nothing(void **state)
{
	struct store *s = store_must_open(conf);
	struct store_stats st;

	assert_true(charge_twins(s, 1));
	journal_error = ENOSPC;
	for (int i = 0; i < 5; i++)
		assert_false(charge_twins(s, 2));
	assert_between(s, 1, 1);
	store_stats(s, &st);
	assert_int_equal(5, st.failed);
	journal_error = 0;
	assert_true(charge_twins(s, 3));
	store_close(&s);
	s = store_must_open(conf);
	assert_between(s, 2, 2);
	store_close(&s);
}

static void
a_new_sender_whom_the_journal_cannot_take_leaves_no_counter(void **state)
{
	struct store *s = store_must_open(conf);
	struct store_stats st;

	journal_error = EIO;
	assert_false(charge_twins(s, 1));
	journal_error = 0;
	store_stats(s, &st);
	assert_int_equal(0, st.counters);
	store_close(&s);
}

static void
a_database_that_is_full_lets_counting_go_on(void **state)
{
	struct store *s = store_must_open(conf);
	struct store_stats st;
	struct why why;

	assert_true(charge_twins(s, 1));
	database_error = ENOSPC;
	assert_int_equal(STORE_FAILED, store_flush(s, &why));
	assert_true(charge_twins(s, 2));
	assert_int_equal(STORE_FAILED, store_flush(s, &why));
	store_stats(s, &st);
	assert_false(st.healthy);
	assert_true(st.journal_bytes > 0);
	database_error = 0;
	assert_int_equal(STORE_OK, store_flush(s, &why));
	store_stats(s, &st);
	assert_true(st.healthy);
	assert_int_equal(0, st.journal_bytes);
	assert_true(charge_twins(s, 3));
	store_close(&s);
	s = store_must_open(conf);
	assert_between(s, 3, 3);
	store_close(&s);
}

static void
a_failed_sync_ends_the_daemon_and_is_never_tried_again(void **state)
{
	struct store *s;
	struct decision d;
	struct bill b;
	struct why why = WHY_NONE;
	enum store_fault fault;

	conf->durability = DURABILITY_POWER;
	s = store_open(conf, &env, &why, &fault);
	assert_non_null(s);
	sync_error = EIO;
	bill_one(&b, conf, "million", "k", NOW);
	assert_int_equal(STORE_UNCERTAIN, store_charge(s, &b, "", &d, &why));
	sync_error = 0;
	assert_true(fatals > 0);
	assert_int_equal(STORE_UNCERTAIN, store_charge(s, &b, "", &d, &why));
	store_close(&s);
}

/* --- refused with words -------------------------------------------------- */

static void
assert_refused(enum store_fault want, const char *word)
{
	struct why why = WHY_NONE;
	enum store_fault fault;

	assert_null(store_open(conf, &env, &why, &fault));
	assert_int_equal(want, fault);
	if (strstr(why.text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, word);
}

static void
a_second_daemon_is_told_that_the_store_is_in_use(void **state)
{
	struct store *s = store_must_open(conf);

	assert_refused(STORE_BUSY, "another postmeter");
	store_close(&s);
	s = store_must_open(conf);
	store_close(&s);
}

static void
a_directory_that_does_not_exist_is_named(void **state)
{
	free(conf->store);
	conf->store = strdup("sqlite:/nowhere/at/all.db");
	assert_refused(STORE_INACCESSIBLE, "/nowhere/at/all.db");
	free(conf->store);
	conf->store = strdup("mysql://localhost");
	assert_refused(STORE_MISCONFIGURED, "memory:");
}

static void
die_with_a_journal(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct store *s = open_in_child();

		for (long i = 0; i < 20; i++)
			charge_twins(s, i);
		kill(getpid(), SIGKILL);
	}
	wait_for(pid);
}

static void
path_of(char *dst, size_t size, const char *name)
{
	snprintf(dst, size, "%s/%s", tmpdir, name);
}

static void
a_journal_that_is_missing_is_not_taken_for_an_empty_one(void **state)
{
	char path[128], away[128];

	die_with_a_journal();
	path_of(path, sizeof(path), "s.db-journal.00000001");
	path_of(away, sizeof(away), "away");
	assert_int_equal(0, rename(path, away));
	assert_refused(STORE_DAMAGED, "missing");
	assert_refused(STORE_DAMAGED, "UPDATE meta");
	assert_int_equal(0, rename(away, path));
	store_close(&(struct store *){ store_must_open(conf) });
}

static void
a_byte_that_changed_in_the_middle_is_refused(void **state)
{
	char path[128], c;
	FILE *f;

	conf->durability = DURABILITY_POWER;
	die_with_a_journal();
	path_of(path, sizeof(path), "s.db-journal.00000001");
	f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, 16500, SEEK_SET);
	c = (char)(getc(f) ^ 1);
	fseek(f, 16500, SEEK_SET);
	putc(c, f);
	fclose(f);
	assert_refused(STORE_DAMAGED, "damaged frame at byte");
}

static void
a_damaged_database_is_refused_and_left_alone(void **state)
{
	struct store *s = store_must_open(conf);
	char path[128];
	FILE *f;

	charge_twins(s, 1);
	store_close(&s);
	path_of(path, sizeof(path), "s.db");
	f = fopen(path, "r+");
	assert_non_null(f);
	fwrite("not a database at all", 1, 21, f);
	fclose(f);
	assert_refused(STORE_DAMAGED, "backup");
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(killed_between_two_messages_it_knows_what_the_oracle_knows),
		T(two_lines_on_one_counter_are_both_replayed),
		T(killed_before_any_write_sync_or_removal_it_keeps_its_promises),
		T(killed_under_load_it_loses_nothing_that_was_answered),
		T(a_lease_outlives_the_kill_and_is_not_given_back_twice),
		T(a_journal_that_cannot_be_written_changes_nothing),
		T(a_new_sender_whom_the_journal_cannot_take_leaves_no_counter),
		T(a_database_that_is_full_lets_counting_go_on),
		T(a_failed_sync_ends_the_daemon_and_is_never_tried_again),
		T(a_second_daemon_is_told_that_the_store_is_in_use),
		T(a_directory_that_does_not_exist_is_named),
		T(a_journal_that_is_missing_is_not_taken_for_an_empty_one),
		T(a_byte_that_changed_in_the_middle_is_refused),
		T(a_damaged_database_is_refused_and_left_alone),
	};
	int rc;

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		abort();
	log_open("test", LOG_LEVEL_ERROR);
	tmpdir_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove();
	munmap(told, sizeof(*told));
	return rc;
}
