/*
 * cache.h - what is in memory: counters and bindings, by name.
 *
 * An item is clean (the database has it), dirty (it has not), or flushing (it
 * is being told).  Only clean ones may leave.  The caller holds a lock.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "counter.h"
#include "store.h"

/*
 * Memory in use before clean items leave.  A rolling limit takes 1.1 KB, so
 * these are some 15,000 senders with four limits each, busy at one time.
 */
#define TABLE_BYTES ((size_t)64 << 20)

enum item_state { ITEM_CLEAN, ITEM_DIRTY, ITEM_FLUSHING };
#define ITEM_STATES 3

struct item {
	TAILQ_ENTRY(item) link;
	enum item_state state;
	size_t bytes;			/* as last measured */
	size_t length;			/* of text, in bytes */
	uint64_t seq;			/* of the last operation in it */
	uint64_t hash;			/* of its names */
	struct counter *counter;	/* NULL: a binding */
	int64_t bound_at;		/* a binding: when, ms */
	char smarthost[STORE_NAME];	/* a binding: to what */
	const char *policy;		/* "": a binding */
	const char *key;
	char text[];
};

struct cache;

struct cache *cache_new(void);		/* NULL: out of memory */
void	cache_free(struct cache **tp);

/* NULL if it is not in memory.  Finding it is using it; peeking is not. */
struct item *cache_find(struct cache *t, const char *policy, const char *key);
struct item *cache_peek(struct cache *t, const char *policy, const char *key);

/*
 * A clean new item; takes *cp over (NULL for a binding) if there is memory,
 * else returns NULL and leaves it.
 */
struct item *cache_add(struct cache *t, const char *policy, const char *key,
	    struct counter **cp);

/* Takes item out and frees it. */
void	cache_remove(struct cache *t, struct item *item);

/*
 * Changes when an item that may be the one named has left.  What was read
 * from the database before that must be read again.
 */
uint64_t cache_generation(struct cache *t, const char *policy,
	    const char *key);

/* item was changed. */
void	cache_dirty(struct cache *t, struct item *item);

/* The dirty item that waits longest, or NULL; cache_begin_flush: flushing. */
struct item *cache_next_dirty(const struct cache *t);
void	cache_begin_flush(struct cache *t, struct item *item);

/* At most n flushing ones become state; false when none is left. */
bool	cache_end_flush(struct cache *t, enum item_state state, size_t n);

/* Calls each for every item, in no order; it may change none of the table. */
typedef void cache_each_fn(void *arg, const struct item *item);
void	cache_each(const struct cache *t, cache_each_fn *each, void *arg);

/*
 * Lets the clean ones unused for longest go, at most n, while more than
 * TABLE_BYTES.
 */
void	cache_evict(struct cache *t, size_t n);

size_t	cache_bytes(const struct cache *t);
size_t	cache_counters(const struct cache *t);	/* bindings not among them */
size_t	cache_ndirty(const struct cache *t);

#endif
