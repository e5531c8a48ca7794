/*
 * cache.c - a write-back cache of counters and bindings, by name.
 *
 * Linear hashing (Litwin 1980): the table grows by one bucket with each item,
 * so no message waits for all of it to be moved.  Keys are chosen by whoever
 * sends mail, so the hash is keyed with a secret of the process.
 */
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "keyed_hash.h"

#define BUCKETS_MIN 1024
#define GENERATIONS 16384
#define ABSENT 4096    /* names that the database is known not to have */
#define LIVE 4096      /* kept unpacked: 1.1 KB a rolling limit */
#define MALLOC_COST 16 /* what malloc adds to a piece, about */

TAILQ_HEAD(items, item);

/* Policies are few: each name is kept once. */
struct name {
	struct name *next;
	char text[];
};

struct cache {
	struct items list[ITEM_STATES];
	size_t n[ITEM_STATES];
	size_t bytes, counters;
	bool evicted;
	uint64_t secret[2];
	struct name *names;
	struct item **bucket;
	size_t nbucket, capacity; /* in use; allocated */
	size_t low;               /* power of two, at most nbucket */
	uint64_t generation[GENERATIONS];
	uint64_t absent[ABSENT]; /* their hashes, likewise; 0: none */
	struct item *live[LIVE]; /* each in the place that its hash gives it */
};

static uint64_t
item_hash(const struct cache *t, const char *policy, const char *key)
{
	struct keyed_hash h;

	keyed_hash_begin(&h, t->secret);
	keyed_hash_text(&h, policy);
	keyed_hash_text(&h, key);
	return keyed_hash_end(&h);
}

/* --- buckets -------------------------------------------------------------- */

static struct item **
bucket_of(const struct cache *t, uint64_t hash)
{
	size_t i = (size_t)hash & (2 * t->low - 1);

	return &t->bucket[i < t->nbucket ? i : i - t->low];
}

/* One bucket more, filled from the one that it is split from. */
static void
cache_grow(struct cache *t)
{
	struct item **from, *list;

	if (t->nbucket == t->capacity) {
		struct item **b =
		    reallocarray(t->bucket, 2 * t->capacity, sizeof(*b));

		if (b == NULL)
			return; /* chains grow longer, that is all */
		t->bucket = b;
		t->capacity *= 2;
	}
	from = &t->bucket[t->nbucket - t->low];
	list = *from;
	*from = NULL;
	t->bucket[t->nbucket++] = NULL;
	while (list != NULL) {
		struct item *item = list, **to = bucket_of(t, item->hash);

		list = item->chain;
		item->chain = *to;
		*to = item;
	}
	if (t->nbucket == 2 * t->low)
		t->low *= 2;
}

static const char *
cache_name_of(struct cache *t, const char *policy)
{
	struct name *n;
	size_t len = strlen(policy) + 1;

	for (n = t->names; n != NULL; n = n->next)
		if (strcmp(n->text, policy) == 0)
			return n->text;
	if ((n = malloc(sizeof(*n) + len)) == NULL)
		return NULL;
	memcpy(n->text, policy, len);
	n->next = t->names;
	t->names = n;
	return n->text;
}

static void
list_add(struct cache *t, struct item *item, enum item_state state)
{
	item->state = state;
	TAILQ_INSERT_TAIL(&t->list[state], item, link);
	t->n[state]++;
}

static void
list_remove(struct cache *t, struct item *item)
{
	TAILQ_REMOVE(&t->list[item->state], item, link);
	t->n[item->state]--;
}

/* --- new and freed -------------------------------------------------------- */

struct cache *
cache_new(void)
{
	struct cache *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	for (size_t i = 0; i < ITEM_STATES; i++)
		TAILQ_INIT(&t->list[i]);
	t->nbucket = t->capacity = t->low = BUCKETS_MIN;
	t->bucket = calloc(BUCKETS_MIN, sizeof(t->bucket[0]));
	if (t->bucket == NULL || keyed_hash_secret(t->secret) == -1)
		cache_free(&t);
	return t;
}

static void
item_free(struct item *item)
{
	counter_free(&item->live);
	free(item->bytes);
	free(item);
}

void
cache_free(struct cache **tp)
{
	struct cache *t = *tp;

	if (t == NULL)
		return;
	for (size_t i = 0; t->bucket != NULL && i < t->nbucket; i++)
		while (t->bucket[i] != NULL) {
			struct item *item = t->bucket[i];

			t->bucket[i] = item->chain;
			item_free(item);
		}
	while (t->names != NULL) {
		struct name *n = t->names;

		t->names = n->next;
		free(n);
	}
	free(t->bucket);
	free(t);
	*tp = NULL;
}

static struct item *
peek(const struct cache *t, uint64_t hash, const char *policy, const char *key)
{
	struct item *item = *bucket_of(t, hash);

	while (item != NULL &&
	       (item->hash != hash || strcmp(item->key, key) != 0 ||
		   strcmp(item->policy, policy) != 0))
		item = item->chain;
	return item;
}

struct item *
cache_peek(struct cache *t, const char *policy, const char *key)
{
	return peek(t, item_hash(t, policy, key), policy, key);
}

struct item *
cache_find(struct cache *t, const char *policy, const char *key)
{
	struct item *item = cache_peek(t, policy, key);

	if (item != NULL && item->state == ITEM_CLEAN) {
		list_remove(t, item);
		list_add(t, item, ITEM_CLEAN);
	}
	return item;
}

struct item *
cache_add(struct cache *t, const char *policy, const char *key)
{
	size_t nkey = strlen(key) + 1;
	const char *name = cache_name_of(t, policy);
	struct item *item = calloc(1, sizeof(*item) + nkey), **bucket;

	if (item == NULL || name == NULL) {
		free(item);
		return NULL;
	}
	if (t->n[ITEM_CLEAN] + t->n[ITEM_DIRTY] + t->n[ITEM_FLUSHING] >=
	    t->nbucket)
		cache_grow(t);
	item->policy = name;
	memcpy(item->key, key, nkey);
	item->hash = item_hash(t, policy, key);
	bucket = bucket_of(t, item->hash);
	item->chain = *bucket;
	*bucket = item;
	t->counters += policy[0] != '\0';
	list_add(t, item, ITEM_CLEAN);
	cache_measure(t, item);
	return item;
}

static struct item **
live_place(struct cache *t, const struct item *item)
{
	return &t->live[item->hash % LIVE];
}

static void
live_forget(struct cache *t, const struct item *item)
{
	if (*live_place(t, item) == item)
		*live_place(t, item) = NULL;
}

struct item *
cache_keep_live(struct cache *t, struct item *item)
{
	struct item *before = *live_place(t, item);

	*live_place(t, item) = item;
	return before == item ? NULL : before;
}

static size_t
counter_measure(const struct counter *c)
{
	size_t n = sizeof(*c) + c->nslot * sizeof(c->slot[0]);

	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i].dim == DIM_UNIQUE)
			n += c->slot[i].uniq.size *
			     sizeof(struct recipient_slot);
	return n;
}

void
cache_measure(struct cache *t, struct item *item)
{
	size_t n = sizeof(*item) + strlen(item->key) + 1 + 2 * MALLOC_COST;

	n += item->live != NULL ? counter_measure(item->live) : item->len;
	t->bytes += n - item->measured;
	item->measured = (uint32_t)n;
}

void
cache_set_bytes(struct cache *t, struct item *item, uint8_t *bytes, size_t len)
{
	live_forget(t, item);
	counter_free(&item->live);
	free(item->bytes);
	item->bytes = bytes;
	item->len = (uint32_t)len;
	cache_measure(t, item);
}

void
cache_set_live(struct cache *t, struct item *item, struct counter *c)
{
	if (item->live != c)
		counter_free(&item->live);
	free(item->bytes);
	item->bytes = NULL;
	item->len = 0;
	item->live = c;
	cache_measure(t, item);
}

uint64_t
cache_generation(const struct cache *t, const char *policy, const char *key)
{
	return t
	    ->generation[item_hash(t, policy, key) >> 32 & (GENERATIONS - 1)];
}

static size_t
absent_place(uint64_t hash)
{
	return hash >> 32 & (ABSENT - 1);
}

void
cache_note_absent(struct cache *t, const char *policy, const char *key)
{
	uint64_t hash = item_hash(t, policy, key);

	t->absent[absent_place(hash)] = hash;
}

bool
cache_is_absent(const struct cache *t, const char *policy, const char *key)
{
	uint64_t hash = item_hash(t, policy, key);

	return hash != 0 && t->absent[absent_place(hash)] == hash;
}

void
cache_remove(struct cache *t, struct item *item)
{
	struct item **p = bucket_of(t, item->hash);

	while (*p != item)
		p = &(*p)->chain;
	*p = item->chain;
	t->generation[item->hash >> 32 & (GENERATIONS - 1)]++;
	if (t->absent[absent_place(item->hash)] == item->hash)
		t->absent[absent_place(item->hash)] = 0;
	live_forget(t, item);
	list_remove(t, item);
	t->bytes -= item->measured;
	t->counters -= item->policy[0] != '\0';
	item_free(item);
}

/* --- flushing and evicting ------------------------------------------------ */

void
cache_dirty(struct cache *t, struct item *item)
{
	if (item->state == ITEM_DIRTY)
		return;
	list_remove(t, item);
	list_add(t, item, ITEM_DIRTY);
}

struct item *
cache_next_dirty(const struct cache *t)
{
	return TAILQ_FIRST(&t->list[ITEM_DIRTY]);
}

void
cache_begin_flush(struct cache *t, struct item *item)
{
	list_remove(t, item);
	list_add(t, item, ITEM_FLUSHING);
}

bool
cache_end_flush(struct cache *t, enum item_state state, size_t n)
{
	struct item *item;

	while (n-- > 0) {
		if ((item = TAILQ_FIRST(&t->list[ITEM_FLUSHING])) == NULL)
			return false;
		list_remove(t, item);
		list_add(t, item, state);
	}
	return true;
}

void
cache_each(const struct cache *t, cache_each_fn *each, void *arg)
{
	const struct item *item;

	for (size_t i = 0; i < ITEM_STATES; i++)
		TAILQ_FOREACH (item, &t->list[i], link)
			each(arg, item);
}

void
cache_evict(struct cache *t, size_t n)
{
	struct item *item;

	while (n-- > 0 && t->bytes > CACHE_BYTES &&
	       (item = TAILQ_FIRST(&t->list[ITEM_CLEAN])) != NULL) {
		t->evicted = true;
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): off the list */
		cache_remove(t, item);
	}
}

bool
cache_is_complete(const struct cache *t)
{
	return !t->evicted;
}

size_t
cache_bytes(const struct cache *t)
{
	return t->bytes;
}

size_t
cache_counters(const struct cache *t)
{
	return t->counters;
}

size_t
cache_ndirty(const struct cache *t)
{
	return t->n[ITEM_DIRTY];
}
