/*
 * read.c - questions to the embedded store: each is answered from copies, and
 * changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum store_answer
local_bound(struct store *s, const char *bound, int64_t now, char *smarthost_r,
    struct why *why)
{
	struct local *l = local_of(s);
	enum store_answer a;
	struct item *item;
	int64_t when;

	pthread_mutex_lock(&l->lock);
	a = local_fetch(l, "", bound, false, &item, why);
	if (a == STORE_OK) {
		snprintf(
		    smarthost_r, STORE_NAME, "%s", local_binding(item, &when));
		if (local_time(l, now) - when >= BINDING_LIFE)
			a = STORE_NONE;
	}
	return local_leave(l, a, 0, why);
}

/* A copy of the item's counter, adapted to policy if that is not NULL. */
static enum store_answer
copy_item(struct local *l, const struct item *item, const struct policy *policy,
    int64_t now, struct counter **c_r, struct why *why)
{
	enum store_answer a = local_open(l, item, policy, now, c_r, why);

	if (a == STORE_OK && *c_r == item->live &&
	    (*c_r = counter_copy(item->live)) == NULL) {
		why_set(why, "out of memory");
		a = STORE_FAILED;
	}
	if (a == STORE_OK && counter_idle(*c_r, now)) {
		counter_free(c_r);
		a = STORE_NONE;
	}
	return a;
}

enum store_answer
local_read(struct store *s, const struct policy *policy, const char *key,
    int64_t now, struct counter **c_r, struct why *why)
{
	struct local *l = local_of(s);
	enum store_answer a;
	struct item *item;

	pthread_mutex_lock(&l->lock);
	a = local_fetch(l, policy->name, key, false, &item, why);
	if (a == STORE_OK)
		a = copy_item(l, item, policy, local_time(l, now), c_r, why);
	return local_leave(l, a, 0, why);
}

/* --- all of them ---------------------------------------------------------- */

struct walk {
	struct local *l;
	int64_t now;
	store_each_fn *each;
	void *arg;
	bool stopped, failed;
	struct why why; /* if it failed */
};

/* A counter on its way out, in the form of the policy if there still is one. */
static bool
walk_bytes(void *arg, const char *policy, const char *key, const uint8_t *bytes,
    size_t len)
{
	struct walk *w = arg;
	struct counter *c = counter_unpack(bytes, len, &w->why);
	const struct policy *p;

	if (c == NULL) {
		w->failed = true;
		return false;
	}
	pthread_mutex_lock(&w->l->lock);
	p = config_policy(w->l->conf, policy);
	if (p != NULL && counter_adapt(&c, p, w->now, w->l->conf->zone) == -1) {
		w->failed = true;
		why_set(&w->why, "out of memory");
	}
	pthread_mutex_unlock(&w->l->lock);
	if (!w->failed && !counter_idle(c, w->now))
		w->stopped = !w->each(w->arg, policy, key, c);
	counter_free(&c);
	return !w->failed && !w->stopped;
}

static enum store_answer
walk_end(const struct walk *w, enum store_answer a, struct why *why)
{
	if (!w->failed)
		return a == STORE_FAILED ? STORE_FAILED : STORE_OK;
	*why = w->why;
	return STORE_FAILED;
}

enum store_answer
local_walk(struct store *s, int64_t now, store_each_fn *each, void *arg,
    struct why *why)
{
	struct walk w = { .l = local_of(s), .each = each, .arg = arg };
	enum store_answer a = local_flush(w.l, false, why);
	struct db_cursor cursor = { 0 };

	pthread_mutex_lock(&w.l->lock);
	w.now = local_time(w.l, now);
	pthread_mutex_unlock(&w.l->lock);
	while (a == STORE_OK && !w.stopped && !w.failed)
		a = db_counters(w.l->db, &cursor, 64, walk_bytes, &w, why);
	return walk_end(&w, a, why);
}

/* Names in memory, so that they can be walked without the lock. */
struct names_of {
	struct {
		char policy[STORE_NAME], key[MAILADDR_MAX + 1];
	} * v;
	size_t n;
};

static void
collect_name(void *arg, const struct item *item)
{
	struct names_of *list = arg;

	if (item->policy[0] == '\0')
		return;
	snprintf(list->v[list->n].policy, STORE_NAME, "%s", item->policy);
	snprintf(list->v[list->n].key, MAILADDR_MAX + 1, "%s", item->key);
	list->n++;
}

enum store_answer
memory_walk(struct store *s, int64_t now, store_each_fn *each, void *arg,
    struct why *why)
{
	struct local *l = local_of(s);
	struct names_of list = { 0 };
	enum store_answer a = STORE_OK;
	bool more = true;

	pthread_mutex_lock(&l->lock);
	now = local_time(l, now);
	list.v = calloc(cache_counters(l->table) + 1, sizeof(list.v[0]));
	if (list.v != NULL)
		cache_each(l->table, collect_name, &list);
	pthread_mutex_unlock(&l->lock);
	if (list.v == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	for (size_t i = 0; more && a != STORE_FAILED && i < list.n; i++) {
		struct counter *c = NULL;
		struct item *item;

		pthread_mutex_lock(&l->lock);
		item = cache_peek(l->table, list.v[i].policy, list.v[i].key);
		if (item != NULL)
			a = copy_item(l, item,
			    config_policy(l->conf, item->policy), now, &c, why);
		pthread_mutex_unlock(&l->lock);
		more =
		    c == NULL || each(arg, list.v[i].policy, list.v[i].key, c);
		counter_free(&c);
	}
	free(list.v);
	return a == STORE_FAILED ? a : STORE_OK;
}

void
local_stats(struct store *s, struct store_stats *st_r)
{
	struct local *l = local_of(s);

	pthread_mutex_lock(&l->lock);
	*st_r = l->stats;
	st_r->counters = cache_counters(l->table);
	st_r->has_counters = true;
	st_r->has_journal = l->journal != NULL;
	st_r->journal_bytes = l->unflushed;
	st_r->healthy = l->stats.trouble.text[0] == '\0';
	pthread_mutex_unlock(&l->lock);
}
