/*
 * database.c - what was folded, in SQLite.
 *
 * Every commit is synced (synchronous=FULL), whatever the durability asked
 * for: a journal file is removed once a commit covers it, and a commit that a
 * power failure takes back would leave neither.  It is a background thread
 * that waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "database.h"
#include "digest.h"

#define VERSION 1
#define APPLICATION 0x706d7472 /* "pmtr": tells our files from others */
#define WRITER_WAIT 5000       /* ms: somebody else writes with sqlite3(1) */
#define WHOLE_BYTES (32 << 20) /* a file up to this is checked at start */
#define READER_WAIT 1000       /* ms: half of what a callback may take */

static const char schema[] =
    "PRAGMA application_id = 1886221426;"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE counter (id INTEGER PRIMARY KEY, policy TEXT NOT NULL,"
    " key TEXT NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL,"
    " updated INTEGER NOT NULL, digest INTEGER NOT NULL,"
    " UNIQUE (key, policy));"
    "CREATE TABLE binding (bound TEXT PRIMARY KEY, smarthost TEXT NOT NULL,"
    " updated INTEGER NOT NULL);"
    "CREATE INDEX binding_updated ON binding (updated);"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
    " kind TEXT NOT NULL, policy TEXT NOT NULL, key TEXT NOT NULL,"
    " actor TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX event_key ON event (key, id);"
    "CREATE TABLE block (who TEXT PRIMARY KEY, until INTEGER NOT NULL,"
    " actor TEXT NOT NULL, text TEXT NOT NULL);"
    "PRAGMA user_version = 1;";

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	PUT_META,
	PUT_COUNTER,
	DROP_COUNTER,
	PUT_BINDING,
	PUT_EVENT,
	PUT_BLOCK,
	DROP_BLOCK,
	TIDY_BINDINGS,
	TIDY_EVENTS,
	TIDY_BLOCKS,
	WRITER_END,
	GET_META = WRITER_END,
	GET_COUNTER,
	GET_BINDING,
	NEXT_COUNTERS,
	GET_EVENTS,
	GET_BLOCKS,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[PUT_META] = "INSERT INTO meta VALUES (?1, ?2)"
		     " ON CONFLICT DO UPDATE SET value = ?2",
	[PUT_COUNTER] =
	    "INSERT INTO counter (policy, key, seq, record, updated, digest)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE"
	    " SET seq = ?3, record = ?4, updated = ?5, digest = ?6",
	[DROP_COUNTER] = "DELETE FROM counter WHERE policy = ?1 AND key = ?2",
	[PUT_BINDING] = "INSERT INTO binding VALUES (?1, ?2, ?3)"
			" ON CONFLICT DO UPDATE"
			" SET smarthost = ?2, updated = ?3",
	[PUT_EVENT] = "INSERT INTO event (at, kind, policy, key, actor, text)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[PUT_BLOCK] = "INSERT INTO block VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT DO UPDATE"
		      " SET until = ?2, actor = ?3, text = ?4",
	[DROP_BLOCK] = "DELETE FROM block WHERE who = ?1",
	[TIDY_BINDINGS] = "DELETE FROM binding WHERE rowid IN (SELECT rowid"
			  " FROM binding WHERE updated < ?1 LIMIT ?2)",
	[TIDY_EVENTS] = "DELETE FROM event WHERE id <="
			" (SELECT max(id) FROM event) - ?1",
	[TIDY_BLOCKS] = "DELETE FROM block WHERE until < ?1",
	[GET_META] = "SELECT name, value FROM meta",
	[GET_COUNTER] = "SELECT record, seq, updated, digest FROM counter"
			" WHERE policy = ?1 AND key = ?2",
	[GET_BINDING] = "SELECT smarthost, updated FROM binding"
			" WHERE bound = ?1",
	[NEXT_COUNTERS] = "SELECT id, policy, key, record, seq, digest"
			  " FROM counter"
			  " WHERE id > ?1 ORDER BY id LIMIT 1",
	[GET_EVENTS] = "SELECT at, kind, policy, key, actor, text FROM event"
		       " WHERE ?1 IS NULL OR key = ?1"
		       " ORDER BY id DESC LIMIT ?2",
	[GET_BLOCKS] = "SELECT who, until, text FROM block ORDER BY who",
};

struct database {
	char *path;
	dev_t device;
	ino_t inode;
	sqlite3 *writer, *reader;
	pthread_mutex_t reading;
	sqlite3_stmt *stmt[STATEMENTS];
	atomic_bool damaged, unsynced;
};

/*
 * What SQLite keeps it does not check: a row says itself whether it is as it
 * was written.
 */
static int64_t
row_digest(const char *policy, const char *key, uint64_t seq, const void *bytes,
    size_t len)
{
	const uint64_t part[] = { digest64(policy, strlen(policy)),
		digest64(key, strlen(key)), seq, digest64(bytes, len) };

	return (int64_t)digest64(part, sizeof(part));
}

/* --- errors -------------------------------------------------------------- */

static bool
is_damage(int code)
{
	return (code & 255) == SQLITE_CORRUPT || (code & 255) == SQLITE_NOTADB;
}

static bool
is_sync(int code)
{
	return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

#define REMEDY                                                                 \
	"stop postmeter, keep a copy, try sqlite3 FILE .recover, or restore "  \
	"a backup"

static enum store_answer
failed(struct database *db, sqlite3 *conn, char *why)
{
	int code = sqlite3_extended_errcode(conn);

	if (is_damage(code))
		db->damaged = true;
	if (is_sync(code))
		db->unsynced = true;
	snprintf(why, STORE_WHY, "database %.60s: %s%s", db->path,
	    sqlite3_errmsg(conn), is_damage(code) ? ": " REMEDY : "");
	return STORE_FAILED;
}

/* --- one statement: bind, run, reset ------------------------------------- */

static sqlite3 *
connection_of(const struct database *db, enum statement st)
{
	return st < WRITER_END ? db->writer : db->reader;
}

/* Prepared when first used, kept until the end. */
static sqlite3_stmt *
statement(struct database *db, enum statement st, char *why)
{
	sqlite3 *conn = connection_of(db, st);

	if (db->stmt[st] == NULL &&
	    sqlite3_prepare_v3(conn, sql[st], -1, SQLITE_PREPARE_PERSISTENT,
		&db->stmt[st], NULL) != SQLITE_OK)
		failed(db, conn, why);
	return db->stmt[st];
}

static void
bind_text(sqlite3_stmt *s, int i, const char *text)
{
	sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

static void
bind_int(sqlite3_stmt *s, int i, int64_t v)
{
	sqlite3_bind_int64(s, i, v);
}

/* STORE_OK: a row is there; STORE_NONE: it is done. */
static enum store_answer
step(struct database *db, enum statement st, char *why)
{
	switch (sqlite3_step(db->stmt[st])) {
	case SQLITE_ROW:
		return STORE_OK;
	case SQLITE_DONE:
		return STORE_NONE;
	default:
		return failed(db, connection_of(db, st), why);
	}
}

static void
done(struct database *db, enum statement st)
{
	sqlite3_reset(db->stmt[st]);
	sqlite3_clear_bindings(db->stmt[st]);
}

/* For statements without an answer. */
static enum store_answer
run(struct database *db, enum statement st, char *why)
{
	enum store_answer a = step(db, st, why);

	done(db, st);
	return a == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static void
column_text(sqlite3_stmt *s, int i, char *dst, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, i);

	snprintf(dst, size, "%s", text == NULL ? "" : (const char *)text);
}

/* --- open ---------------------------------------------------------------- */

static int
opening(struct database *db, sqlite3 *conn, char *why, size_t size)
{
	int code = sqlite3_extended_errcode(conn);

	snprintf(why, size, "%s: %s: %s", db->path, sqlite3_errmsg(conn),
	    is_damage(code)
		? REMEDY
		: "see that postmeter's user can write it and its directory");
	return is_damage(code) ? EX_DATAERR : EX_CANTCREAT;
}

static bool
ask_int(sqlite3 *conn, const char *question, int *v_r)
{
	sqlite3_stmt *s = NULL;
	bool good =
	    sqlite3_prepare_v2(conn, question, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW;

	if (good)
		*v_r = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return good;
}

/*
 * A row that SQLite cannot find would be a limit that begins anew.  A small
 * file is looked through; a large one would keep the mail waiting.
 */
static int
check_whole(struct database *db, char *why, size_t size)
{
	sqlite3_stmt *s = NULL;
	struct stat st;
	bool good = true;

	if (stat(db->path, &st) == 0 && st.st_size > WHOLE_BYTES)
		return 0;
	if (sqlite3_prepare_v2(db->writer, "PRAGMA integrity_check(1)", -1, &s,
		NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW) {
		int code = opening(db, db->writer, why, size);

		sqlite3_finalize(s);
		return code;
	}
	good = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
	sqlite3_finalize(s);
	if (good)
		return 0;
	snprintf(why, size, "%s is damaged: %s", db->path, REMEDY);
	return EX_DATAERR;
}

static int
make_schema(struct database *db, char *why, size_t size)
{
	char text[sizeof(schema) + 32];

	snprintf(text, sizeof(text), "BEGIN IMMEDIATE;%sCOMMIT", schema);
	if (sqlite3_exec(db->writer, text, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return opening(db, db->writer, why, size);
}

static int
check_schema(struct database *db, char *why, size_t size)
{
	int version, application, ntable;

	if (!ask_int(db->writer, "PRAGMA user_version", &version) ||
	    !ask_int(db->writer, "PRAGMA application_id", &application) ||
	    !ask_int(db->writer, "SELECT count(*) FROM sqlite_schema", &ntable))
		return opening(db, db->writer, why, size);
	if (ntable == 0)
		return make_schema(db, why, size);
	if (application != APPLICATION) {
		snprintf(why, size,
		    "%s: a database of another program: name another file",
		    db->path);
		return EX_DATAERR;
	}
	if (version == VERSION)
		return 0;
	snprintf(why, size,
	    "%s: version %d, this postmeter reads version %d: install the "
	    "postmeter that wrote it, or name another file",
	    db->path, version, VERSION);
	return EX_DATAERR;
}

/* SQLite makes its other files with the mode of this one. */
static int
open_file(struct database *db, char *why, size_t size)
{
	int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		snprintf(why, size,
		    "%s: %s: see that the directory exists and postmeter's "
		    "user can write in it",
		    db->path, strerror(errno));
		if (fd != -1)
			close(fd);
		return EX_CANTCREAT;
	}
	db->device = st.st_dev;
	db->inode = st.st_ino;
	close(fd);
	return 0;
}

static int
connect_to(struct database *db, sqlite3 **conn, int wait, const char *setup,
    char *why, size_t size)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(db->path, conn, flags, NULL) != SQLITE_OK)
		return opening(db, *conn, why, size);
	sqlite3_extended_result_codes(*conn, 1);
	sqlite3_busy_timeout(*conn, wait);
	if (sqlite3_exec(*conn, setup, NULL, NULL, NULL) != SQLITE_OK)
		return opening(db, *conn, why, size);
	return 0;
}

static enum store_answer
get_meta(struct database *db, struct database_meta *m, char *why)
{
	sqlite3_stmt *s = statement(db, GET_META, why);
	enum store_answer a;

	memset(m, 0, sizeof(*m));
	if (s == NULL)
		return STORE_FAILED;
	while ((a = step(db, GET_META, why)) == STORE_OK) {
		uint64_t value = (uint64_t)sqlite3_column_int64(s, 1);
		char name[16];

		column_text(s, 0, name, sizeof(name));
		if (strcmp(name, "folded") == 0)
			m->folded = value;
		else if (strcmp(name, "seq") == 0)
			m->seq = value;
		else if (strcmp(name, "journal") == 0)
			m->journal = value;
	}
	done(db, GET_META);
	return a;
}

static int
open_parts(
    struct database *db, struct database_meta *meta_r, char *why, size_t size)
{
	char reason[STORE_WHY];
	int code = open_file(db, why, size);

	if (code == 0)
		code = connect_to(db, &db->writer, WRITER_WAIT,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		    "PRAGMA trusted_schema = OFF;"
		    "PRAGMA journal_size_limit = 67108864",
		    why, size);
	if (code == 0)
		code = check_schema(db, why, size);
	if (code == 0)
		code = check_whole(db, why, size);
	if (code == 0)
		code = connect_to(db, &db->reader, READER_WAIT,
		    "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF", why,
		    size);
	if (code == 0 && get_meta(db, meta_r, reason) == STORE_FAILED)
		code = opening(db, db->reader, why, size);
	return code;
}

struct database *
database_open(const char *path, struct database_meta *meta_r, char *why,
    size_t size, int *exit_r)
{
	struct database *db = calloc(1, sizeof(*db));

	if (db == NULL || (db->path = strdup(path)) == NULL) {
		free(db);
		snprintf(why, size, "out of memory");
		*exit_r = EX_CANTCREAT;
		return NULL;
	}
	pthread_mutex_init(&db->reading, NULL);
	*exit_r = open_parts(db, meta_r, why, size);
	if (*exit_r != 0)
		database_close(&db);
	return db;
}

void
database_close(struct database **dbp)
{
	struct database *db = *dbp;

	if (db == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(db->stmt[i]);
	sqlite3_close(db->reader);
	sqlite3_close(db->writer);
	pthread_mutex_destroy(&db->reading);
	free(db->path);
	free(db);
	*dbp = NULL;
}

bool
database_in_place(struct database *db, char *why)
{
	struct stat st;

	if (db->damaged) {
		snprintf(why, STORE_WHY, "%.60s is damaged: " REMEDY, db->path);
		return false;
	}
	if (stat(db->path, &st) == 0 && st.st_dev == db->device &&
	    st.st_ino == db->inode)
		return true;
	snprintf(why, STORE_WHY,
	    "%.60s was removed or replaced: stop "
	    "postmeter, put it back and start again",
	    db->path);
	return false;
}

bool
database_unsynced(const struct database *db)
{
	return db->unsynced;
}

/* --- writing ------------------------------------------------------------- */

enum store_answer
database_begin(struct database *db, char *why)
{
	if (statement(db, BEGIN, why) == NULL)
		return STORE_FAILED;
	return run(db, BEGIN, why);
}

enum store_answer
database_commit(struct database *db, char *why)
{
	if (statement(db, COMMIT, why) == NULL)
		return STORE_FAILED;
	return run(db, COMMIT, why);
}

void
database_rollback(struct database *db)
{
	char why[STORE_WHY];

	if (!sqlite3_get_autocommit(db->writer) &&
	    statement(db, ROLLBACK, why) != NULL)
		run(db, ROLLBACK, why);
}

static enum store_answer
put_number(struct database *db, const char *name, uint64_t value, char *why)
{
	sqlite3_stmt *s = statement(db, PUT_META, why);

	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, name);
	bind_int(s, 2, (int64_t)value);
	return run(db, PUT_META, why);
}

enum store_answer
database_put_meta(
    struct database *db, const struct database_meta *meta, char *why)
{
	if (put_number(db, "folded", meta->folded, why) == STORE_FAILED ||
	    put_number(db, "seq", meta->seq, why) == STORE_FAILED)
		return STORE_FAILED;
	return put_number(db, "journal", meta->journal, why);
}

enum store_answer
database_put_counter(struct database *db, const char *policy, const char *key,
    uint64_t seq, const uint8_t *bytes, size_t len, int64_t updated, char *why)
{
	sqlite3_stmt *s = statement(db, PUT_COUNTER, why);

	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, policy);
	bind_text(s, 2, key);
	bind_int(s, 3, (int64_t)seq);
	sqlite3_bind_blob64(s, 4, bytes, len, SQLITE_STATIC);
	bind_int(s, 5, updated);
	bind_int(s, 6, row_digest(policy, key, seq, bytes, len));
	return run(db, PUT_COUNTER, why);
}

enum store_answer
database_drop_counter(
    struct database *db, const char *policy, const char *key, char *why)
{
	sqlite3_stmt *s = statement(db, DROP_COUNTER, why);

	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, policy);
	bind_text(s, 2, key);
	return run(db, DROP_COUNTER, why);
}

enum store_answer
database_put_binding(struct database *db, const char *bound,
    const char *smarthost, int64_t updated, char *why)
{
	sqlite3_stmt *s = statement(db, PUT_BINDING, why);

	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, bound);
	bind_text(s, 2, smarthost);
	bind_int(s, 3, updated);
	return run(db, PUT_BINDING, why);
}

enum store_answer
database_put_event(struct database *db, const struct store_event *e, char *why)
{
	sqlite3_stmt *s = statement(db, PUT_EVENT, why);

	if (s == NULL)
		return STORE_FAILED;
	bind_int(s, 1, e->when);
	bind_text(s, 2, e->kind);
	bind_text(s, 3, e->policy);
	bind_text(s, 4, e->key);
	bind_text(s, 5, e->actor);
	bind_text(s, 6, e->text);
	return run(db, PUT_EVENT, why);
}

enum store_answer
database_put_block(struct database *db, const char *who, int64_t until,
    const char *actor, const char *text, char *why)
{
	sqlite3_stmt *s = statement(db, PUT_BLOCK, why);

	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, who);
	bind_int(s, 2, until);
	bind_text(s, 3, actor);
	bind_text(s, 4, text);
	return run(db, PUT_BLOCK, why);
}

enum store_answer
database_drop_block(struct database *db, const char *who, char *why)
{
	sqlite3_stmt *s = statement(db, DROP_BLOCK, why);

	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, who);
	return run(db, DROP_BLOCK, why);
}

enum store_answer
database_tidy(
    struct database *db, int64_t before, size_t n, size_t keep, char *why)
{
	sqlite3_stmt *bindings = statement(db, TIDY_BINDINGS, why);
	sqlite3_stmt *events = statement(db, TIDY_EVENTS, why);
	sqlite3_stmt *blocks = statement(db, TIDY_BLOCKS, why);

	if (bindings == NULL || events == NULL || blocks == NULL)
		return STORE_FAILED;
	bind_int(bindings, 1, before);
	bind_int(bindings, 2, (int64_t)n);
	bind_int(events, 1, (int64_t)keep);
	bind_int(blocks, 1, before);
	if (run(db, TIDY_BINDINGS, why) == STORE_FAILED ||
	    run(db, TIDY_BLOCKS, why) == STORE_FAILED)
		return STORE_FAILED;
	return run(db, TIDY_EVENTS, why);
}

/* --- reading ------------------------------------------------------------- */

void
row_free(struct row *r)
{
	free(r->bytes);
	r->bytes = NULL;
}

/* Takes the reader; NULL if that failed, and it is free again. */
static sqlite3_stmt *
reading(struct database *db, enum statement st, char *why)
{
	sqlite3_stmt *s;

	pthread_mutex_lock(&db->reading);
	if ((s = statement(db, st, why)) == NULL)
		pthread_mutex_unlock(&db->reading);
	return s;
}

static void
read_done(struct database *db, enum statement st)
{
	done(db, st);
	pthread_mutex_unlock(&db->reading);
}

/* A row that is not as it was written: nothing here is believed any more. */
static enum store_answer
damaged(struct database *db, char *why)
{
	db->damaged = true;
	snprintf(why, STORE_WHY, "%.50s: a damaged counter: " REMEDY, db->path);
	return STORE_FAILED;
}

static enum store_answer
copy_bytes(sqlite3_stmt *s, int i, struct row *r, char *why)
{
	const void *p = sqlite3_column_blob(s, i);

	r->len = (size_t)sqlite3_column_bytes(s, i);
	r->bytes = p == NULL ? NULL : malloc(r->len);
	if (r->bytes == NULL) {
		snprintf(why, STORE_WHY, "out of memory, or an empty record");
		return STORE_FAILED;
	}
	memcpy(r->bytes, p, r->len);
	return STORE_OK;
}

enum store_answer
database_counter(struct database *db, const char *policy, const char *key,
    struct row *row_r, char *why)
{
	sqlite3_stmt *s = reading(db, GET_COUNTER, why);
	enum store_answer a;

	*row_r = (struct row){ 0 };
	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, policy);
	bind_text(s, 2, key);
	a = step(db, GET_COUNTER, why);
	if (a == STORE_OK) {
		row_r->seq = (uint64_t)sqlite3_column_int64(s, 1);
		row_r->updated = sqlite3_column_int64(s, 2);
		a = copy_bytes(s, 0, row_r, why);
	}
	if (a == STORE_OK &&
	    sqlite3_column_int64(s, 3) !=
		row_digest(policy, key, row_r->seq, row_r->bytes, row_r->len)) {
		row_free(row_r);
		a = damaged(db, why);
	}
	read_done(db, GET_COUNTER);
	return a;
}

enum store_answer
database_binding(
    struct database *db, const char *bound, struct row *row_r, char *why)
{
	sqlite3_stmt *s = reading(db, GET_BINDING, why);
	enum store_answer a;

	*row_r = (struct row){ 0 };
	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, bound);
	a = step(db, GET_BINDING, why);
	if (a == STORE_OK) {
		column_text(s, 0, row_r->smarthost, sizeof(row_r->smarthost));
		row_r->updated = sqlite3_column_int64(s, 1);
	}
	read_done(db, GET_BINDING);
	return a;
}

/* One counter, copied, so that the reader is free while it is looked at. */
static enum store_answer
next_counter(struct database *db, int64_t *cursor, char policy[STORE_NAME],
    char key[MAILADDR_MAX + 1], struct row *row_r, char *why)
{
	sqlite3_stmt *s = reading(db, NEXT_COUNTERS, why);
	enum store_answer a;

	*row_r = (struct row){ 0 };
	if (s == NULL)
		return STORE_FAILED;
	bind_int(s, 1, *cursor);
	a = step(db, NEXT_COUNTERS, why);
	if (a == STORE_OK) {
		*cursor = sqlite3_column_int64(s, 0);
		column_text(s, 1, policy, STORE_NAME);
		column_text(s, 2, key, MAILADDR_MAX + 1);
		row_r->seq = (uint64_t)sqlite3_column_int64(s, 4);
		a = copy_bytes(s, 3, row_r, why);
	}
	if (a == STORE_OK &&
	    sqlite3_column_int64(s, 5) !=
		row_digest(policy, key, row_r->seq, row_r->bytes, row_r->len)) {
		row_free(row_r);
		a = damaged(db, why);
	}
	read_done(db, NEXT_COUNTERS);
	return a;
}

enum store_answer
database_counters(struct database *db, int64_t *cursor, size_t n,
    database_counter_fn *each, void *arg, char *why)
{
	char policy[STORE_NAME], key[MAILADDR_MAX + 1];
	enum store_answer a = STORE_OK;
	bool more = true;
	struct row row;

	while (n-- > 0 && more && a == STORE_OK) {
		a = next_counter(db, cursor, policy, key, &row, why);
		if (a == STORE_OK)
			more = each(arg, policy, key, row.bytes, row.len);
		row_free(&row);
	}
	return a;
}

static struct store_event
event_of(sqlite3_stmt *s)
{
	struct store_event e = { .when = sqlite3_column_int64(s, 0) };

	column_text(s, 1, e.kind, sizeof(e.kind));
	column_text(s, 2, e.policy, sizeof(e.policy));
	column_text(s, 3, e.key, sizeof(e.key));
	column_text(s, 4, e.actor, sizeof(e.actor));
	column_text(s, 5, e.text, sizeof(e.text));
	return e;
}

enum store_answer
database_events(struct database *db, const char *key, size_t n,
    store_event_fn *each, void *arg, char *why)
{
	sqlite3_stmt *s = reading(db, GET_EVENTS, why);
	enum store_answer a;
	bool more = true;

	if (s == NULL)
		return STORE_FAILED;
	bind_text(s, 1, key);
	bind_int(s, 2, (int64_t)n);
	while (more && (a = step(db, GET_EVENTS, why)) == STORE_OK) {
		struct store_event e = event_of(s);

		more = each(arg, &e);
	}
	read_done(db, GET_EVENTS);
	return more && a == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_answer
database_blocks(struct database *db, store_block_fn *each, void *arg, char *why)
{
	sqlite3_stmt *s = reading(db, GET_BLOCKS, why);
	enum store_answer a = STORE_NONE;
	char who[MAILADDR_MAX + 1], text[STORE_WHY];
	bool more = true;

	if (s == NULL)
		return STORE_FAILED;
	while (more && (a = step(db, GET_BLOCKS, why)) == STORE_OK) {
		column_text(s, 0, who, sizeof(who));
		column_text(s, 2, text, sizeof(text));
		more = each(arg, who, sqlite3_column_int64(s, 1), text);
	}
	read_done(db, GET_BLOCKS);
	return a == STORE_FAILED ? STORE_FAILED : STORE_OK;
}
