/*
 * table.h - what is in memory: counters and bindings, by name.
 *
 * An item is clean (the database has it), dirty (it has not), or folding (it
 * is being told).  Only clean ones may leave.  The caller holds a lock.
 */
#ifndef TABLE_H
#define TABLE_H

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

enum item_state { ITEM_CLEAN, ITEM_DIRTY, ITEM_FOLDING };
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

struct table;

struct table *table_new(void);		/* NULL: out of memory */
void	table_free(struct table **tp);

/* NULL if it is not in memory.  Finding it is using it; peeking is not. */
struct item *table_find(struct table *t, const char *policy, const char *key);
struct item *table_peek(struct table *t, const char *policy, const char *key);

/*
 * A clean new item; takes *cp over (NULL for a binding) if there is memory,
 * else returns NULL and leaves it.
 */
struct item *table_add(struct table *t, const char *policy, const char *key,
	    struct counter **cp);

/* Takes item out and frees it. */
void	table_remove(struct table *t, struct item *item);

/*
 * Changes when an item that may be the one named has left.  What was read
 * from the database before that must be read again.
 */
uint64_t table_generation(struct table *t, const char *policy,
	    const char *key);

/* item was changed. */
void	table_dirty(struct table *t, struct item *item);

/* The dirty item that waits longest, or NULL; table_take makes it folding. */
struct item *table_waiting(const struct table *t);
void	table_take(struct table *t, struct item *item);

/* At most n folding ones become state; false when none is left. */
bool	table_settle(struct table *t, enum item_state state, size_t n);

/* Calls each for every item, in no order; it may change none of the table. */
typedef void table_each_fn(void *arg, const struct item *item);
void	table_each(const struct table *t, table_each_fn *each, void *arg);

/*
 * Lets the clean ones unused for longest go, at most n, while more than
 * TABLE_BYTES.
 */
void	table_trim(struct table *t, size_t n);

size_t	table_bytes(const struct table *t);
size_t	table_counters(const struct table *t);	/* bindings not among them */
size_t	table_ndirty(const struct table *t);

#endif
