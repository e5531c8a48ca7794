/*
 * db_write.c - what a flush writes, between begin and commit.
 */
#include <string.h>

#include "db_stmt.h"

enum store_answer
db_begin(struct db *db, struct why *why)
{
	if (stmt_get(db, BEGIN, why) == NULL)
		return STORE_FAILED;
	return stmt_run(db, BEGIN, why);
}

enum store_answer
db_commit(struct db *db, struct why *why)
{
	if (stmt_get(db, COMMIT, why) == NULL)
		return STORE_FAILED;
	return stmt_run(db, COMMIT, why);
}

void
db_rollback(struct db *db)
{
	struct why why;

	if (!sqlite3_get_autocommit(db->writer) &&
	    stmt_get(db, ROLLBACK, &why) != NULL)
		stmt_run(db, ROLLBACK, &why);
}

static enum store_answer
put_number(struct db *db, const char *name, uint64_t value, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, PUT_META, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, name);
	stmt_int(s, 2, (int64_t)value);
	return stmt_run(db, PUT_META, why);
}

enum store_answer
db_put_meta(struct db *db, const struct db_meta *meta, struct why *why)
{
	if (put_number(db, "flushed", meta->flushed, why) == STORE_FAILED ||
	    put_number(db, "seq", meta->seq, why) == STORE_FAILED)
		return STORE_FAILED;
	if (put_number(db, "now", (uint64_t)meta->now, why) == STORE_FAILED)
		return STORE_FAILED;
	return put_number(db, "journal", meta->journal, why);
}

enum store_answer
db_put_counter(struct db *db, const char *policy, const char *key,
    const struct row *r, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, PUT_COUNTER, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, policy);
	stmt_text(s, 2, key);
	stmt_int(s, 3, (int64_t)r->seq);
	sqlite3_bind_blob64(s, 4, r->bytes, r->len, SQLITE_STATIC);
	stmt_int(s, 5, r->updated);
	stmt_int(s, 6, db_row_digest(policy, key, r->seq, r->bytes, r->len));
	return stmt_run(db, PUT_COUNTER, why);
}

enum store_answer
db_drop_counter(
    struct db *db, const char *policy, const char *key, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, DROP_COUNTER, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, policy);
	stmt_text(s, 2, key);
	return stmt_run(db, DROP_COUNTER, why);
}

enum store_answer
db_put_binding(struct db *db, const char *bound, const char *smarthost,
    int64_t updated, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, PUT_BINDING, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, bound);
	stmt_text(s, 2, smarthost);
	stmt_int(s, 3, updated);
	return stmt_run(db, PUT_BINDING, why);
}

enum store_answer
db_put_event(struct db *db, const struct store_event *e, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, PUT_EVENT, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_int(s, 1, e->when);
	stmt_text(s, 2, e->kind);
	stmt_text(s, 3, e->policy);
	stmt_text(s, 4, e->key);
	stmt_text(s, 5, e->actor);
	stmt_text(s, 6, e->text);
	return stmt_run(db, PUT_EVENT, why);
}

enum store_answer
db_put_block(struct db *db, const char *who, int64_t until, const char *actor,
    const char *text, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, PUT_BLOCK, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, who);
	stmt_int(s, 2, until);
	stmt_text(s, 3, actor);
	stmt_text(s, 4, text);
	return stmt_run(db, PUT_BLOCK, why);
}

enum store_answer
db_drop_block(struct db *db, const char *who, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, DROP_BLOCK, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_text(s, 1, who);
	return stmt_run(db, DROP_BLOCK, why);
}

enum store_answer
db_put_lease(
    struct db *db, const struct lease *l, int64_t until, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, PUT_LEASE, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_int(s, 1, (int64_t)l->id);
	stmt_int(s, 2, l->when);
	stmt_int(s, 3, until);
	stmt_text(s, 4, l->smarthost);
	stmt_text(s, 5, l->owner);
	stmt_text(s, 6, l->sender);
	stmt_int(s, 7, (int64_t)l->messages);
	stmt_int(s, 8, (int64_t)l->recipients);
	stmt_int(s, 9, (int64_t)l->bytes);
	return stmt_run(db, PUT_LEASE, why);
}

enum store_answer
db_drop_lease(struct db *db, uint64_t id, struct why *why)
{
	sqlite3_stmt *s = stmt_get(db, DROP_LEASE, why);

	if (s == NULL)
		return STORE_FAILED;
	stmt_int(s, 1, (int64_t)id);
	return stmt_run(db, DROP_LEASE, why);
}

enum store_answer
db_tidy(struct db *db, int64_t before, size_t n, size_t keep, struct why *why)
{
	sqlite3_stmt *bindings = stmt_get(db, TIDY_BINDINGS, why);
	sqlite3_stmt *events = stmt_get(db, TIDY_EVENTS, why);
	sqlite3_stmt *blocks = stmt_get(db, TIDY_BLOCKS, why);

	if (bindings == NULL || events == NULL || blocks == NULL)
		return STORE_FAILED;
	stmt_int(bindings, 1, before);
	stmt_int(bindings, 2, (int64_t)n);
	stmt_int(events, 1, (int64_t)keep);
	stmt_int(blocks, 1, before);
	if (stmt_run(db, TIDY_BINDINGS, why) == STORE_FAILED ||
	    stmt_run(db, TIDY_BLOCKS, why) == STORE_FAILED)
		return STORE_FAILED;
	return stmt_run(db, TIDY_EVENTS, why);
}
