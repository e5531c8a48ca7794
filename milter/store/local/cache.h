/*
 * cache.h - a write-back cache of counters and bindings, by name.
 *
 * An item is clean (the database has it), dirty (it has not), or flushing (it
 * is being written).  Only clean ones may be evicted, the least recently used
 * first.  The caller holds a lock.
 *
 * A counter is kept as its packed bytes (counter_pack), a tenth of what it
 * takes unpacked.  Two kinds are kept unpacked: those with many recipients, as
 * to pack one anew for each message would cost more than all else, and the few
 * that were used last (cache_keep_live).
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "counter.h"
#include "store.h"

/* Memory in use before clean items leave: of a million counters, say. */
#define CACHE_BYTES ((size_t)256 << 20)

enum item_state { ITEM_CLEAN, ITEM_DIRTY, ITEM_FLUSHING };
#define ITEM_STATES 3

struct item {
	TAILQ_ENTRY(item) link;
	struct item *chain;	/* the next one in its bucket */
	uint64_t hash;		/* of its names */
	uint64_t seq;		/* of the last operation in it */
	const char *policy;	/* "": a binding; shared by items */
	uint8_t *bytes;		/* what it holds; NULL if live */
	struct counter *live;	/* unpacked; NULL if bytes */
	uint32_t len;		/* of bytes */
	uint32_t measured;	/* memory that it takes, in bytes */
	enum item_state state;
	char key[];
};

struct cache;

struct cache *cache_new(void);		/* NULL: out of memory */
void	cache_free(struct cache **tp);

/* NULL if it is not in memory.  Finding it is using it; peeking is not. */
struct item *cache_find(struct cache *t, const char *policy, const char *key);
struct item *cache_peek(struct cache *t, const char *policy, const char *key);

/* A clean new item that holds nothing yet; NULL: out of memory. */
struct item *cache_add(struct cache *t, const char *policy, const char *key);

/* What item holds from now on, taken over. */
void	cache_set_bytes(struct cache *t, struct item *item, uint8_t *bytes,
	    size_t len);
void	cache_set_live(struct cache *t, struct item *item, struct counter *c);

/*
 * item, which is live, is one of those that were used last from now on.
 * Returns the one that has to make room, still live, or NULL.
 */
struct item *cache_keep_live(struct cache *t, struct item *item);

/* A live counter changed. */
void	cache_measure(struct cache *t, struct item *item);

/* Takes item out and frees it. */
void	cache_remove(struct cache *t, struct item *item);

/*
 * Changes when an item that may be the one named has left.  What was read
 * from the database before that must be read again.
 */
uint64_t cache_generation(const struct cache *t, const char *policy,
	    const char *key);

/*
 * The database was read and has no row of that name: no need to read it again
 * until an item of it has come and left.  Kept for the names noted last.
 */
void	cache_note_absent(struct cache *t, const char *policy, const char *key);
bool	cache_is_absent(const struct cache *t, const char *policy,
	    const char *key);

/* item was changed. */
void	cache_dirty(struct cache *t, struct item *item);

/* The dirty item that waits longest, or NULL; cache_begin_flush makes it flushing. */
struct item *cache_next_dirty(const struct cache *t);
void	cache_begin_flush(struct cache *t, struct item *item);

/* At most n flushing ones become state; false when none is left. */
bool	cache_end_flush(struct cache *t, enum item_state state, size_t n);

/* Calls each for every item, in no order; it may change none of the cache. */
typedef void cache_each_fn(void *arg, const struct item *item);
void	cache_each(const struct cache *t, cache_each_fn *each, void *arg);

/*
 * Evicts the clean ones unused for longest, at most n, while more than
 * CACHE_BYTES.
 */
void	cache_evict(struct cache *t, size_t n);

/* True if nothing that the database has ever left: what is absent here is
 * absent there, if the database was empty. */
bool	cache_is_complete(const struct cache *t);

size_t	cache_bytes(const struct cache *t);
size_t	cache_counters(const struct cache *t);	/* bindings not among them */
size_t	cache_ndirty(const struct cache *t);

#endif
