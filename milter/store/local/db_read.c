/*
 * db_read.c - what was flushed, found again.
 *
 * Callbacks of the mail server read while a flush writes: there is one reader,
 * behind a lock, and nobody keeps it for longer than a row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_stmt.h"

void
row_free(struct row *r)
{
	free(r->bytes);
	r->bytes = NULL;
}

/* Takes the reader; NULL if that failed, and it is free again. */
static sqlite3_stmt *
reading(struct db *db, enum statement st, struct why *why)
{
	sqlite3_stmt *s;

	pthread_mutex_lock(&db->reading);
	if ((s = stmt_get(db, st, why)) == NULL)
		pthread_mutex_unlock(&db->reading);
	return s;
}

static void
read_done(struct db *db, enum statement st)
{
	stmt_done(db, st);
	pthread_mutex_unlock(&db->reading);
}

/* A row that is not as it was written: nothing here is believed any more. */
static enum store_answer
db_read_damaged(struct db *db, struct why *why)
{
	db->damaged = true;
	why_set(why, "%.50s: a damaged counter: " DB_REMEDY, db->path);
	return STORE_FAILED;
}

/* db_read_row - record, seq and digest, in the first three columns */
static enum store_answer
db_read_row(struct db *db, sqlite3_stmt *s, const char *policy, const char *key,
    struct row *r, struct why *why)
{
	const void *p = sqlite3_column_blob(s, 0);

	r->len = (size_t)sqlite3_column_bytes(s, 0);
	r->seq = (uint64_t)sqlite3_column_int64(s, 1);
	r->bytes = p == NULL ? NULL : malloc(r->len);
	if (r->bytes == NULL) {
		why_set(why, "out of memory, or an empty record");
		return STORE_FAILED;
	}
	memcpy(r->bytes, p, r->len);
	if (sqlite3_column_int64(s, 2) ==
	    db_row_digest(policy, key, r->seq, r->bytes, r->len))
		return STORE_OK;
	row_free(r);
	return db_read_damaged(db, why);
}

enum store_answer
db_counter(struct db *db, const char *policy, const char *key,
    struct row *row_r, struct why *why)
{
	sqlite3_stmt *s = reading(db, GET_COUNTER, why);
	enum store_answer a;

	*row_r = (struct row){ 0 };
	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, policy);
	stmt_text(s, 2, key);
	a = stmt_step(db, GET_COUNTER, why);
	if (a == STORE_OK) {
		row_r->updated = sqlite3_column_int64(s, 3);
		a = db_read_row(db, s, policy, key, row_r, why);
	}
	read_done(db, GET_COUNTER);
	return a;
}

enum store_answer
db_binding(struct db *db, const char *bound, struct row *row_r, struct why *why)
{
	sqlite3_stmt *s = reading(db, GET_BINDING, why);
	enum store_answer a;

	*row_r = (struct row){ 0 };
	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, bound);
	a = stmt_step(db, GET_BINDING, why);
	if (a == STORE_OK) {
		stmt_column(s, 0, row_r->smarthost, sizeof(row_r->smarthost));
		row_r->updated = sqlite3_column_int64(s, 1);
	}
	read_done(db, GET_BINDING);
	return a;
}

/* One counter, copied, so that the reader is free while it is looked at. */
static enum store_answer
next_counter(
    struct db *db, struct db_cursor *cursor, struct row *row_r, struct why *why)
{
	sqlite3_stmt *s = reading(db, NEXT_COUNTERS, why);
	enum store_answer a;

	*row_r = (struct row){ 0 };
	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, cursor->key);
	stmt_text(s, 2, cursor->policy);
	a = stmt_step(db, NEXT_COUNTERS, why);
	if (a == STORE_OK) {
		struct db_cursor next = { 0 };

		stmt_column(s, 3, next.key, sizeof(next.key));
		stmt_column(s, 4, next.policy, sizeof(next.policy));
		*cursor = next;
		a = db_read_row(db, s, cursor->policy, cursor->key, row_r, why);
	}
	read_done(db, NEXT_COUNTERS);
	return a;
}

enum store_answer
db_counters(struct db *db, struct db_cursor *cursor, size_t n,
    db_counter_fn *each, void *arg, struct why *why)
{
	enum store_answer a = STORE_OK;
	bool more = true;
	struct row row;

	while (n-- > 0 && more && a == STORE_OK) {
		a = next_counter(db, cursor, &row, why);
		if (a == STORE_OK)
			more = each(arg, cursor->policy, cursor->key, row.bytes,
			    row.len);
		row_free(&row);
	}
	return a;
}

static struct store_event
db_read_event_of(sqlite3_stmt *s)
{
	struct store_event e = { .when = sqlite3_column_int64(s, 0) };

	stmt_column(s, 1, e.kind, sizeof(e.kind));
	stmt_column(s, 2, e.policy, sizeof(e.policy));
	stmt_column(s, 3, e.key, sizeof(e.key));
	stmt_column(s, 4, e.actor, sizeof(e.actor));
	stmt_column(s, 5, e.text, sizeof(e.text));
	return e;
}

enum store_answer
db_events(struct db *db, const char *key, size_t n, store_event_fn *each,
    void *arg, struct why *why)
{
	sqlite3_stmt *s = reading(db, GET_EVENTS, why);
	enum store_answer a;
	bool more = true;

	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, key);
	stmt_int(s, 2, (int64_t)n);
	while (more && (a = stmt_step(db, GET_EVENTS, why)) == STORE_OK) {
		struct store_event e = db_read_event_of(s);

		more = each(arg, &e);
	}
	read_done(db, GET_EVENTS);
	return more && a == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_answer
db_blocks(struct db *db, store_block_fn *each, void *arg, struct why *why)
{
	sqlite3_stmt *s = reading(db, GET_BLOCKS, why);
	enum store_answer a = STORE_NONE;
	char who[MAILADDR_MAX + 1], text[STORE_TEXT];
	bool more = true;

	if (s == NULL)
		return STORE_FAILED;
	while (more && (a = stmt_step(db, GET_BLOCKS, why)) == STORE_OK) {
		stmt_column(s, 0, who, sizeof(who));
		stmt_column(s, 2, text, sizeof(text));
		more = each(arg, who, sqlite3_column_int64(s, 1), text);
	}
	read_done(db, GET_BLOCKS);
	return a == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static struct lease
db_read_lease_of(sqlite3_stmt *s)
{
	struct lease l = {
		.id = (uint64_t)sqlite3_column_int64(s, 0),
		.when = sqlite3_column_int64(s, 1),
		.messages = (uint64_t)sqlite3_column_int64(s, 6),
		.recipients = (uint64_t)sqlite3_column_int64(s, 7),
		.bytes = (uint64_t)sqlite3_column_int64(s, 8),
	};

	stmt_column(s, 3, l.smarthost, sizeof(l.smarthost));
	stmt_column(s, 4, l.owner, sizeof(l.owner));
	stmt_column(s, 5, l.sender, sizeof(l.sender));
	return l;
}

enum store_answer
db_leases(struct db *db, db_lease_fn *each, void *arg, struct why *why)
{
	sqlite3_stmt *s = reading(db, GET_LEASES, why);
	enum store_answer a = STORE_NONE;
	bool more = true;

	if (s == NULL)
		return STORE_FAILED;
	while (more && (a = stmt_step(db, GET_LEASES, why)) == STORE_OK) {
		struct lease l = db_read_lease_of(s);

		more = each(arg, &l, sqlite3_column_int64(s, 2));
	}
	read_done(db, GET_LEASES);
	if (!more)
		return STORE_NONE;
	return a == STORE_FAILED ? STORE_FAILED : STORE_OK;
}
