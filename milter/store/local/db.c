/*
 * db.c - what was flushed, in SQLite: the file, its schema, its health.
 *
 * Every commit is synced (synchronous=FULL), whatever the durability asked
 * for: a journal file is removed once a commit covers it, and a commit that a
 * power failure takes back would leave neither.  It is a background thread
 * that waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_stmt.h"

#define VERSION 6
#define APPLICATION 0x706d7472 /* "pmtr": tells our files from others */
#define WRITER_WAIT 5000       /* ms: somebody else writes with sqlite3(1) */
#define WHOLE_BYTES (32 << 20) /* a file up to this is checked at start */
#define READER_WAIT 1000       /* ms: half of what a callback may take */

static const char schema[] =
    "PRAGMA application_id = 1886221426;CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;CREATE TABLE counter (key TEXT NOT NULL, policy TEXT NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL, updated INTEGER NOT NULL, digest INTEGER NOT NULL, PRIMARY KEY (key, policy)) WITHOUT ROWID;CREATE TABLE binding (bound TEXT PRIMARY KEY, smarthost TEXT NOT NULL, updated INTEGER NOT NULL);CREATE INDEX binding_updated ON binding (updated);CREATE TABLE event (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, policy TEXT NOT NULL, key TEXT NOT NULL, actor TEXT NOT NULL, text TEXT NOT NULL);CREATE INDEX event_key ON event (key, id);CREATE TABLE block (who TEXT PRIMARY KEY, until INTEGER NOT NULL, actor TEXT NOT NULL, text TEXT NOT NULL);CREATE TABLE lease (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, until INTEGER NOT NULL, smarthost TEXT NOT NULL, owner TEXT NOT NULL, sender TEXT NOT NULL, messages INTEGER NOT NULL, recipients INTEGER NOT NULL, bytes INTEGER NOT NULL);PRAGMA user_version = 6;";

static enum store_fault
opening(struct db *db, sqlite3 *conn, struct why *why)
{
	int code = sqlite3_extended_errcode(conn);

	why_set(why, "%s: %s: %s", db->path, sqlite3_errmsg(conn),
	    db_is_damage(code)
		? DB_REMEDY
		: "see that postmeter's user can write it and its directory");
	return db_is_damage(code) ? STORE_DAMAGED : STORE_INACCESSIBLE;
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
static enum store_fault
check_whole(struct db *db, struct why *why)
{
	sqlite3_stmt *s = NULL;
	struct stat st;
	bool good = true;

	if (stat(db->path, &st) == 0 && st.st_size > WHOLE_BYTES)
		return STORE_OPENED;
	if (sqlite3_prepare_v2(db->writer, "PRAGMA integrity_check(1)", -1, &s,
		NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW) {
		enum store_fault fault = opening(db, db->writer, why);

		sqlite3_finalize(s);
		return fault;
	}
	good = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
	sqlite3_finalize(s);
	if (good)
		return STORE_OPENED;
	why_set(why, "%s is damaged: %s", db->path, DB_REMEDY);
	return STORE_DAMAGED;
}

static enum store_fault
make_schema(struct db *db, struct why *why)
{
	char text[sizeof(schema) + 32];

	snprintf(text, sizeof(text), "BEGIN IMMEDIATE;%sCOMMIT", schema);
	if (sqlite3_exec(db->writer, text, NULL, NULL, NULL) == SQLITE_OK)
		return STORE_OPENED;
	return opening(db, db->writer, why);
}

static enum store_fault
check_schema(struct db *db, struct why *why)
{
	int version, application, ntable;

	if (!ask_int(db->writer, "PRAGMA user_version", &version) ||
	    !ask_int(db->writer, "PRAGMA application_id", &application) ||
	    !ask_int(db->writer, "SELECT count(*) FROM sqlite_schema", &ntable))
		return opening(db, db->writer, why);
	if (ntable == 0)
		return make_schema(db, why);
	if (application != APPLICATION) {
		why_set(why,
		    "%s: a database of another program: name another file",
		    db->path);
		return STORE_DAMAGED;
	}
	if (version == VERSION)
		return STORE_OPENED;
	why_set(why,
	    "%s: version %d, this postmeter reads version %d: install the postmeter that wrote it, or name another file",
	    db->path, version, VERSION);
	return STORE_DAMAGED;
}

/* SQLite makes its other files with the mode of this one. */
static enum store_fault
open_file(struct db *db, struct why *why)
{
	int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		why_set(why,
		    "%s: %s: see that the directory exists and postmeter's user can write in it",
		    db->path, strerror(errno));
		if (fd != -1)
			close(fd);
		return STORE_INACCESSIBLE;
	}
	db->device = st.st_dev;
	db->inode = st.st_ino;
	close(fd);
	return STORE_OPENED;
}

static enum store_fault
connect_to(
    struct db *db, sqlite3 **conn, int wait, const char *setup, struct why *why)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(db->path, conn, flags, NULL) != SQLITE_OK)
		return opening(db, *conn, why);
	sqlite3_extended_result_codes(*conn, 1);
	sqlite3_busy_timeout(*conn, wait);
	if (sqlite3_exec(*conn, setup, NULL, NULL, NULL) != SQLITE_OK)
		return opening(db, *conn, why);
	return STORE_OPENED;
}

static enum store_answer
get_meta(struct db *db, struct db_meta *m, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, GET_META, why);
	enum store_answer a;

	memset(m, 0, sizeof(*m));
	if (s == NULL)
		return STORE_FAILED;
	while ((a = stmt_step(db, GET_META, why)) == STORE_OK) {
		uint64_t value = (uint64_t)sqlite3_column_int64(s, 1);
		char name[16];

		stmt_column(s, 0, name, sizeof(name));
		if (strcmp(name, "flushed") == 0)
			m->flushed = value;
		else if (strcmp(name, "seq") == 0)
			m->seq = value;
		else if (strcmp(name, "journal") == 0)
			m->journal = value;
		else if (strcmp(name, "now") == 0)
			m->now = (int64_t)value;
	}
	stmt_done(db, GET_META);
	return a;
}

static enum store_fault
db_open_parts(struct db *db, struct db_meta *meta_r, struct why *why)
{
	struct why reason;
	enum store_fault fault = open_file(db, why);

	if (fault == STORE_OPENED)
		fault = connect_to(db, &db->writer, WRITER_WAIT,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;PRAGMA trusted_schema = OFF;PRAGMA journal_size_limit = 67108864",
		    why);
	if (fault == STORE_OPENED)
		fault = check_schema(db, why);
	if (fault == STORE_OPENED)
		fault = check_whole(db, why);
	if (fault == STORE_OPENED)
		fault = connect_to(db, &db->reader, READER_WAIT,
		    "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF", why);
	if (fault == STORE_OPENED &&
	    get_meta(db, meta_r, &reason) == STORE_FAILED)
		fault = opening(db, db->reader, why);
	return fault;
}

struct db *
db_open(const char *path, struct db_meta *meta_r, struct why *why,
    enum store_fault *fault_r)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db == NULL || (db->path = strdup(path)) == NULL) {
		free(db);
		why_set(why, "out of memory");
		*fault_r = STORE_INACCESSIBLE;
		return NULL;
	}
	pthread_mutex_init(&db->reading, NULL);
	*fault_r = db_open_parts(db, meta_r, why);
	if (*fault_r != STORE_OPENED)
		db_close(&db);
	return db;
}

void
db_close(struct db **dbp)
{
	struct db *db = *dbp;

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
db_in_place(struct db *db, struct why *why)
{
	struct stat st;

	if (db->damaged) {
		why_set(why, "%.60s is damaged: " DB_REMEDY, db->path);
		return false;
	}
	if (stat(db->path, &st) == 0 && st.st_dev == db->device &&
	    st.st_ino == db->inode)
		return true;
	why_set(why,
	    "%.60s was removed or replaced: stop postmeter, put it back and start again",
	    db->path);
	return false;
}

/* Somebody who reads with sqlite3(1) may keep some of it back: no matter. */
void
db_checkpoint(struct db *db)
{
	sqlite3_wal_checkpoint_v2(
	    db->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

bool
db_unsynced(const struct db *db)
{
	return db->unsynced;
}

bool
db_is_empty(struct db *db)
{
	int rows = 1;

	return ask_int(db->writer,
		   "SELECT EXISTS (SELECT 1 FROM counter) + EXISTS (SELECT 1 FROM binding)",
		   &rows) &&
	       rows == 0;
}
