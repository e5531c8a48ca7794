/*
 * pool.h - the shared store's server, as many threads see it: a command
 * goes in, an answer comes out in time, and a server that does not
 * answer is not asked again and again.
 *
 * The breaker (breaker.h) opens after some failures in a row; then every command
 * fails at once until redis_pool_reconnect finds the server well.
 */
#ifndef POOL_H
#define POOL_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "discover.h"
#include "store.h"
#include "why.h"

#define REDIS_TIMEOUT	200	/* ms: connecting, asking and the reply */
#define REDIS_PATIENCE	1000	/* ms: the same, where nobody waits for it */
#define REDIS_LINKS	8

struct redis_pool;

/*
 * Connects to nobody yet.  secret is the name of the password, "" for none.
 * An answer that takes longer than timeout ms is no sign of health.  NULL and
 * why if out of memory or the authorities cannot be read.
 */
struct redis_pool *redis_pool_open(const struct redis_url *where,
	    const char *secret, redis_password_fn *password, int timeout,
	    struct why *why);
void	redis_pool_close(struct redis_pool **pp);

/*
 * Looks for the server (name service, Sentinels), checks that it is one to
 * trust counters to, and closes the breaker.  May take seconds: never from a
 * callback.
 */
enum redis_health redis_pool_reconnect(struct redis_pool *p, struct why *why);

/* Is something wrong with it? */
bool	redis_pool_needs_reconnect(struct redis_pool *p);

/* Is the breaker open?  why, if so, says what opened it. */
bool	redis_pool_is_down(struct redis_pool *p, struct why *why);

/*
 * One command.  STORE_OK: *reply_r, never an error reply, to be freed with
 * freeReplyObject.
 */
enum store_answer redis_pool_ask(struct redis_pool *p, int timeout, const struct redis_command *c, redisReply **reply_r,
	    struct why *why);

/*
 * The script of the store: c has two free places in front, then
 * the number of keys, keys and arguments.
 */
enum store_answer redis_pool_run(struct redis_pool *p, int timeout, const struct redis_command *c, redisReply **reply_r,
	    struct why *why);

#endif
