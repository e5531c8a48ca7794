/*
 * trace_db_stmt.h - the file of the trace from inside: its two connections and
 * their statements, as writing and reading share them.
 */
#ifndef TRACE_DB_STMT_H
#define TRACE_DB_STMT_H

#include <pthread.h>
#include <sqlite3.h>

#include "trace_db.h"

/* Those before FIND are of the thread that writes. */
enum statement {
	PUT_ENTRY,
	ADD_DAY,
	ADD_REFUSALS,
	ADD_HOUR,
	DROP_OLD,
	DROP_OLDEST,
	DROP_HOURS,
	DROP_SENT,
	DROP_DAYS,
	PAGES,
	FREE_PAGES,
	FIND,
	HELD,
	HISTORY,
	REFUSALS,
	HOURS,
	STATEMENTS
};

struct trace_db {
	sqlite3 *writer; /* the thread's */
	pthread_mutex_t reading;
	sqlite3 *reader;                /* guarded by reading */
	sqlite3_stmt *stmt[STATEMENTS]; /* from FIND on: guarded by reading */
	int64_t keep;                   /* ms: what is older goes */
	int64_t held_from;              /* what is held and older goes, too */
	int64_t pages;                  /* the file's most */
};

/* -1, and in why what SQLite says of the connection. */
int	trace_db_failed(sqlite3 *conn, struct why *why);

/* The statement, ready to be bound; NULL and why. */
sqlite3_stmt *trace_db_stmt(struct trace_db *db, enum statement i,
	    struct why *why);

void	trace_db_bind(sqlite3_stmt *s, int at, const char *text);

/* Text of SQL.  0, or -1 and why. */
int	trace_db_exec(sqlite3 *conn, const char *text, struct why *why);

#endif
