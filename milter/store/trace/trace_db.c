/*
 * trace_db.c - the file of the trace.
 *
 * WAL mode without a sync: what a power failure takes of it is missed by
 * nobody's budget.  max_page_count bounds the file; before it is reached the
 * oldest entries are dropped, and their pages serve the next ones.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "trace_db.h"

#define PAGE 4096
#define PAGES_LEAST 256
#define SCHEMA 1
#define DAYS_KEPT 400
#define DROP_MOST 2000 /* entries in one batch: a batch stays short */
/* Unused part of the file below which the oldest entries go: an eighth. */
#define SPARE(pages) ((pages) / 8)

enum statement {
	PUT_ENTRY,
	ADD_DAY,
	ADD_REFUSALS,
	DROP_OLD,
	DROP_OLDEST,
	DROP_HOURS,
	DROP_DAYS,
	PAGES,
	FREE_PAGES,
	FIND,
	HELD,
	HISTORY,
	REFUSALS,
	STATEMENTS
};

/* What is known of mail that is held, and nowhere else. */
#define OF_HELD "(verdict = 'hold' OR stage = 3)"
/* As read_entry reads them. */
#define COLUMNS                                                                \
	"at, stage, queue_id, who, client, login, sender, rcpt, recipients, external, bytes, rule, verdict, policy, lim, key, used, max, again, smarthost, text, rcpts"
#define HELD_KEPT (31 * DAY)

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
    "PRAGMA user_version = 1;";

struct trace_db {
	sqlite3 *writer; /* the thread's */
	pthread_mutex_t reading;
	sqlite3 *reader;                /* guarded by reading */
	sqlite3_stmt *stmt[STATEMENTS]; /* from FIND on: guarded by reading */
	int64_t keep;                   /* ms: what is older goes */
	int64_t held_from;              /* what is held and older goes, too */
	int64_t pages;                  /* the file's most */
};

static int
trace_db_failed(struct trace_db *db, sqlite3 *conn, struct why *why)
{
	(void)db;
	why_set(why, "trace: %s", sqlite3_errmsg(conn));
	return -1;
}

static sqlite3 *
conn_of(const struct trace_db *db, enum statement i)
{
	return i < FIND ? db->writer : db->reader;
}

/* stmt - the statement, ready to be bound; NULL and why */
static sqlite3_stmt *
stmt(struct trace_db *db, enum statement i, struct why *why)
{
	sqlite3 *conn = conn_of(db, i);

	if (db->stmt[i] == NULL &&
	    sqlite3_prepare_v3(conn, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
		&db->stmt[i], NULL) != SQLITE_OK) {
		trace_db_failed(db, conn, why);
		return NULL;
	}
	sqlite3_reset(db->stmt[i]);
	sqlite3_clear_bindings(db->stmt[i]);
	return db->stmt[i];
}

/* trace_db_run - a statement that has no rows */
static int
trace_db_run(struct trace_db *db, sqlite3_stmt *s, struct why *why)
{
	const int code = sqlite3_step(s);

	sqlite3_reset(s);
	return code == SQLITE_DONE || code == SQLITE_ROW
		   ? 0
		   : trace_db_failed(db, db->writer, why);
}

/* trace_db_number - what a PRAGMA says; 0 if it says nothing */
static int64_t
trace_db_number(struct trace_db *db, enum statement i)
{
	struct why why;
	sqlite3_stmt *s = stmt(db, i, &why);
	int64_t n = 0;

	if (s != NULL && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	if (s != NULL)
		sqlite3_reset(s);
	return n;
}

static int
exec(struct trace_db *db, sqlite3 *conn, const char *text, struct why *why)
{
	return sqlite3_exec(conn, text, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : trace_db_failed(db, conn, why);
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
		return trace_db_failed(db, db->writer, why);
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
		 : trace_db_failed(db, db->writer, why);
	umask(old);
	if (rc == -1)
		return -1;
	sqlite3_busy_timeout(db->writer, 2000);
	snprintf(limits, sizeof(limits),
	    "PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA max_page_count = %lld; PRAGMA journal_size_limit = 4194304;",
	    PAGE, (long long)db->pages);
	if (exec(db, db->writer, limits, why) == -1 ||
	    version_is_ours(db, why) == -1 ||
	    exec(db, db->writer, schema, why) == -1)
		return -1;
	if (sqlite3_open_v2(path, &db->reader,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return trace_db_failed(db, db->reader, why);
	sqlite3_busy_timeout(db->reader, 2000);
	return exec(db, db->reader, "PRAGMA query_only = 1", why);
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

/* --- writing ------------------------------------------------------------- */

static void
bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

static void
bind_number(sqlite3_stmt *s, int at, uint64_t n)
{
	sqlite3_bind_int64(s, at, n > INT64_MAX ? INT64_MAX : (sqlite3_int64)n);
}

int
trace_db_begin(struct trace_db *db, struct why *why)
{
	return exec(db, db->writer, "BEGIN IMMEDIATE", why);
}

int
trace_db_put_entry(
    struct trace_db *db, const struct trace_entry *e, struct why *why)
{
	sqlite3_stmt *s = stmt(db, PUT_ENTRY, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, e->when);
	sqlite3_bind_int(s, 2, (int)e->stage);
	bind_text(s, 3, e->queue_id);
	bind_text(s, 4, e->who);
	bind_text(s, 5, e->client);
	bind_text(s, 6, e->login);
	bind_text(s, 7, e->sender);
	bind_text(s, 8, e->rcpt);
	bind_number(s, 9, e->recipients);
	bind_number(s, 10, e->external);
	bind_number(s, 11, e->bytes);
	sqlite3_bind_blob(s, 12, e->digest,
	    (int)(e->nrcpt * sizeof(e->digest[0])), SQLITE_TRANSIENT);
	bind_text(s, 13, e->rule);
	bind_text(s, 14, e->verdict);
	bind_text(s, 15, e->policy);
	bind_text(s, 16, e->limit);
	bind_text(s, 17, e->key);
	bind_number(s, 18, e->used);
	bind_number(s, 19, e->max);
	sqlite3_bind_int64(s, 20, e->again);
	bind_text(s, 21, e->smarthost);
	bind_text(s, 22, e->text);
	sqlite3_bind_int(
	    s, 23, e->sum != TRACE_REFUSED && e->sum != TRACE_FAILED);
	return trace_db_run(db, s, why);
}

int
trace_db_add_day(
    struct trace_db *db, const struct trace_day *d, struct why *why)
{
	sqlite3_stmt *s = stmt(db, ADD_DAY, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int(s, 1, d->day);
	bind_text(s, 2, d->who);
	bind_number(s, 3, d->sent);
	bind_number(s, 4, d->recipients);
	bind_number(s, 5, d->bytes);
	bind_number(s, 6, d->refused);
	bind_number(s, 7, d->held);
	return trace_db_run(db, s, why);
}

int
trace_db_add_refusals(
    struct trace_db *db, const struct trace_refusals *r, struct why *why)
{
	sqlite3_stmt *s = stmt(db, ADD_REFUSALS, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, r->hour);
	bind_text(s, 2, r->who);
	bind_text(s, 3, r->policy);
	bind_text(s, 4, r->verdict);
	bind_number(s, 5, r->n);
	sqlite3_bind_int64(s, 6, r->first);
	sqlite3_bind_int64(s, 7, r->last);
	bind_text(s, 8, r->rcpt);
	bind_text(s, 9, r->text);
	return trace_db_run(db, s, why);
}

/* trace_db_drop - runs one of the statements that delete, with its two numbers
 */
static int
trace_db_drop(struct trace_db *db, enum statement i, int64_t before,
    int64_t most, struct why *why)
{
	sqlite3_stmt *s = stmt(db, i, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, before);
	sqlite3_bind_int64(s, 2, most);
	if (i == DROP_OLD)
		sqlite3_bind_int64(s, 3, db->held_from);
	return trace_db_run(db, s, why);
}

/* day_before - the local day so many days before the one of a time, about */
static int
day_before(int64_t now, int days)
{
	const time_t t = (time_t)((now - (int64_t)days * DAY) / SECOND);
	struct tm tm;

	gmtime_r(&t, &tm);
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

int
trace_db_end(struct trace_db *db, int64_t now, struct why *why)
{
	const int64_t left = db->pages - trace_db_number(db, PAGES) +
			     trace_db_number(db, FREE_PAGES);

	db->held_from = now - HELD_KEPT;
	if (trace_db_drop(db, DROP_OLD, now - db->keep, DROP_MOST, why) == -1 ||
	    (left < SPARE(db->pages) &&
		trace_db_drop(db, DROP_OLDEST, db->held_from, DROP_MOST, why) ==
		    -1) ||
	    trace_db_drop(db, DROP_HOURS, now - db->keep, DROP_MOST, why) ==
		-1 ||
	    trace_db_drop(db, DROP_DAYS, day_before(now, DAYS_KEPT), DROP_MOST,
		why) == -1 ||
	    exec(db, db->writer, "COMMIT", why) == -1) {
		trace_db_undo(db);
		return -1;
	}
	return 0;
}

void
trace_db_undo(struct trace_db *db)
{
	struct why why;

	if (sqlite3_get_autocommit(db->writer) == 0)
		(void)exec(db, db->writer, "ROLLBACK", &why);
	/* A full file: room for the next batch. */
	(void)trace_db_drop(db, DROP_OLDEST, db->held_from, DROP_MOST, &why);
}

/* --- reading ------------------------------------------------------------- */

static void
column(sqlite3_stmt *s, int at, char *dst, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, at);

	snprintf(dst, size, "%s", text != NULL ? (const char *)text : "");
}

static uint64_t
column_number(sqlite3_stmt *s, int at)
{
	return (uint64_t)sqlite3_column_int64(s, at);
}

#define COLUMN(s, at, dst) column(s, at, dst, sizeof(dst))

static void
read_entry(sqlite3_stmt *s, struct trace_entry *e)
{
	const void *digests;

	memset(e, 0, sizeof(*e));
	e->when = sqlite3_column_int64(s, 0);
	e->stage = (enum trace_stage)sqlite3_column_int(s, 1);
	COLUMN(s, 2, e->queue_id);
	COLUMN(s, 3, e->who);
	COLUMN(s, 4, e->client);
	COLUMN(s, 5, e->login);
	COLUMN(s, 6, e->sender);
	COLUMN(s, 7, e->rcpt);
	e->recipients = column_number(s, 8);
	e->external = column_number(s, 9);
	e->bytes = column_number(s, 10);
	COLUMN(s, 11, e->rule);
	COLUMN(s, 12, e->verdict);
	COLUMN(s, 13, e->policy);
	COLUMN(s, 14, e->limit);
	COLUMN(s, 15, e->key);
	e->used = column_number(s, 16);
	e->max = column_number(s, 17);
	e->again = sqlite3_column_int64(s, 18);
	COLUMN(s, 19, e->smarthost);
	COLUMN(s, 20, e->text);
	digests = sqlite3_column_blob(s, 21);
	e->nrcpt = (size_t)sqlite3_column_bytes(s, 21) / sizeof(e->digest[0]);
	if (e->nrcpt > TRACE_RCPTS)
		e->nrcpt = TRACE_RCPTS;
	if (digests != NULL)
		memcpy(e->digest, digests, e->nrcpt * sizeof(e->digest[0]));
}

/* trace_db_next - is there another row?  At the end it resets; *rc_r is -1 if
 * it broke
 */
static bool
trace_db_next(struct trace_db *db, sqlite3_stmt *s, int *rc_r, struct why *why)
{
	const int code = sqlite3_step(s);

	if (code == SQLITE_ROW)
		return true;
	*rc_r = code == SQLITE_DONE ? 0 : trace_db_failed(db, db->reader, why);
	return false;
}

int
trace_db_find(struct trace_db *db, const struct trace_query *q,
    trace_entry_fn *each, void *arg, struct why *why)
{
	struct trace_entry e;
	sqlite3_stmt *s;
	int rc = -1;

	pthread_mutex_lock(&db->reading);
	s = stmt(db, FIND, why);
	if (s != NULL) {
		bind_text(s, 1, q->queue_id);
		bind_text(s, 2, q->who);
		if (q->rcpt != 0)
			sqlite3_bind_blob(
			    s, 3, &q->rcpt, sizeof(q->rcpt), SQLITE_TRANSIENT);
		sqlite3_bind_int64(s, 4, q->since);
		sqlite3_bind_int64(s, 5, q->until != 0 ? q->until : INT64_MAX);
		sqlite3_bind_int(s, 6, q->refused);
		sqlite3_bind_int64(s, 7, (sqlite3_int64)q->n);
		rc = 0;
		while (trace_db_next(db, s, &rc, why)) {
			read_entry(s, &e);
			if (!each(arg, &e))
				break;
		}
		sqlite3_reset(s);
	}
	pthread_mutex_unlock(&db->reading);
	return rc;
}

int
trace_db_held(
    struct trace_db *db, trace_entry_fn *each, void *arg, struct why *why)
{
	struct trace_entry e;
	sqlite3_stmt *s;
	int rc = -1;

	pthread_mutex_lock(&db->reading);
	s = stmt(db, HELD, why);
	while (s != NULL && trace_db_next(db, s, &rc, why)) {
		read_entry(s, &e);
		if (!each(arg, &e))
			break;
	}
	if (s != NULL)
		sqlite3_reset(s);
	pthread_mutex_unlock(&db->reading);
	return rc;
}

/* begin_list - the reader taken, who and the rest bound; NULL and why */
static sqlite3_stmt *
begin_list(struct trace_db *db, enum statement i, const struct trace_list *l,
    struct why *why)
{
	sqlite3_stmt *s;

	pthread_mutex_lock(&db->reading);
	s = stmt(db, i, why);
	if (s == NULL) {
		pthread_mutex_unlock(&db->reading);
		return NULL;
	}
	if (l->who != NULL)
		bind_text(s, 1, l->who);
	sqlite3_bind_int64(s, 2, l->since);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)l->n);
	return s;
}

static void
end_list(struct trace_db *db, sqlite3_stmt *s)
{
	sqlite3_reset(s);
	pthread_mutex_unlock(&db->reading);
}

int
trace_db_history(struct trace_db *db, const struct trace_list *l,
    trace_day_fn *each, void *arg, struct why *why)
{
	sqlite3_stmt *s = begin_list(db, HISTORY, l, why);
	struct trace_day d;
	int rc = 0;

	if (s == NULL)
		return -1;
	while (trace_db_next(db, s, &rc, why)) {
		d.day = sqlite3_column_int(s, 0);
		COLUMN(s, 1, d.who);
		d.sent = column_number(s, 2);
		d.recipients = column_number(s, 3);
		d.bytes = column_number(s, 4);
		d.refused = column_number(s, 5);
		d.held = column_number(s, 6);
		if (!each(arg, &d))
			break;
	}
	end_list(db, s);
	return rc;
}

int
trace_db_refusals(struct trace_db *db, const struct trace_list *l,
    trace_refusals_fn *each, void *arg, struct why *why)
{
	sqlite3_stmt *s = begin_list(db, REFUSALS, l, why);
	struct trace_refusals r;
	int rc = 0;

	if (s == NULL)
		return -1;
	while (trace_db_next(db, s, &rc, why)) {
		r.hour = sqlite3_column_int64(s, 0);
		r.first = sqlite3_column_int64(s, 1);
		r.last = sqlite3_column_int64(s, 2);
		COLUMN(s, 3, r.who);
		COLUMN(s, 4, r.policy);
		COLUMN(s, 5, r.verdict);
		r.n = column_number(s, 6);
		COLUMN(s, 7, r.rcpt);
		COLUMN(s, 8, r.text);
		if (!each(arg, &r))
			break;
	}
	end_list(db, s);
	return rc;
}
