/*
 * test_after_kill.c - between a kill and the next start the world has changed:
 * the configuration was edited, the disk is full, a counter is larger than any
 * buffer, the journal has grown.  What was answered holds all the same.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "by.h"
#include "house.h"
#include "log.h"
#include "store_contract.h"
#include "tmpdir.h"

#define NOW STORE_CONTRACT_NOW
#define RULE "rule \"everybody\" { policies = {} }\n"

static int database_error; /* errno of every write to it, 0: none */

/* SQLite's way to the disk. */
ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	if (database_error != 0) {
		errno = database_error;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, p, n, at);
}

static struct config *
configured(const char *policies)
{
	struct config *conf = house_config(policies);

	free(conf->store);
	if (asprintf(&conf->store, "sqlite:%s/s.db", tmpdir) == -1)
		abort();
	return conf;
}

static struct store *
child_open(const struct config *conf)
{
	struct why why = WHY_NONE;
	enum store_fault fault;
	struct store *s = store_open(conf, &contract_env, &why, &fault);

	if (s == NULL) {
		fprintf(stderr, "child: %s\n", why.text);
		_exit(1);
	}
	return s;
}

/* A life under that configuration which ends with kill -9. */
static void
live_and_be_killed(const char *policies,
    bool (*life)(struct store *s, const struct config *conf))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct config *conf = configured(policies);

		if (!life(child_open(conf), conf))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFSIGNALED(status));
}

static bool
pay(struct store *s, const struct config *conf, const char *key, int64_t now)
{
	struct why why;
	struct decision d;
	struct bill b;

	bill_one(&b, conf, "p", key, now);
	return store_charge(s, &b, "", &d, &why) == STORE_OK && d.fits;
}

static bool
five_messages(struct store *s, const struct config *conf)
{
	struct why why;

	for (int i = 0; i < 5; i++)
		if (!pay(s, conf, "a", NOW + i * MINUTE) ||
		    (i == 2 && store_flush(s, &why) != STORE_OK))
			return false;
	return true;
}

static bool
three_times_two_lines(struct store *s, const struct config *conf)
{
	struct why why;
	struct decision d;
	struct bill b;

	bill_one(&b, conf, "p", "a", NOW);
	bill_add(&b, conf, "p", "a");
	b.ncommon = 2;
	for (int i = 0; i < 3; i++)
		if (store_charge(s, &b, "", &d, &why) != STORE_OK || !d.fits)
			return false;
	return store_flush(s, &why) == STORE_OK;
}

static void
change_database(const char *sql)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/s.db", tmpdir);
	assert_int_equal(SQLITE_OK, sqlite3_open(path, &db));
	assert_int_equal(SQLITE_OK, sqlite3_exec(db, sql, NULL, NULL, NULL));
	sqlite3_close(db);
}

/* What the n-th limit of p says that a has spent. */
static uint64_t
spent(struct store *s, const struct config *conf, size_t n, int64_t now)
{
	const struct policy *p = config_policy(conf, "p");
	struct counter *c = NULL;
	uint64_t used, max;
	struct why why;

	store_read(s, p, "a", now, &c, &why);
	quota_usage(p, c, n, now, &used, &max);
	counter_free(&c);
	return used;
}

static void
limits_that_were_changed_know_what_is_replayed(void **state)
{
	static const char *const after[] = {
		"policy \"p\" { per = \"account\" messages = {\"5/1h\", \"5/12h\"} "
		"recipients = {\"5/24h\"} }\n" RULE,
		"policy \"p\" { per = \"account\" messages = {\"5/2h\"} }\n" RULE,
		"policy \"p\" { per = \"account\" messages = {\"5/day\", \"5/10m\"} "
		"unique-recipients = {\"9/1h\"} }\n" RULE,
	};

	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		struct config *conf;
		struct store *s;

		tmpdir_empty();
		live_and_be_killed(
		    "policy \"p\" { per = \"account\" messages = {\"5/1h\"} }\n" RULE,
		    five_messages);
		conf = configured(after[i]);
		s = store_must_open(conf);
		assert_int_equal(5, spent(s, conf, 0, NOW + 5 * MINUTE));
		assert_false(pay(s, conf, "a", NOW + 5 * MINUTE));
		store_close(&s);
		config_free(&conf);
	}
}

/*
 * A row is copied while mail goes on, so it may have more than was there when
 * its flush began: a flush that says it began before all of it.
 */
static void
a_row_newer_than_its_flush_is_not_counted_twice(void **state)
{
	const char *text =
	    "policy \"p\" { per = \"account\" messages = {\"100/1h\"} }\n" RULE;
	struct config *conf = configured(text);
	struct store *s;

	live_and_be_killed(text, three_times_two_lines);
	change_database("UPDATE meta SET value = 0 WHERE name = 'flushed'");
	s = store_must_open(conf);
	assert_int_equal(6, spent(s, conf, 0, NOW));
	store_close(&s);
	config_free(&conf);
}

static void
a_policy_that_is_gone_and_comes_again_is_not_in_the_way(void **state)
{
	const char *with =
	    "policy \"p\" { per = \"account\" messages = {\"5/1h\"} }\n" RULE;
	struct config *conf;
	struct store *s;

	live_and_be_killed(with, five_messages);
	conf = configured(RULE);
	s = store_must_open(conf);
	store_close(&s);
	config_free(&conf);
	/* What was in the database then is there again. */
	conf = configured(with);
	s = store_must_open(conf);
	assert_in_range(spent(s, conf, 0, NOW + 5 * MINUTE), 3, 5);
	store_close(&s);
	config_free(&conf);
}

/* Digests of as many recipients as one message may have, and twice. */
static bool
two_large_lists(struct store *s, const struct config *conf)
{
	const size_t n = 60000;
	uint64_t *rcpt = calloc(2 * n, sizeof(*rcpt));
	struct decision d;
	struct bill b;
	struct why why = WHY_NONE;

	for (size_t i = 0; i < 2 * n; i++)
		rcpt[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t i = 0; i < 2; i++) {
		bill_one(&b, conf, "p", "a", NOW + (int64_t)i);
		b.line[0].rcpt = rcpt + i * n;
		b.line[0].nrcpt = n;
		if (store_charge(s, &b, "", &d, &why) != STORE_OK || !d.fits)
			return false;
		if (i == 1 && store_flush(s, &why) != STORE_OK)
			return false;
	}
	free(rcpt);
	return pay(s, conf, "b", NOW + 2);
}

static void
a_counter_larger_than_any_buffer_comes_back(void **state)
{
	const char *text =
	    "policy \"p\" { per = \"account\" unique-recipients = {\"200k/24h\"} }\n" RULE;
	struct config *conf;
	struct store *s;

	live_and_be_killed(text, two_large_lists);
	conf = configured(text);
	s = store_must_open(conf);
	assert_int_equal(120000, spent(s, conf, 0, NOW + 5));
	store_close(&s);
	s = store_must_open(conf);
	assert_int_equal(120000, spent(s, conf, 0, NOW + 5));
	store_close(&s);
	config_free(&conf);
}

/* Files of the journal, and their bytes. */
static size_t
journal_files(off_t *bytes_r)
{
	DIR *d = opendir(tmpdir);
	const struct dirent *e;
	struct stat st;
	size_t n = 0;

	*bytes_r = 0;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strstr(e->d_name, "-journal.") == NULL)
			continue;
		assert_int_equal(0, fstatat(dirfd(d), e->d_name, &st, 0));
		*bytes_r += st.st_size;
		n++;
	}
	closedir(d);
	return n;
}

static bool
much_mail(struct store *s, const struct config *conf)
{
	struct why why;

	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 6000; i++)
			if (!pay(s, conf, "a", NOW + round))
				return false;
		if (store_flush(s, &why) != STORE_OK)
			return false;
	}
	return true;
}

static void
a_journal_that_has_grown_was_turned_and_is_replayed(void **state)
{
	const char *text =
	    "policy \"p\" { per = \"account\" messages = {\"1M/1h\"} }\n" RULE;
	struct config *conf = configured(text);
	struct store *s;
	off_t bytes;

	live_and_be_killed(text, much_mail);
	assert_in_range(journal_files(&bytes), 1, 2);
	assert_in_range(bytes, 1, 2 << 20); /* it wrote 3 MB */
	s = store_must_open(conf);
	assert_int_equal(36000, spent(s, conf, 0, NOW + 10));
	store_close(&s);
	assert_int_equal(0, journal_files(&bytes));
	config_free(&conf);
}

/* What a reset and a grant say while the database takes nothing. */
static bool
commands_on_a_full_disk(struct store *s, const struct config *conf)
{
	const struct policy *p = config_policy(conf, "p");
	struct grant g = { DIM_MESSAGES, 2, NOW + DAY, 0 };
	struct why why = WHY_NONE;

	if (!five_messages(s, conf))
		return false;
	database_error = ENOSPC;
	if (store_reset(s, p, "a", BY(NOW + 5 * MINUTE, "root", ""), &why) !=
		STORE_UNCERTAIN ||
	    strstr(why.text, "journal") == NULL)
		return false;
	return store_grant(s, p, "a", &g, BY(NOW + 6 * MINUTE, "root", ""),
		   &why) == STORE_UNCERTAIN;
}

static void
a_command_on_a_full_disk_is_not_called_done_and_holds(void **state)
{
	const char *text =
	    "policy \"p\" { per = \"account\" messages = {\"5/1h\"} }\n" RULE;
	struct config *conf = configured(text);
	struct store *s;

	live_and_be_killed(text, commands_on_a_full_disk);
	s = store_must_open(conf);
	for (int i = 0; i < 8; i++)
		assert_int_equal(i < 7, pay(s, conf, "a", NOW + 7 * MINUTE));
	store_close(&s);
	config_free(&conf);
}

static void
a_start_that_cannot_write_fails_and_forgets_nothing(void **state)
{
	const char *text =
	    "policy \"p\" { per = \"account\" messages = {\"5/1h\"} }\n" RULE;
	struct config *conf = configured(text);
	enum store_fault fault;
	struct why why = WHY_NONE;
	struct store *s;

	live_and_be_killed(text, five_messages);
	for (size_t i = 0; i < 3; i++) {
		database_error = (const int[]){ ENOSPC, EROFS, EIO }[i];
		assert_null(store_open(conf, &contract_env, &why, &fault));
		assert_true(why.text[0] != '\0');
		database_error = 0;
	}
	s = store_must_open(conf);
	assert_int_equal(5, spent(s, conf, 0, NOW + 5 * MINUTE));
	assert_false(pay(s, conf, "a", NOW + 5 * MINUTE));
	store_close(&s);
	config_free(&conf);
}

static int
setup(void **state)
{
	tmpdir_empty();
	return 0;
}

static int
teardown(void **state)
{
	database_error = 0;
	return 0;
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(limits_that_were_changed_know_what_is_replayed),
		T(a_row_newer_than_its_flush_is_not_counted_twice),
		T(a_policy_that_is_gone_and_comes_again_is_not_in_the_way),
		T(a_counter_larger_than_any_buffer_comes_back),
		T(a_journal_that_has_grown_was_turned_and_is_replayed),
		T(a_command_on_a_full_disk_is_not_called_done_and_holds),
		T(a_start_that_cannot_write_fails_and_forgets_nothing),
	};
	int rc;

	log_open("test", LOG_LEVEL_ERROR);
	tmpdir_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove();
	return rc;
}
