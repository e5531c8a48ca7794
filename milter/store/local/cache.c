/*
 * cache.c - what is in memory: counters and bindings, by name.
 *
 * Keys are chosen by whoever sends mail.  A hash table alone would need a
 * secret against those who make theirs collide; here each place of it holds a
 * balanced tree, which needs no luck.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"

#define PLACES 16384

/* Where the items whose hash leads here are. */
struct place {
	void *root;
	uint64_t generation; /* how many have left */
};

TAILQ_HEAD(items, item);

struct cache {
	struct items list[ITEM_STATES];
	size_t n[ITEM_STATES];
	size_t bytes, counters;
	struct place place[PLACES];
};

/*
 * item_hash - FNV-1a.  It leads to the place, and most comparisons need not
 * look at the names.  Who makes names collide gains a few of those.
 */
static uint64_t
item_hash(const char *policy, const char *key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *policy != '\0'; policy++)
		h = (h ^ (unsigned char)*policy) * UINT64_C(0x100000001b3);
	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	return h;
}

static struct place *
place_of(struct cache *t, uint64_t hash)
{
	return &t->place[hash % PLACES];
}

static int
item_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = (x->hash > y->hash) - (x->hash < y->hash);

	if (order == 0)
		order = strcmp(x->key, y->key);
	return order != 0 ? order : strcmp(x->policy, y->policy);
}

static size_t
item_measure(const struct item *item)
{
	const struct counter *c = item->counter;
	size_t n = sizeof(*item) + item->length;

	if (c == NULL)
		return n;
	n += sizeof(*c) + c->nslot * sizeof(c->slot[0]);
	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i].dim == DIM_UNIQUE)
			n += c->slot[i].uniq.size *
			     sizeof(struct recipient_slot);
	return n;
}

static void
measure(struct cache *t, struct item *item)
{
	t->bytes -= item->bytes;
	item->bytes = item_measure(item);
	t->bytes += item->bytes;
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

struct cache *
cache_new(void)
{
	struct cache *t = calloc(1, sizeof(*t));

	for (size_t i = 0; t != NULL && i < ITEM_STATES; i++)
		TAILQ_INIT(&t->list[i]);
	return t;
}

static void
item_free(void *node)
{
	struct item *item = node;

	counter_free(&item->counter);
	free(item);
}

void
cache_free(struct cache **tp)
{
	if (*tp == NULL)
		return;
	for (size_t i = 0; i < PLACES; i++)
		tdestroy((*tp)->place[i].root, item_free);
	free(*tp);
	*tp = NULL;
}

struct item *
cache_peek(struct cache *t, const char *policy, const char *key)
{
	const struct item probe = {
		.hash = item_hash(policy, key),
		.policy = policy,
		.key = key,
	};
	struct item **node =
	    tfind(&probe, &place_of(t, probe.hash)->root, item_order);

	return node == NULL ? NULL : *node;
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
cache_add(
    struct cache *t, const char *policy, const char *key, struct counter **cp)
{
	size_t npolicy = strlen(policy) + 1, nkey = strlen(key) + 1;
	struct item *item = calloc(1, sizeof(*item) + npolicy + nkey);

	if (item == NULL)
		return NULL;
	item->policy = memcpy(item->text, policy, npolicy);
	item->key = memcpy(item->text + npolicy, key, nkey);
	item->length = npolicy + nkey;
	item->hash = item_hash(policy, key);
	if (tsearch(item, &place_of(t, item->hash)->root, item_order) == NULL) {
		free(item);
		return NULL;
	}
	if (cp != NULL) {
		item->counter = *cp;
		*cp = NULL;
		t->counters++;
	}
	list_add(t, item, ITEM_CLEAN);
	measure(t, item);
	return item;
}

uint64_t
cache_generation(struct cache *t, const char *policy, const char *key)
{
	return place_of(t, item_hash(policy, key))->generation;
}

void
cache_remove(struct cache *t, struct item *item)
{
	struct place *place = place_of(t, item->hash);

	place->generation++;
	tdelete(item, &place->root, item_order);
	list_remove(t, item);
	t->bytes -= item->bytes;
	t->counters -= item->counter != NULL;
	item_free(item);
}

void
cache_dirty(struct cache *t, struct item *item)
{
	measure(t, item);
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

	while (n-- > 0 && t->bytes > TABLE_BYTES &&
	       (item = TAILQ_FIRST(&t->list[ITEM_CLEAN])) != NULL)
		cache_remove(t, item);
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
