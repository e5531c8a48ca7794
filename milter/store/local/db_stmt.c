/*
 * db_stmt.c - every SQL statement that a running store needs, in one
 * table: bind, run, reset.
 */
#include <stdio.h>
#include <string.h>

#include "db_stmt.h"
#include "digest.h"

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[PUT_META] =
	    "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
	[PUT_COUNTER] =
	    "INSERT INTO counter (policy, key, seq, record, updated, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET seq = ?3, record = ?4, updated = ?5, digest = ?6",
	[DROP_COUNTER] = "DELETE FROM counter WHERE policy = ?1 AND key = ?2",
	[PUT_BINDING] =
	    "INSERT INTO binding VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET smarthost = ?2, updated = ?3",
	[PUT_EVENT] =
	    "INSERT INTO event (at, kind, policy, key, actor, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[PUT_BLOCK] =
	    "INSERT INTO block VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET until = ?2, actor = ?3, text = ?4",
	[DROP_BLOCK] = "DELETE FROM block WHERE who = ?1",
	[PUT_LEASE] =
	    "INSERT OR REPLACE INTO lease VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[DROP_LEASE] = "DELETE FROM lease WHERE id = ?1",
	[TIDY_BINDINGS] =
	    "DELETE FROM binding WHERE rowid IN (SELECT rowid FROM binding WHERE updated < ?1 LIMIT ?2)",
	[TIDY_EVENTS] =
	    "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1",
	[TIDY_BLOCKS] = "DELETE FROM block WHERE until < ?1",
	[GET_META] = "SELECT name, value FROM meta",
	[GET_COUNTER] =
	    "SELECT record, seq, digest, updated FROM counter WHERE policy = ?1 AND key = ?2",
	[GET_BINDING] =
	    "SELECT smarthost, updated FROM binding WHERE bound = ?1",
	[NEXT_COUNTERS] =
	    "SELECT record, seq, digest, key, policy FROM counter WHERE (key, policy) > (?1, ?2) ORDER BY key, policy LIMIT 1",
	[GET_EVENTS] =
	    "SELECT at, kind, policy, key, actor, text FROM event WHERE ?1 IS NULL OR key = ?1 ORDER BY id DESC LIMIT ?2",
	[GET_BLOCKS] = "SELECT who, until, text FROM block ORDER BY who",
	[GET_LEASES] =
	    "SELECT id, at, until, smarthost, owner, sender, messages, recipients, bytes FROM lease ORDER BY id",
};

int64_t
db_row_digest(const char *policy, const char *key, uint64_t seq,
    const void *bytes, size_t len)
{
	const uint64_t part[] = { digest64(policy, strlen(policy)),
		digest64(key, strlen(key)), seq, digest64(bytes, len) };

	return (int64_t)digest64(part, sizeof(part));
}

bool
db_is_damage(int code)
{
	return (code & 255) == SQLITE_CORRUPT || (code & 255) == SQLITE_NOTADB;
}

static bool
is_sync(int code)
{
	return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

enum store_answer
db_failed(struct db *db, sqlite3 *conn, struct why *why)
{
	int code = sqlite3_extended_errcode(conn);

	if (db_is_damage(code))
		db->damaged = true;
	if (is_sync(code))
		db->unsynced = true;
	why_set(why, "database %.60s: %s%s", db->path, sqlite3_errmsg(conn),
	    db_is_damage(code) ? ": " DB_REMEDY : "");
	return STORE_FAILED;
}

static sqlite3 *
connection_of(const struct db *db, enum statement st)
{
	return st < WRITER_END ? db->writer : db->reader;
}

sqlite3_stmt *
stmt_get(struct db *db, enum statement st, struct why *why)
{
	sqlite3 *conn = connection_of(db, st);

	if (db->stmt[st] == NULL &&
	    sqlite3_prepare_v3(conn, sql[st], -1, SQLITE_PREPARE_PERSISTENT,
		&db->stmt[st], NULL) != SQLITE_OK)
		db_failed(db, conn, why);
	return db->stmt[st];
}

void
stmt_text(sqlite3_stmt *s, int i, const char *text)
{
	sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

void
stmt_int(sqlite3_stmt *s, int i, int64_t v)
{
	sqlite3_bind_int64(s, i, v);
}

enum store_answer
stmt_step(struct db *db, enum statement st, struct why *why)
{
	switch (sqlite3_step(db->stmt[st])) {
	case SQLITE_ROW:
		return STORE_OK;
	case SQLITE_DONE:
		return STORE_NONE;
	default:
		return db_failed(db, connection_of(db, st), why);
	}
}

void
stmt_done(struct db *db, enum statement st)
{
	sqlite3_reset(db->stmt[st]);
	sqlite3_clear_bindings(db->stmt[st]);
}

enum store_answer
stmt_run(struct db *db, enum statement st, struct why *why)
{
	enum store_answer a = stmt_step(db, st, why);

	stmt_done(db, st);
	return a == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

void
stmt_column(sqlite3_stmt *s, int i, char *dst, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, i);

	snprintf(dst, size, "%s", text == NULL ? "" : (const char *)text);
}
