/*
 * trace_db.c - the file of the trace.
 *
 * WAL mode without a sync: what a power failure takes of it is missed by
 * nobody's budget.  max_page_count bounds the file; before it is reached the
 * oldest entries are dropped, and their pages serve the next ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "trace_db_stmt.h"

#define PAGE 4096
#define PAGES_LEAST 256
#define SCHEMA 1

/* What is known of mail that is held, and nowhere else. */
#define OF_HELD "(verdict = 'hold' OR stage = 3)"
/* As trace_db_read.c reads them. */
#define COLUMNS                                                                \
	"at, stage, queue_id, who, client, login, sender, rcpt, recipients, external, bytes, rule, verdict, policy, lim, key, used, max, again, smarthost, text, rcpts"

static const char *const sql[STATEMENTS] = {
	[PUT_ENTRY] =
	    "INSERT INTO entry (at, stage, queue_id, who, client, login, sender, rcpt, recipients, external, bytes, rcpts, rule, verdict, policy, lim, key, used, max, again, smarthost, text, taken)"
	    " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23)",
	[ADD_DAY] =
	    "INSERT INTO day (day, who, sent, recipients, bytes, refused, held) VALUES (?1,?2,?3,?4,?5,?6,?7)"
	    " ON CONFLICT (who, day) DO UPDATE SET sent = sent + ?3, recipients = recipients + ?4, bytes = bytes + ?5, refused = refused + ?6, held = held + ?7",
	[ADD_REFUSALS] =
	    "INSERT INTO refusals (hour, who, policy, verdict, n, first, last, rcpt, text) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)"
	    " ON CONFLICT (hour, who, policy, verdict) DO UPDATE SET n = n + ?5, last = ?7, rcpt = ?8, text = ?9",
	[DROP_OLD] =
	    "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE at < ?1 AND (at < ?3 OR NOT " OF_HELD
	    ") ORDER BY id LIMIT ?2)",
	[DROP_OLDEST] =
	    "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE at < ?1 OR NOT " OF_HELD
	    " ORDER BY id LIMIT ?2)",
	[ADD_HOUR] =
	    "INSERT INTO hour (hour, smarthost, sent, recipients, failed) VALUES (?1,?2,?3,?4,?5)"
	    " ON CONFLICT (hour, smarthost) DO UPDATE SET sent = sent + ?3, recipients = recipients + ?4, failed = failed + ?5",
	[DROP_SENT] =
	    "DELETE FROM hour WHERE rowid IN (SELECT rowid FROM hour WHERE hour < ?1 LIMIT ?2)",
	[DROP_HOURS] =
	    "DELETE FROM refusals WHERE rowid IN (SELECT rowid FROM refusals WHERE hour < ?1 LIMIT ?2)",
	[DROP_DAYS] =
	    "DELETE FROM day WHERE rowid IN (SELECT rowid FROM day WHERE day < ?1 LIMIT ?2)",
	[PAGES] = "PRAGMA page_count",
	[FREE_PAGES] = "PRAGMA freelist_count",
	[FIND] =
	    "SELECT " COLUMNS " FROM entry"
	    " WHERE (?1 = '' OR queue_id = ?1)"
	    " AND (?2 = '' OR who = ?2 OR login = ?2 OR sender = ?2 OR client = ?2)"
	    " AND (?3 IS NULL OR (instr(rcpts, ?3) > 0 AND (instr(rcpts, ?3) - 1) % 8 = 0))"
	    " AND at >= ?4 AND at <= ?5 AND (?6 = 0 OR taken = 0)"
	    " ORDER BY id DESC LIMIT ?7",
	[HELD] =
	    "SELECT " COLUMNS
	    " FROM entry WHERE verdict = 'hold' AND stage = 1 AND NOT EXISTS"
	    " (SELECT 1 FROM entry AS later WHERE later.queue_id = entry.queue_id AND later.stage = 3 AND later.verdict <> 'warned' AND later.id > entry.id) ORDER BY id",
	[HISTORY] =
	    "SELECT day, who, sent, recipients, bytes, refused, held FROM day WHERE (?1 IS NULL OR who = ?1) AND day >= ?2 ORDER BY day DESC, sent DESC LIMIT ?3",
	[HOURS] =
	    "SELECT hour, smarthost, sent, recipients, failed FROM hour WHERE hour >= ?1 ORDER BY smarthost, hour",
	[REFUSALS] =
	    "SELECT hour, first, last, who, policy, verdict, n, rcpt, text FROM refusals WHERE (?1 IS NULL OR who = ?1) AND last >= ?2 ORDER BY last DESC LIMIT ?3",
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, at INTEGER, stage INTEGER, queue_id TEXT, who TEXT, client TEXT, login TEXT, sender TEXT, rcpt TEXT, recipients INTEGER, external INTEGER, bytes INTEGER, rcpts BLOB, rule TEXT, verdict TEXT, policy TEXT, lim TEXT, key TEXT, used INTEGER, max INTEGER, again INTEGER, smarthost TEXT, text TEXT, taken INTEGER);"
    "CREATE INDEX IF NOT EXISTS entry_queue_id ON entry (queue_id) WHERE queue_id <> '';"
    "CREATE INDEX IF NOT EXISTS entry_who ON entry (who);"
    "CREATE INDEX IF NOT EXISTS entry_at ON entry (at);"
    "CREATE INDEX IF NOT EXISTS entry_held ON entry (id) WHERE verdict = 'hold';"
    "CREATE TABLE IF NOT EXISTS day (day INTEGER, who TEXT, sent INTEGER, recipients INTEGER, bytes INTEGER, refused INTEGER, held INTEGER, UNIQUE (who, day));"
    "CREATE INDEX IF NOT EXISTS day_day ON day (day);"
    "CREATE TABLE IF NOT EXISTS refusals (hour INTEGER, who TEXT, policy TEXT, verdict TEXT, n INTEGER, first INTEGER, last INTEGER, rcpt TEXT, text TEXT, UNIQUE (hour, who, policy, verdict));"
    "CREATE INDEX IF NOT EXISTS refusals_last ON refusals (last);"
    "CREATE TABLE IF NOT EXISTS hour (hour INTEGER, smarthost TEXT, sent INTEGER, recipients INTEGER, failed INTEGER, UNIQUE (hour, smarthost));"
    "PRAGMA user_version = 1;";

int
trace_db_failed(sqlite3 *conn, struct why *why)
{
	why_set(why, "trace: %s", sqlite3_errmsg(conn));
	return -1;
}

static sqlite3 *
conn_of(const struct trace_db *db, enum statement i)
{
	return i < FIND ? db->writer : db->reader;
}

sqlite3_stmt *
trace_db_stmt(struct trace_db *db, enum statement i, struct why *why)
{
	sqlite3 *conn = conn_of(db, i);

	if (db->stmt[i] == NULL &&
	    sqlite3_prepare_v3(conn, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
		&db->stmt[i], NULL) != SQLITE_OK) {
		trace_db_failed(conn, why);
		return NULL;
	}
	sqlite3_reset(db->stmt[i]);
	sqlite3_clear_bindings(db->stmt[i]);
	return db->stmt[i];
}

void
trace_db_bind(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

int
trace_db_exec(sqlite3 *conn, const char *text, struct why *why)
{
	return sqlite3_exec(conn, text, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : trace_db_failed(conn, why);
}

/* version_is_ours - a file of a newer postmeter is left alone */
static int
version_is_ours(struct trace_db *db, struct why *why)
{
	sqlite3_stmt *s = NULL;
	int version = -1;

	if (sqlite3_prepare_v2(
		db->writer, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	if (version == -1)
		return trace_db_failed(db->writer, why);
	if (version <= SCHEMA)
		return 0;
	why_set(why, "trace: the file is of a newer postmeter (version %d)",
	    version);
	return -1;
}

static int
open_both(struct trace_db *db, const char *path, struct why *why)
{
	const mode_t old = umask(077);
	char limits[200];
	int rc;

	rc = sqlite3_open_v2(path, &db->writer,
		 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
		     SQLITE_OPEN_NOMUTEX,
		 NULL) == SQLITE_OK
		 ? 0
		 : trace_db_failed(db->writer, why);
	umask(old);
	if (rc == -1)
		return -1;
	sqlite3_busy_timeout(db->writer, 2000);
	snprintf(limits, sizeof(limits),
	    "PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA max_page_count = %lld; PRAGMA journal_size_limit = 4194304;",
	    PAGE, (long long)db->pages);
	if (trace_db_exec(db->writer, limits, why) == -1 ||
	    version_is_ours(db, why) == -1 ||
	    trace_db_exec(db->writer, schema, why) == -1)
		return -1;
	if (sqlite3_open_v2(path, &db->reader,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return trace_db_failed(db->reader, why);
	sqlite3_busy_timeout(db->reader, 2000);
	return trace_db_exec(db->reader, "PRAGMA query_only = 1", why);
}

struct trace_db *
trace_db_open(const char *path, int64_t keep, uint64_t size, struct why *why)
{
	struct trace_db *db = calloc(1, sizeof(*db));

	if (db == NULL || pthread_mutex_init(&db->reading, NULL) != 0) {
		why_set(why, "trace: out of memory");
		free(db);
		return NULL;
	}
	db->keep = keep;
	db->pages = (int64_t)(size / PAGE);
	if (db->pages < PAGES_LEAST)
		db->pages = PAGES_LEAST;
	if (open_both(db, path, why) == -1)
		trace_db_close(&db);
	return db;
}

void
trace_db_close(struct trace_db **dbp)
{
	struct trace_db *db = *dbp;

	*dbp = NULL;
	if (db == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(db->stmt[i]);
	sqlite3_close(db->reader);
	sqlite3_close(db->writer);
	pthread_mutex_destroy(&db->reading);
	free(db);
}
