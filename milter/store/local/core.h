/*
 * core.h - the embedded store from within: table, journal, database.
 *
 * For the files of this directory; everybody else sees store.h.  core.c lies
 * below the operations (charge.c, read.c, admin.c, lease.c, flush.c, replay.c),
 * backend.c above them.
 *
 * Locks, in the order in which they are taken: flushing, lock, then those that
 * journal and database keep for themselves.  No disk is waited for under lock
 * but to read a counter that left memory at the same time.
 */
#ifndef CORE_H
#define CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend.h"
#include "cache.h"
#include "db.h"
#include "event_queue.h"
#include "lease_table.h"
#include "time_floor.h"
#include "wal.h"
#include "wal_record.h"
#include "why.h"

/* Longer than the 5 days that Postfix and Sendmail keep mail in their queue. */
#define BINDING_LIFE	(10 * DAY)
#define BINDING_FRESH	HOUR	/* not written again before */
#define EVENT_KEEP	10000	/* events that the database keeps */

/*
 * When memory is flushed to the database: so much journal, and what comes while
 * that is written, is replayed within two seconds; and this is how old the rows
 * may be that sqlite3(1) reads.
 */
#define FLUSH_BYTES	((uint64_t)8 << 20)
#define FLUSH_AGE	(15 * SECOND)

struct block {
	char *who, *text;
	int64_t until;
};

struct local {
	struct store store;
	void (*fatal)(const char *);
	struct db *db;		/* both NULL: "memory:" */
	struct wal *journal;
	char *path;
	int lock_fd;

	pthread_mutex_t lock;
	const struct config *conf;	/* guarded by lock */
	struct cache *table;		/* guarded by lock, with all items */
	struct time_floor time;		/* guarded by lock */
	uint64_t seq;			/* guarded by lock: the last operation */
	uint64_t unflushed;		/* guarded by lock: bytes of journal since
					 * the last flush */
	bool was_empty;			/* the database had no rows at start */
	size_t born;			/* guarded by lock: counters since then */
	struct lease_table *lease;	/* guarded by lock */
	struct block *block;		/* guarded by lock: in order of who */
	size_t nblock;			/* guarded by lock */
	atomic_bool any_block;		/* written with lock held */
	struct event_queue events;	/* guarded by lock: for the next flush */
	struct store_stats stats;	/* guarded by lock */
	struct why gone;		/* guarded by lock: why nothing can be
					 * charged, or "" */
	bool ending;			/* guarded by lock */
	pthread_cond_t wake;		/* ending, or FLUSH_BYTES are reached */
	pthread_t thread;		/* of whoever opens and closes */
	bool started;			/* the same */

	pthread_mutex_t flushing;	/* one flush at a time; taken before lock */
	struct db_meta meta;		/* guarded by flushing: as in the database */
	uint64_t oldest;		/* guarded by flushing: file of the journal
					 * that may exist */
	struct db_cursor cursor;	/* guarded by flushing: of the sweep */
	uint8_t *bytes;			/* guarded by flushing: packed counters */
	size_t size;			/* guarded by flushing */
};

static inline struct local *
local_of(struct store *s)
{
	return (struct local *)s;
}

/* --- core.c; all with lock held ------------------------------------------- */

/*
 * The item of this name, from memory or database.  lock may be let go of
 * meanwhile, and other items may leave, unless hold.
 */
enum store_answer local_fetch(struct local *l, const char *policy,
	    const char *key, bool hold, struct item **i_r, struct why *why);

/*
 * The counter of an item in the form of policy (NULL: in the form that it has):
 * item->live itself if that will do, else a copy.  local_shut frees a copy.
 */
enum store_answer local_open(struct local *l, const struct item *item,
	    const struct policy *policy, int64_t now, struct counter **c_r,
	    struct why *why);
void	local_shut(const struct item *item, struct counter **cp);

/*
 * item holds this counter from now on, as the operation l->seq made it.  *cp
 * is taken over.  Never fails.  When no other counter is open any more,
 * local_used lets one that was used longer ago be packed for it.
 */
void	local_put(struct local *l, struct item *item, struct counter **cp);
void	local_used(struct local *l, struct item *item);

/* What a binding says.  local_bind: false if out of memory. */
bool	local_bind(struct local *l, struct item *item, const char *smarthost,
	    int64_t when);
const char *local_binding(const struct item *item, int64_t *when_r);

/* The store's time (ms) when the clock shows that: to a question, of an operation. */
int64_t	local_time(struct local *l, int64_t clock);
int64_t	local_pass(struct local *l, int64_t clock);

/* Journals the record: the operation is now l->seq. */
enum store_answer local_record(struct local *l, const struct wal_record *rec,
	    struct why *why);

/* Lets go of the lock; a if the operation seq is as safe as asked for. */
enum store_answer local_leave(struct local *l, enum store_answer a,
	    uint64_t seq, struct why *why);

/* item was changed by the operation l->seq. */
void	local_changed(struct local *l, struct item *item);

/* --- charge.c ------------------------------------------------------------ */

enum store_answer local_charge(struct store *s, const struct bill *bill,
	    const char *bound, struct decision *d_r, struct why *why);
enum store_answer local_preview(struct store *s, const struct bill *bill,
	    struct decision *d_r, struct why *why);
enum store_answer local_lease(struct store *s, const struct bill *bill,
	    struct lease *lease, struct decision *d_r, struct why *why);
enum store_answer local_settle(struct store *s, const struct bill *bill,
	    const struct lease *lease, const struct settlement *left,
	    struct why *why);

/* --- read.c -------------------------------------------------------------- */

enum store_answer local_bound(struct store *s, const char *bound, int64_t now,
	    char *smarthost_r, struct why *why);
enum store_answer local_read(struct store *s, const struct policy *policy,
	    const char *key, int64_t now, struct counter **c_r,
	    struct why *why);
enum store_answer local_walk(struct store *s, int64_t now,
	    store_each_fn *each, void *arg, struct why *why);
enum store_answer memory_walk(struct store *s, int64_t now,
	    store_each_fn *each, void *arg, struct why *why);
void	local_stats(struct store *s, struct store_stats *st_r);

/* --- admin.c ------------------------------------------------------------- */

enum store_answer local_reset(struct store *s, const struct policy *policy,
	    const char *key, const struct audit *by, struct why *why);
enum store_answer local_grant(struct store *s, const struct policy *policy,
	    const char *key, const struct grant *g, const struct audit *by,
	    struct why *why);
enum store_answer local_block(struct store *s, const char *who, int64_t until,
	    const struct audit *by, struct why *why);
enum store_answer local_unblock(struct store *s, const char *who,
	    const struct audit *by, struct why *why);
enum store_answer local_blocked(struct store *s, const char *who, int64_t now,
	    char *text_r, struct why *why);
enum store_answer local_blocks(struct store *s, int64_t now,
	    store_block_fn *each, void *arg, struct why *why);
void	local_note(struct store *s, const struct store_event *e);
enum store_answer local_events(struct store *s, const char *key, size_t n,
	    store_event_fn *each, void *arg, struct why *why);
enum store_answer local_load_blocks(struct local *l, struct why *why);
void	local_free_blocks(struct local *l);

/* --- lease.c ------------------------------------------------------------- */

enum store_answer local_leases(struct store *s, store_lease_fn *each,
	    void *arg, struct why *why);
enum store_answer local_load_leases(struct local *l, struct why *why);
/* Writes what changed in the table; flushing is held, and lock is not. */
enum store_answer local_flush_leases(struct local *l, struct why *why);

/* --- flush.c -------------------------------------------------------- */

/* Brings what changed into the database; last: and the journal may go. */
enum store_answer local_flush(struct local *l, bool last, struct why *why);

/* Flushes when FLUSH_BYTES or FLUSH_AGE are reached, until l->ending. */
void	*local_flush_run(void *local);

/* --- replay.c ------------------------------------------------------ */

/*
 * Applies what the journal has and the rows have not.  STORE_OPENED and where the
 * chain ends, or what is wrong and why.  No thread is running yet.
 */
enum store_fault local_replay(struct local *l, const struct db_meta *meta,
	    struct wal_end *end_r, struct why *why);

#endif
