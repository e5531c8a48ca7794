/*
 * db.h - what was flushed, in SQLite: for the next start, for counters
 * that left memory, and for whoever looks with sqlite3(1).
 *
 * It knows names, rows and bytes, and gives them no meaning.  Two connections:
 * functions that write are for one thread at a time, those that read for any,
 * also while another writes.
 */
#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"
#include "why.h"

struct db;

/* Where counting stands. */
struct db_meta {
	uint64_t flushed;	/* operations up to here are in the rows */
	uint64_t seq;		/* none in the rows is above */
	uint64_t journal;	/* the oldest file needed, 0: none */
	int64_t now;		/* ms; the latest time of any operation, ever */
};

/* The bytes of a counter, or where a binding leads; free with row_free. */
struct row {
	uint8_t *bytes;
	size_t len;
	uint64_t seq;
	char smarthost[STORE_NAME];
	int64_t updated;
};
void	row_free(struct row *r);

/*
 * Opens or creates path and reads *meta_r.  NULL, why, and in *fault_r
 * STORE_DAMAGED (also newer or not ours) or STORE_INACCESSIBLE.
 */
struct db *db_open(const char *path, struct db_meta *meta_r,
	    struct why *why, enum store_fault *fault_r);
void	db_close(struct db **dbp);

/* False and why if the file was removed or replaced, or proved damaged. */
bool	db_in_place(struct db *db, struct why *why);

/*
 * What was committed goes from the write-ahead log into the file itself, so
 * that the loss of the log cannot bring back a time before this.
 */
void	db_checkpoint(struct db *db);

/* True if it holds no counter and no binding. */
bool	db_is_empty(struct db *db);

/* True if a sync failed: the process must end, not try again. */
bool	db_unsynced(const struct db *db);

/* --- writing: begin, put, commit.  STORE_FAILED says why. ---------------- */

enum store_answer db_begin(struct db *db, struct why *why);
enum store_answer db_commit(struct db *db, struct why *why);
void	db_rollback(struct db *db);

enum store_answer db_put_meta(struct db *db,
	    const struct db_meta *meta, struct why *why);
enum store_answer db_put_counter(struct db *db, const char *policy,
	    const char *key, const struct row *r, struct why *why);
enum store_answer db_drop_counter(struct db *db,
	    const char *policy, const char *key, struct why *why);
enum store_answer db_put_binding(struct db *db, const char *bound,
	    const char *smarthost, int64_t updated, struct why *why);
enum store_answer db_put_event(struct db *db,
	    const struct store_event *e, struct why *why);
enum store_answer db_put_block(struct db *db, const char *who,
	    int64_t until, const char *actor, const char *text, struct why *why);
enum store_answer db_drop_block(struct db *db, const char *who,
	    struct why *why);

enum store_answer db_put_lease(struct db *db, const struct lease *l,
	    int64_t until, struct why *why);
enum store_answer db_drop_lease(struct db *db, uint64_t id, struct why *why);

/*
 * Forgets blocks that ended before that time, at most n bindings older than
 * it, and events beyond keep.
 */
enum store_answer db_tidy(struct db *db, int64_t before, size_t n,
	    size_t keep, struct why *why);

/* --- reading ------------------------------------------------------------- */

enum store_answer db_counter(struct db *db, const char *policy,
	    const char *key, struct row *row_r, struct why *why);
enum store_answer db_binding(struct db *db, const char *bound,
	    struct row *row_r, struct why *why);

/* The counter that a walk met last; all zero: none yet. */
struct db_cursor {
	char key[MAILADDR_MAX + 1], policy[STORE_NAME];
};

/*
 * Calls each for at most n counters behind *cursor, which moves
 * on; STORE_NONE when there are no more.  No connection is held meanwhile.
 */
typedef bool db_counter_fn(void *arg, const char *policy,
	    const char *key, const uint8_t *bytes, size_t len);
enum store_answer db_counters(struct db *db, struct db_cursor *cursor,
	    size_t n, db_counter_fn *each, void *arg, struct why *why);

enum store_answer db_events(struct db *db, const char *key,
	    size_t n, store_event_fn *each, void *arg, struct why *why);
enum store_answer db_blocks(struct db *db, store_block_fn *each,
	    void *arg, struct why *why);

/* All leases in order of id; STORE_NONE if each returned false to stop. */
typedef bool db_lease_fn(void *arg, const struct lease *l, int64_t until);
enum store_answer db_leases(struct db *db, db_lease_fn *each, void *arg,
	    struct why *why);

#endif
