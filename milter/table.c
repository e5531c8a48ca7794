/*
 * table.c - what is in memory: counters and bindings, by name.
 *
 * Keys are chosen by whoever sends mail.  A balanced tree needs no luck with
 * them, where a hash table would need a secret.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "table.h"

#define GENERATIONS 4096 /* so that one leaving seldom disturbs another */

TAILQ_HEAD(items, item);

struct table {
	void *root;
	struct items list[ITEM_STATES];
	size_t n[ITEM_STATES];
	size_t bytes, counters;
	uint64_t generation[GENERATIONS];
};

static int
item_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : strcmp(x->policy, y->policy);
}

static size_t
item_measure(const struct item *e)
{
	const struct counter *c = e->counter;
	size_t n = sizeof(*e) + strlen(e->policy) + strlen(e->key) + 2;

	if (c == NULL)
		return n;
	n += sizeof(*c) + c->nslot * sizeof(c->slot[0]);
	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i].dim == DIM_UNIQUE)
			n += c->slot[i].uniq.size * sizeof(struct uniq_slot);
	return n;
}

static void
measure(struct table *t, struct item *e)
{
	t->bytes -= e->bytes;
	e->bytes = item_measure(e);
	t->bytes += e->bytes;
}

static void
list_add(struct table *t, struct item *e, enum item_state state)
{
	e->state = state;
	TAILQ_INSERT_TAIL(&t->list[state], e, link);
	t->n[state]++;
}

static void
list_remove(struct table *t, struct item *e)
{
	TAILQ_REMOVE(&t->list[e->state], e, link);
	t->n[e->state]--;
}

struct table *
table_new(void)
{
	struct table *t = calloc(1, sizeof(*t));

	for (size_t i = 0; t != NULL && i < ITEM_STATES; i++)
		TAILQ_INIT(&t->list[i]);
	return t;
}

static void
free_node(void *node)
{
	struct item *e = node;

	item_free(&e);
}

void
table_free(struct table **tp)
{
	if (*tp == NULL)
		return;
	tdestroy((*tp)->root, free_node);
	free(*tp);
	*tp = NULL;
}

struct item *
table_find(struct table *t, const char *policy, const char *key)
{
	const struct item probe = { .policy = policy, .key = key };
	struct item **node = tfind(&probe, &t->root, item_order);

	if (node == NULL)
		return NULL;
	if ((*node)->state == ITEM_CLEAN) {
		list_remove(t, *node);
		list_add(t, *node, ITEM_CLEAN);
	}
	return *node;
}

struct item *
table_add(struct table *t, const char *policy, const char *key,
    struct counter **cp)
{
	size_t npolicy = strlen(policy) + 1, nkey = strlen(key) + 1;
	struct item *e = calloc(1, sizeof(*e) + npolicy + nkey);

	if (e == NULL)
		return NULL;
	e->policy = memcpy(e->text, policy, npolicy);
	e->key = memcpy(e->text + npolicy, key, nkey);
	if (tsearch(e, &t->root, item_order) == NULL) {
		free(e);
		return NULL;
	}
	if (cp != NULL) {
		e->counter = *cp;
		*cp = NULL;
		t->counters++;
	}
	list_add(t, e, ITEM_CLEAN);
	measure(t, e);
	return e;
}

static size_t
generation_of(const char *policy, const char *key)
{
	uint64_t h = digest64(key, strlen(key)) + strlen(policy);

	return (size_t)(h % GENERATIONS);
}

uint64_t
table_generation(const struct table *t, const char *policy, const char *key)
{
	return t->generation[generation_of(policy, key)];
}

void
table_detach(struct table *t, struct item *e)
{
	t->generation[generation_of(e->policy, e->key)]++;
	tdelete(e, &t->root, item_order);
	list_remove(t, e);
	t->bytes -= e->bytes;
	t->counters -= e->counter != NULL;
}

void
table_remove(struct table *t, struct item *e)
{
	table_detach(t, e);
	item_free(&e);
}

void
item_free(struct item **ep)
{
	if (*ep == NULL)
		return;
	counter_free(&(*ep)->counter);
	free(*ep);
	*ep = NULL;
}

void
table_dirty(struct table *t, struct item *e)
{
	measure(t, e);
	if (e->state == ITEM_DIRTY)
		return;
	list_remove(t, e);
	list_add(t, e, ITEM_DIRTY);
}

struct item *
table_waiting(const struct table *t)
{
	return TAILQ_FIRST(&t->list[ITEM_DIRTY]);
}

void
table_take(struct table *t, struct item *e)
{
	list_remove(t, e);
	list_add(t, e, ITEM_FOLDING);
}

bool
table_settle(struct table *t, enum item_state state, size_t n)
{
	struct item *e;

	while (n-- > 0) {
		if ((e = TAILQ_FIRST(&t->list[ITEM_FOLDING])) == NULL)
			return false;
		list_remove(t, e);
		list_add(t, e, state);
	}
	return true;
}

struct item *
table_oldest(const struct table *t)
{
	return TAILQ_FIRST(&t->list[ITEM_CLEAN]);
}

struct item *
table_newer(const struct item *e)
{
	return TAILQ_NEXT(e, link);
}

void
table_trim(struct table *t, size_t n)
{
	struct item *e;

	while (n-- > 0 && t->bytes > TABLE_BYTES &&
	       (e = table_oldest(t)) != NULL)
		table_remove(t, e);
}

size_t
table_bytes(const struct table *t)
{
	return t->bytes;
}

size_t
table_counters(const struct table *t)
{
	return t->counters;
}

size_t
table_ndirty(const struct table *t)
{
	return t->n[ITEM_DIRTY];
}
