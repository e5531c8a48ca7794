/*
 * trace_db_read.c - questions to the file, over the connection that only reads.
 */
#include <stdio.h>
#include <string.h>

#include "trace_db_stmt.h"

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
	*rc_r = code == SQLITE_DONE ? 0 : trace_db_failed(db->reader, why);
	return false;
}

/* begin_read - the reader taken, its statement ready; NULL and why */
static sqlite3_stmt *
begin_read(struct trace_db *db, enum statement i, struct why *why)
{
	sqlite3_stmt *s;

	pthread_mutex_lock(&db->reading);
	s = trace_db_stmt(db, i, why);
	if (s == NULL)
		pthread_mutex_unlock(&db->reading);
	return s;
}

static void
end_read(struct trace_db *db, sqlite3_stmt *s)
{
	sqlite3_reset(s);
	pthread_mutex_unlock(&db->reading);
}

/* each_entry - of the rows of s; then the reader is free.  0, or -1 and why. */
static int
each_entry(struct trace_db *db, sqlite3_stmt *s, trace_entry_fn *each,
    void *arg, struct why *why)
{
	struct trace_entry e;
	int rc = 0;

	while (trace_db_next(db, s, &rc, why)) {
		read_entry(s, &e);
		if (!each(arg, &e))
			break;
	}
	end_read(db, s);
	return rc;
}

int
trace_db_find(struct trace_db *db, const struct trace_query *q,
    trace_entry_fn *each, void *arg, struct why *why)
{
	sqlite3_stmt *s = begin_read(db, FIND, why);

	if (s == NULL)
		return -1;
	trace_db_bind(s, 1, q->queue_id);
	trace_db_bind(s, 2, q->who);
	if (q->rcpt != 0)
		sqlite3_bind_blob(
		    s, 3, &q->rcpt, sizeof(q->rcpt), SQLITE_TRANSIENT);
	sqlite3_bind_int64(s, 4, q->since);
	sqlite3_bind_int64(s, 5, q->until != 0 ? q->until : INT64_MAX);
	sqlite3_bind_int(s, 6, q->refused);
	sqlite3_bind_int64(s, 7, (sqlite3_int64)q->n);
	return each_entry(db, s, each, arg, why);
}

int
trace_db_held(
    struct trace_db *db, trace_entry_fn *each, void *arg, struct why *why)
{
	sqlite3_stmt *s = begin_read(db, HELD, why);

	return s != NULL ? each_entry(db, s, each, arg, why) : -1;
}

static sqlite3_stmt *
begin_list(struct trace_db *db, enum statement i, const struct trace_list *l,
    struct why *why)
{
	sqlite3_stmt *s = begin_read(db, i, why);

	if (s == NULL)
		return NULL;
	if (l->who != NULL)
		trace_db_bind(s, 1, l->who);
	sqlite3_bind_int64(s, 2, l->since);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)l->n);
	return s;
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
	end_read(db, s);
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
	end_read(db, s);
	return rc;
}

int
trace_db_hours(struct trace_db *db, int64_t since, trace_hour_fn *each,
    void *arg, struct why *why)
{
	sqlite3_stmt *s = begin_read(db, HOURS, why);
	struct trace_hour h;
	int rc = 0;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, since);
	while (trace_db_next(db, s, &rc, why)) {
		h.hour = sqlite3_column_int64(s, 0);
		COLUMN(s, 1, h.smarthost);
		h.sent = column_number(s, 2);
		h.recipients = column_number(s, 3);
		h.failed = column_number(s, 4);
		if (!each(arg, &h))
			break;
	}
	end_read(db, s);
	return rc;
}
