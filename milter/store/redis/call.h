/*
 * call.h - the shared store from within: what its files have in common.
 *
 * For the files that make it up (store_redis*.c) and the daemon, which lends
 * it a password; everybody else sees store.h.
 */
#ifndef CALL_H
#define CALL_H

#include <jansson.h>
#include <pthread.h>

#include "backend.h"
#include "pool.h"
#include "why.h"

/* Every key begins so; what is in braces puts all of them into one slot. */
#define REDIS_PREFIX	"{postmeter}:"
#define REDIS_EVENTS	REDIS_PREFIX "events"
#define REDIS_BLOCKS	REDIS_PREFIX "blocks"
#define REDIS_SERVERS	REDIS_PREFIX "servers"

#define REDIS_BINDING_LIFE (10 * DAY)	/* as the embedded store's */
#define REDIS_EVENT_LIFE (400 * DAY)
#define REDIS_EVENT_KEEP 10000
#define REDIS_PACE 500	/* ms between two looks after the server */
#define REDIS_EVENT_QUEUE 1024	/* events that wait to be sent */

/* For tests, which move the time: the caller's now, not the server's clock. */
extern bool store_redis_callers_time;

struct redis_store {
	struct store store;
	struct redis_pool *pool;
	struct outage *outage;		/* read it with redis_outage */
	const struct store_env *env;
	bool is_out;			/* it was logged; the worker's own */
	int64_t skew;			/* server's clock less ours; atomic */

	pthread_mutex_t sending;	/* one sender of events at a time */
	pthread_mutex_t lock;		/* for what follows */
	const struct config *conf;
	struct store_event *event;	/* a ring of REDIS_EVENT_QUEUE */
	size_t first_event, nevent;
	struct store_stats stats;
	redisReply *blocks;		/* as seen last; NULL: never */
	int64_t blocks_asked;		/* clock_steady: when last */
	uint64_t blocks_turn, blocks_seen; /* of asking; of what was seen */
	bool ending;
	pthread_cond_t wake;		/* ending */
	pthread_t thread;
	bool started;
};

/* One run of the script: keys, what is asked, its arguments. */
#define REDIS_KEY (sizeof(REDIS_PREFIX) + STORE_NAME + MAILADDR_MAX + 16)
#define REDIS_ARGS 512

struct redis_call {
	int argc;
	const char *argv[REDIS_ARGS];
	size_t len[REDIS_ARGS];
	char nkeys[16];
};

/* --- store_redis.c --- */

/* on-store-failure = local, or NULL; a reload can bring it. */
struct outage *redis_outage(struct redis_store *s);

/* Keys first, then what is asked, its JSON (NULL: out of memory), the rest. */
void	redis_call_begin(struct redis_call *c);
void	redis_call_add(struct redis_call *c, const void *bytes, size_t len);
void	redis_call_text(struct redis_call *c, const char *text);
enum store_answer redis_call_run(struct redis_store *s, struct redis_call *c,
	    int nkey, int budget, redisReply **reply_r, struct why *why);

/* "{postmeter}:c:POLICY:KEY"; dst has REDIS_KEY bytes. */
const char *redis_counter_key(char *dst, const char *policy, const char *key);

/* --- store_redis_bill.c --- */

/* The moment to tell the script: 0 is its own clock. */
int64_t	redis_moment(int64_t now);

/* Numbers are exact in the script up to 2^53; nothing real is beyond. */
int64_t	redis_number(uint64_t n);

/* Digests of recipients, each list once. */
struct redis_digests {
	uint8_t *bytes;
	size_t n, room;
};

/*
 * What is asked, to be freed; NULL: out of memory.  at is the server's time as
 * far as we know it, so that it is told the calendar's periods around it.
 */
char	*redis_bill_text(const struct bill *b, bool spend, int64_t at,
	    struct redis_digests *d);

/* Element i of a list; 0 if it is no number. */
long long redis_integer(const redisReply *r, size_t i);

/* Lists for questions. */
json_t	*redis_limits(const struct policy *p);
json_t	*redis_periods(const struct zone *zone, int64_t now);
int	redis_add_digests(struct redis_digests *d, const uint64_t *v, size_t n);

/* False if that is no answer to this bill. */
bool	redis_decision(const struct bill *b, const redisReply *r,
	    struct decision *d_r);

/* --- store_redis_acts.c --- */

enum store_answer redis_reset(struct store *s, const struct policy *policy,
	    const char *key, int64_t now, const char *actor, struct why *why);
enum store_answer redis_grant(struct store *s, const struct policy *policy,
	    const char *key, const struct grant *g, int64_t now,
	    const char *actor, const char *text, struct why *why);
enum store_answer redis_block(struct store *s, const char *who, int64_t until,
	    int64_t now, const char *actor, const char *text, struct why *why);
enum store_answer redis_unblock(struct store *s, const char *who, int64_t now,
	    const char *actor, struct why *why);
void	redis_note(struct store *s, const struct store_event *e);
enum store_answer redis_events(struct store *s, const char *key, size_t n,
	    store_event_fn *each, void *arg, struct why *why);
/* Sends what waits. */
enum store_answer redis_send_events(struct redis_store *s, struct why *why);

/* --- store_redis_blocks.c --- */

/* Asks the server for all blocks. */
enum store_answer redis_see_blocks(struct redis_store *s, int budget,
	    struct why *why);

/* What was seen last; STORE_FAILED: nothing yet. */
enum store_answer redis_seen_blocked(struct redis_store *s, const char *who,
	    int64_t now, char *text_r);

enum store_answer redis_blocked(struct store *s, const char *who, int64_t now,
	    char *text_r, struct why *why);
enum store_answer redis_blocks(struct store *s, int64_t now,
	    store_block_fn *each, void *arg, struct why *why);

/* --- store_redis_outage.c: a share of each limit while the server is out -- */

/* NULL and why if the store for it cannot be opened. */
struct outage *outage_open(const struct config *conf,
	    const struct store_env *env, struct why *why, int *exit_r);
void	outage_close(struct outage **op);
void	outage_reconfigure(struct outage *o, const struct config *conf);

/* As the functions of store.h, of the share. */
enum store_answer outage_charge(struct outage *o, const struct bill *b,
	    const char *bound, struct decision *d_r, struct why *why);
enum store_answer outage_preview(struct outage *o, const struct bill *b,
	    struct decision *d_r, struct why *why);
enum store_answer outage_bound(struct outage *o, const char *bound,
	    int64_t now, char *smarthost_r, struct why *why);
enum store_answer outage_blocked(struct outage *o, const char *who,
	    int64_t now, char *text_r, struct why *why);

/* What must be known when the server is out. */
void	outage_bind(struct outage *o, const char *bound,
	    const struct bill *charged, const char *smarthost);

/* Each second, while the server answers: tells it of us, learns, merges. */
void	outage_tend(struct outage *o, struct redis_store *s);

/* Puts before the trouble in text what share is in force, or why none. */
void	outage_tell(struct outage *o, struct why *why);

/* --- store_redis_look.c --- */

enum store_answer redis_read(struct store *s, const struct policy *policy,
	    const char *key, int64_t now, struct counter **c_r, struct why *why);
enum store_answer redis_walk(struct store *s, int64_t now,
	    store_each_fn *each, void *arg, struct why *why);

#endif
