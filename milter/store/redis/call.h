/*
 * call.h - the shared store from within: what its files have in common.
 *
 * The server keeps records: a version of eight bytes and what a record holds,
 * packed counters for the most part.  The daemon decides on what it saw last
 * and swaps the records, all of a bill or none, if they are still of the
 * versions that it saw (script.lua).  Everybody else sees store.h.
 *
 * No key expires: sweep.c says why.
 */
#ifndef CALL_H
#define CALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "backend.h"
#include "clock.h"
#include "event_queue.h"
#include "pool.h"
#include "seen.h"
#include "time_floor.h"
#include "why.h"

/* Every key begins so; what is in braces puts all of them into one slot. */
#define REDIS_PREFIX	"{postmeter}:"
#define REDIS_COUNTERS	REDIS_PREFIX "c:"	/* POLICY:KEY: a record */
#define REDIS_BINDINGS	REDIS_PREFIX "b:"	/* BOUND: a record */
#define REDIS_LEASES	REDIS_PREFIX "l:"	/* ID: a record */
#define REDIS_MARKS	REDIS_PREFIX "m:"	/* of what was merged: a record */
#define REDIS_BLOCKS	REDIS_PREFIX "blocks"	/* a record */
#define REDIS_TIME	REDIS_PREFIX "time"	/* the highest seen: a record */
#define REDIS_TURN	REDIS_PREFIX "turn"	/* who swaps next: a string */
#define REDIS_OPEN	REDIS_PREFIX "leases"	/* the IDs: a set */
#define REDIS_EVENTS	REDIS_PREFIX "events"	/* the newest first: a list */
#define REDIS_SERVERS	REDIS_PREFIX "servers"	/* ids by last sight: scored */

#define REDIS_KEY (sizeof(REDIS_PREFIX) + STORE_NAME + MAILADDR_MAX + 16)

#define REDIS_BINDING_LIFE (10 * DAY)	/* as the embedded store's */
#define REDIS_EVENT_LAST "9999"	/* the oldest that is kept, from 0 */
#define REDIS_INTERVAL	500	/* ms between two looks after the server */

struct redis_work;
struct redis_call;

struct redis_store {
	struct store store;
	struct redis_pool *pool;
	struct seen *seen;
	int timeout;			/* ms, of a call that a message waits for */
	char name[24];			/* this store's own, for its turn */

	_Atomic int64_t skew;		/* the server's clock less ours */
	_Atomic int64_t heard_at;	/* clock_steady: REDIS_TIME was read */
	_Atomic uint64_t versions;	/* drawn so far, from a random start */
	struct clock_guard guard;	/* the worker's own, as all of these */
	bool is_out, is_ahead;		/* it was logged */
	char cursor[24];		/* of the sweep over all keys */

	pthread_mutex_t queue_lock;
	TAILQ_HEAD(, redis_call) queue;	/* guarded by queue_lock: they wait for
					 * the next swap */
	bool is_led;			/* guarded by queue_lock: somebody swaps */

	pthread_mutex_t sending;	/* guarded by sending: the order of events
					 * on the server, one sender at a time */
	pthread_mutex_t lock;
	const struct config *conf;	/* guarded by lock */
	struct time_floor time;		/* guarded by lock: by the server's clock */
	struct event_queue events;	/* guarded by lock: they wait to be sent */
	struct store_stats stats;	/* guarded by lock */
	bool ending;			/* guarded by lock */
	pthread_cond_t wake;		/* ending */
	pthread_t thread;		/* of whoever opens and closes */
	bool started;			/* the same */
};

static inline struct redis_store *
redis_of(struct store *s)
{
	return (struct redis_store *)s;
}

/* --- call.c: questions, answered together ------------------------------- */

/*
 * A question.  answer may be called several times, in any thread: what it
 * reads and changes is in w, what it was asked in arg.  Unless it returns
 * STORE_FAILED (and has changed nothing) its answer holds if the swap does.
 */
typedef enum store_answer redis_answer_fn(struct redis_work *w, void *arg,
	    struct why *why);

/* Asks and waits, some ms at the most beside a swap under way. */
enum store_answer redis_call(struct redis_store *s, redis_answer_fn *answer,
	    void *arg, int timeout, struct why *why);

/*
 * The same from what was last seen, if none of it is older than age ms (NEVER:
 * however old) and the answer STORE_OK.  False: it has to be asked.
 */
bool	redis_answer_seen(struct redis_store *s, redis_answer_fn *answer,
	    void *arg, int64_t age);
#define REDIS_FRESH SECOND	/* what was seen is believed that long */

/* --- charge.c ----------------------------------------------------------- */

enum store_answer redis_charge(struct store *s, const struct bill *bill,
	    const char *bound, struct decision *d_r, struct why *why);
enum store_answer redis_preview(struct store *s, const struct bill *bill,
	    struct decision *d_r, struct why *why);
enum store_answer redis_bound(struct store *s, const char *bound, int64_t now,
	    char *smarthost_r, struct why *why);

/* A bill on the store's time, and its counters in w. */
struct redis_hand {
	struct bill bill;
	struct redis_record *record[BILL_LINES];
	struct counter *counter[BILL_LINES];
};
enum store_answer redis_gather(struct redis_work *w, const struct bill *b,
	    struct redis_hand *h, struct why *why);
/*
 * Decides, and spends and binds, or locks.  Nothing is changed unless
 * STORE_OK.
 */
enum store_answer redis_spend(struct redis_work *w, struct redis_hand *h,
	    const char *bound, struct decision *d_r, struct why *why);

/* Counts how a charge or a lease was answered. */
void	redis_count(struct redis_store *s, enum store_answer a,
	    const struct decision *d);

/* --- leases.c ----------------------------------------------------------- */

enum store_answer redis_lease(struct store *s, const struct bill *bill,
	    struct lease *lease, struct decision *d_r, struct why *why);
enum store_answer redis_settle(struct store *s, const struct bill *bill,
	    const struct lease *lease, const struct settlement *left,
	    struct why *why);
enum store_answer redis_leases(struct store *s, store_lease_fn *each,
	    void *arg, struct why *why);

/* The lease of that id (in hex) leaves the set with the swap. */
bool	redis_unlist_lease(struct redis_work *w, const char *id);

/* --- admin.c ------------------------------------------------------------ */

enum store_answer redis_reset(struct store *s, const struct policy *policy,
	    const char *key, const struct audit *by, struct why *why);
enum store_answer redis_grant(struct store *s, const struct policy *policy,
	    const char *key, const struct grant *g, const struct audit *by,
	    struct why *why);
void	redis_note(struct store *s, const struct store_event *e);
enum store_answer redis_events(struct store *s, const char *key, size_t n,
	    store_event_fn *each, void *arg, struct why *why);

/* Sends what waits. */
enum store_answer redis_send_events(struct redis_store *s, struct why *why);

/* The event is told with the swap.  False: out of memory. */
bool	redis_tell_event(struct redis_work *w, const struct store_event *e);

/* --- blocks.c ----------------------------------------------------------- */

enum store_answer redis_block(struct store *s, const char *who, int64_t until,
	    const struct audit *by, struct why *why);
enum store_answer redis_unblock(struct store *s, const char *who,
	    const struct audit *by, struct why *why);
enum store_answer redis_blocked(struct store *s, const char *who, int64_t now,
	    char *text_r, struct why *why);
enum store_answer redis_blocks(struct store *s, int64_t now,
	    store_block_fn *each, void *arg, struct why *why);

/* Sees all blocks, so that no message has to ask. */
void	redis_see_blocks(struct redis_store *s);

/* --- read.c ------------------------------------------------------------- */

enum store_answer redis_read(struct store *s, const struct policy *policy,
	    const char *key, int64_t now, struct counter **c_r,
	    struct why *why);
enum store_answer redis_walk(struct store *s, int64_t now,
	    store_each_fn *each, void *arg, struct why *why);

/* --- share.c: for a store that stands in while this one is out ---------- */

enum store_answer redis_merge(struct store *s, const struct store_merge *m,
	    struct why *why);
enum store_answer redis_census(struct store *s, const char *id,
	    int64_t now, size_t *n_r, struct why *why);

/* --- sweep.c ------------------------------------------------------------ */

/* Looks at some records, and drops those that matter no more; the worker's. */
void	redis_sweep(struct redis_store *s);

/* --- time.c ------------------------------------------------------------- */

/* Reads the server's clock, and believes it or not; the worker's. */
void	redis_look_at_clock(struct redis_store *s);

/*
 * The store's time (ms) when our clock shows that: the server's, but never
 * before the highest known (time_floor.h).  And the reverse, for people.
 */
int64_t	redis_time(struct redis_store *s, int64_t clock);
int64_t	redis_clock_at(struct redis_store *s, int64_t clock, int64_t time);

/* Of any operation that is known of; 0: none is. */
int64_t	redis_time_highest(struct redis_store *s);

/* An operation of that clock was done; one of another daemon was at that time. */
void	redis_time_raise(struct redis_store *s, int64_t clock);
void	redis_time_heard(struct redis_store *s, int64_t clock, int64_t time);

#endif
