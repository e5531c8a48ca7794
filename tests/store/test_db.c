/*
 * test_db.c - rows that come back, and files that are not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/local/db.h"
#include "tmpdir.h"

static char path[64];
static struct why why;
static struct db_meta meta;

static int
setup(void **state)
{
	tmpdir_empty();
	snprintf(path, sizeof(path), "%s/d.db", tmpdir);
	return 0;
}

static struct db *
must_open(void)
{
	enum store_fault fault;
	struct db *db = db_open(path, &meta, &why, &fault);

	if (db == NULL)
		fail_msg("%s", why.text);
	return db;
}

static void
assert_refused(enum store_fault want, const char *word)
{
	enum store_fault fault;

	assert_null(db_open(path, &meta, &why, &fault));
	assert_int_equal(want, fault);
	if (strstr(why.text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, word);
}

static void
by_hand(const char *sql)
{
	sqlite3 *conn;

	assert_int_equal(SQLITE_OK, sqlite3_open(path, &conn));
	assert_int_equal(SQLITE_OK, sqlite3_exec(conn, sql, NULL, NULL, NULL));
	sqlite3_close(conn);
}

static void
what_was_committed_comes_back_and_what_was_not_does_not(void **state)
{
	struct db *db = must_open();
	struct row row;

	assert_int_equal(0, meta.journal);
	db_begin(db, &why);
	db_put_counter(db, "p", "k",
	    &(struct row){ .bytes = (uint8_t[]){ "abc" },
		.len = 3,
		.seq = 42,
		.updated = 9 },
	    &why);
	db_put_binding(db, "a@b", "one", 77, &why);
	db_put_meta(db, &(struct db_meta){ 40, UINT64_MAX / 2, 3, 5 }, &why);
	assert_int_equal(STORE_OK, db_commit(db, &why));
	db_begin(db, &why);
	db_put_counter(db, "p", "other",
	    &(struct row){ .bytes = (uint8_t[]){ "abc" },
		.len = 3,
		.seq = 43,
		.updated = 9 },
	    &why);
	db_rollback(db);
	db_close(&db);
	db = must_open();
	assert_int_equal(40, meta.flushed);
	assert_true(meta.seq == UINT64_MAX / 2);
	assert_int_equal(3, meta.journal);
	assert_int_equal(5, meta.now);
	assert_int_equal(STORE_OK, db_counter(db, "p", "k", &row, &why));
	assert_int_equal(42, row.seq);
	assert_memory_equal("abc", row.bytes, 3);
	row_free(&row);
	assert_int_equal(STORE_NONE, db_counter(db, "p", "other", &row, &why));
	assert_int_equal(STORE_OK, db_binding(db, "a@b", &row, &why));
	assert_string_equal("one", row.smarthost);
	assert_int_equal(77, row.updated);
	db_close(&db);
}

static void
a_new_file_is_for_its_user_alone(void **state)
{
	struct db *db = must_open();
	const char *const ends[] = { "", "-wal", "-shm" };
	char name[128];
	struct stat st;

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		assert_int_equal(0, stat(name, &st));
		assert_int_equal(0600, st.st_mode & 07777);
	}
	db_close(&db);
}

static void
another_version_is_refused_by_name(void **state)
{
	db_close(&(struct db *){ must_open() });
	by_hand("PRAGMA user_version = 7");
	assert_refused(
	    STORE_DAMAGED, "version 7, this postmeter reads version 6");
	/* As it was before rows had a digest. */
	by_hand("PRAGMA user_version = 1;"
		"ALTER TABLE counter DROP COLUMN digest");
	assert_refused(
	    STORE_DAMAGED, "version 1, this postmeter reads version 6");
}

static void
a_database_of_another_program_is_refused(void **state)
{
	by_hand("CREATE TABLE cat (name)");
	assert_refused(STORE_DAMAGED, "another program");
}

static void
a_file_that_is_no_database_is_refused(void **state)
{
	FILE *f = fopen(path, "w");

	for (int i = 0; i < 5000; i++)
		fputs("cat ", f);
	fclose(f);
	assert_refused(STORE_DAMAGED, "backup");
}

static void
a_file_that_was_replaced_is_noticed(void **state)
{
	struct db *db = must_open();
	struct why reason;

	assert_true(db_in_place(db, &reason));
	unlink(path);
	assert_false(db_in_place(db, &reason));
	assert_non_null(strstr(reason.text, "removed or replaced"));
	fclose(fopen(path, "w"));
	assert_false(db_in_place(db, &reason));
	db_close(&db);
}

static bool
count(void *arg, const char *policy, const char *key, const uint8_t *bytes,
    size_t len)
{
	++*(size_t *)arg;
	return true;
}

static void
a_cursor_meets_each_counter_once(void **state)
{
	struct db *db = must_open();
	struct db_cursor cursor = { 0 };
	size_t n = 0;
	char key[8];

	db_begin(db, &why);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "%d", i);
		db_put_counter(db, "p", key,
		    &(struct row){ .bytes = (uint8_t[]){ "x" },
			.len = 1,
			.seq = 1,
			.updated = 1 },
		    &why);
	}
	db_commit(db, &why);
	while (db_counters(db, &cursor, 7, count, &n, &why) == STORE_OK)
		;
	assert_int_equal(100, n);
	db_close(&db);
}

static bool
count_event(void *arg, const struct store_event *e)
{
	++*(size_t *)arg;
	return true;
}

static bool
count_block(void *arg, const char *who, int64_t until, const char *text)
{
	++*(size_t *)arg;
	return true;
}

static void
old_events_and_bindings_go_and_the_newest_stay(void **state)
{
	struct db *db = must_open();
	struct store_event e = { .kind = "warn", .key = "k" };
	struct row row;
	size_t n = 0;

	db_begin(db, &why);
	for (int i = 0; i < 50; i++)
		db_put_event(db, &e, &why);
	db_put_binding(db, "old", "one", 10, &why);
	db_put_binding(db, "new", "one", 20, &why);
	db_put_block(db, "over", 14, "", "", &why);
	db_put_block(db, "holds", 16, "", "", &why);
	assert_int_equal(STORE_OK, db_tidy(db, 15, 10, 20, &why));
	db_commit(db, &why);
	db_events(db, NULL, 1000, count_event, &n, &why);
	assert_int_equal(20, n);
	assert_int_equal(STORE_NONE, db_binding(db, "old", &row, &why));
	assert_int_equal(STORE_OK, db_binding(db, "new", &row, &why));
	n = 0;
	db_blocks(db, count_block, &n, &why);
	assert_int_equal(1, n);
	db_close(&db);
}

static void
sqlite3_can_look_while_it_is_open(void **state)
{
	struct db *db = must_open();

	db_begin(db, &why);
	db_put_binding(db, "a", "one", 10, &why);
	by_hand("SELECT policy, key, updated FROM counter");
	assert_int_equal(STORE_OK, db_commit(db, &why));
	db_close(&db);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(what_was_committed_comes_back_and_what_was_not_does_not),
		T(a_new_file_is_for_its_user_alone),
		T(another_version_is_refused_by_name),
		T(a_database_of_another_program_is_refused),
		T(a_file_that_is_no_database_is_refused),
		T(a_file_that_was_replaced_is_noticed),
		T(a_cursor_meets_each_counter_once),
		T(old_events_and_bindings_go_and_the_newest_stay),
		T(sqlite3_can_look_while_it_is_open),
	};
	int rc;

	tmpdir_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove();
	return rc;
}
