/*
 * db_stmt.h - the statements of the database, and how one is run.
 *
 * Between the files behind database.h, and for nobody else.
 */
#ifndef DB_STMT_H
#define DB_STMT_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "db.h"
#include "why.h"

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
	PUT_LEASE,
	DROP_LEASE,
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
	GET_LEASES,
	STATEMENTS
};

struct db {
	char *path;
	dev_t device;			/* of the file that was opened */
	ino_t inode;
	sqlite3 *writer;		/* of whoever flushes */
	pthread_mutex_t reading;
	sqlite3 *reader;		/* guarded by reading */
	sqlite3_stmt *stmt[STATEMENTS];	/* from WRITER_END on: guarded by
					 * reading; before: of who flushes */
	atomic_bool damaged, unsynced;	/* seen once, for good */
};

/* What to do about a damaged file. */
#define DB_REMEDY						\
	"stop postmeter, keep a copy, try sqlite3 FILE .recover, or "	\
	"restore a backup"

/* Does this (extended) code of SQLite tell of a damaged file? */
bool	db_is_damage(int code);

/* STORE_FAILED, and in why what SQLite says of the connection. */
enum store_answer db_failed(struct db *db, sqlite3 *conn,
	    struct why *why);

/*
 * What SQLite keeps it does not check: a row says itself whether it is as it
 * was written.
 */
int64_t	db_row_digest(const char *policy, const char *key, uint64_t seq,
	    const void *bytes, size_t len);

/*
 * Prepared when first used, kept until the end; NULL and why.  Those below
 * WRITER_END belong to the thread that writes, the others to whoever holds
 * the lock of the reader.
 */
sqlite3_stmt *stmt_get(struct db *db, enum statement st, struct why *why);

void	stmt_text(sqlite3_stmt *s, int i, const char *text);
void	stmt_int(sqlite3_stmt *s, int i, int64_t v);

/* STORE_OK: a row is there; STORE_NONE: it is done. */
enum store_answer stmt_step(struct db *db, enum statement st, struct why *why);

/* Copies a column of that row, cut to size. */
void	stmt_column(sqlite3_stmt *s, int i, char *dst, size_t size);

/* Ready for the next time. */
void	stmt_done(struct db *db, enum statement st);

/* step and done, for statements without an answer: STORE_OK or STORE_FAILED. */
enum store_answer stmt_run(struct db *db, enum statement st, struct why *why);

#endif
