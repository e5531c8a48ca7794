/*
 * trace_db_write.c - notes into the file, and what is too old or too much out
 * of it.
 */
#include <string.h>
#include <time.h>

#include "clock.h"
#include "trace_db_stmt.h"

#define DAYS_KEPT 400
#define HOURS_KEPT (8 * DAY)
#define HELD_KEPT (31 * DAY)
#define DROP_MOST 2000 /* entries in one batch: a batch stays short */
/* Unused part of the file below which the oldest entries go: an eighth. */
#define SPARE(pages) ((pages) / 8)

/* trace_db_run - a statement that has no rows */
static int
trace_db_run(struct trace_db *db, sqlite3_stmt *s, struct why *why)
{
	const int code = sqlite3_step(s);

	sqlite3_reset(s);
	return code == SQLITE_DONE || code == SQLITE_ROW
		   ? 0
		   : trace_db_failed(db->writer, why);
}

/* trace_db_number - what a PRAGMA says; 0 if it says nothing */
static int64_t
trace_db_number(struct trace_db *db, enum statement i)
{
	struct why why;
	sqlite3_stmt *s = trace_db_stmt(db, i, &why);
	int64_t n = 0;

	if (s != NULL && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	if (s != NULL)
		sqlite3_reset(s);
	return n;
}

static void
bind_number(sqlite3_stmt *s, int at, uint64_t n)
{
	sqlite3_bind_int64(s, at, n > INT64_MAX ? INT64_MAX : (sqlite3_int64)n);
}

int
trace_db_begin(struct trace_db *db, struct why *why)
{
	return trace_db_exec(db->writer, "BEGIN IMMEDIATE", why);
}

int
trace_db_put_entry(
    struct trace_db *db, const struct trace_entry *e, struct why *why)
{
	sqlite3_stmt *s = trace_db_stmt(db, PUT_ENTRY, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, e->when);
	sqlite3_bind_int(s, 2, (int)e->stage);
	trace_db_bind(s, 3, e->queue_id);
	trace_db_bind(s, 4, e->who);
	trace_db_bind(s, 5, e->client);
	trace_db_bind(s, 6, e->login);
	trace_db_bind(s, 7, e->sender);
	trace_db_bind(s, 8, e->rcpt);
	bind_number(s, 9, e->recipients);
	bind_number(s, 10, e->external);
	bind_number(s, 11, e->bytes);
	sqlite3_bind_blob(s, 12, e->digest,
	    (int)(e->nrcpt * sizeof(e->digest[0])), SQLITE_TRANSIENT);
	trace_db_bind(s, 13, e->rule);
	trace_db_bind(s, 14, e->verdict);
	trace_db_bind(s, 15, e->policy);
	trace_db_bind(s, 16, e->limit);
	trace_db_bind(s, 17, e->key);
	bind_number(s, 18, e->used);
	bind_number(s, 19, e->max);
	sqlite3_bind_int64(s, 20, e->again);
	trace_db_bind(s, 21, e->smarthost);
	trace_db_bind(s, 22, e->text);
	sqlite3_bind_int(
	    s, 23, e->sum != TRACE_REFUSED && e->sum != TRACE_FAILED);
	return trace_db_run(db, s, why);
}

int
trace_db_add_day(
    struct trace_db *db, const struct trace_day *d, struct why *why)
{
	sqlite3_stmt *s = trace_db_stmt(db, ADD_DAY, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int(s, 1, d->day);
	trace_db_bind(s, 2, d->who);
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
	sqlite3_stmt *s = trace_db_stmt(db, ADD_REFUSALS, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, r->hour);
	trace_db_bind(s, 2, r->who);
	trace_db_bind(s, 3, r->policy);
	trace_db_bind(s, 4, r->verdict);
	bind_number(s, 5, r->n);
	sqlite3_bind_int64(s, 6, r->first);
	sqlite3_bind_int64(s, 7, r->last);
	trace_db_bind(s, 8, r->rcpt);
	trace_db_bind(s, 9, r->text);
	return trace_db_run(db, s, why);
}

int
trace_db_add_hour(
    struct trace_db *db, const struct trace_hour *h, struct why *why)
{
	sqlite3_stmt *s = trace_db_stmt(db, ADD_HOUR, why);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, h->hour);
	trace_db_bind(s, 2, h->smarthost);
	bind_number(s, 3, h->sent);
	bind_number(s, 4, h->recipients);
	bind_number(s, 5, h->failed);
	return trace_db_run(db, s, why);
}

/* trace_db_drop - runs one of the statements that delete, with its two numbers
 */
static int
trace_db_drop(struct trace_db *db, enum statement i, int64_t before,
    int64_t most, struct why *why)
{
	sqlite3_stmt *s = trace_db_stmt(db, i, why);

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
	    trace_db_drop(db, DROP_SENT, now - HOURS_KEPT, DROP_MOST, why) ==
		-1 ||
	    trace_db_drop(db, DROP_HOURS, now - db->keep, DROP_MOST, why) ==
		-1 ||
	    trace_db_drop(db, DROP_DAYS, day_before(now, DAYS_KEPT), DROP_MOST,
		why) == -1 ||
	    trace_db_exec(db->writer, "COMMIT", why) == -1) {
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
		(void)trace_db_exec(db->writer, "ROLLBACK", &why);
	/* A full file: room for the next batch. */
	(void)trace_db_drop(db, DROP_OLDEST, db->held_from, DROP_MOST, &why);
}
