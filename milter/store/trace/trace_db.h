/*
 * trace_db.h - the file of the trace: its tables, written by one thread and
 * read by others over a connection of their own.
 */
#ifndef TRACE_DB_H
#define TRACE_DB_H

#include "trace.h"

struct trace_db;

struct trace_db *trace_db_open(const char *path, int64_t keep, uint64_t size,
	    struct why *why);
void	trace_db_close(struct trace_db **dbp);

/* A batch is one transaction: begin, any of the puts, end. 0, or -1 and why. */
int	trace_db_begin(struct trace_db *db, struct why *why);
int	trace_db_put_entry(struct trace_db *db, const struct trace_entry *e,
	    struct why *why);
int	trace_db_add_day(struct trace_db *db, const struct trace_day *d,
	    struct why *why);
int	trace_db_add_refusals(struct trace_db *db,
	    const struct trace_refusals *r, struct why *why);

int	trace_db_add_hour(struct trace_db *db, const struct trace_hour *h,
	    struct why *why);

/* Drops what is too old or too much at now, and commits. */
int	trace_db_end(struct trace_db *db, int64_t now, struct why *why);
void	trace_db_undo(struct trace_db *db);

int	trace_db_find(struct trace_db *db, const struct trace_query *q,
	    trace_entry_fn *each, void *arg, struct why *why);
int	trace_db_held(struct trace_db *db, trace_entry_fn *each, void *arg,
	    struct why *why);

/* Of whom (NULL: all), since which day or time, how many at the most. */
struct trace_list {
	const char *who;
	int64_t since;
	size_t n;
};
int	trace_db_history(struct trace_db *db, const struct trace_list *l,
	    trace_day_fn *each, void *arg, struct why *why);
int	trace_db_refusals(struct trace_db *db, const struct trace_list *l,
	    trace_refusals_fn *each, void *arg, struct why *why);
int	trace_db_hours(struct trace_db *db, int64_t since, trace_hour_fn *each,
	    void *arg, struct why *why);

#endif
