/*
 * read.c - counters of the shared store, for the tool: read, never
 * decided upon.  They become the counters that the rest of the house knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

#define BATCH 100 /* counters that one reply brings */

static struct redis_store *
redis_of(struct store *s)
{
	return (struct redis_store *)s;
}

/* --- a counter from a reply --------------------------------------------- */
/* [locked until, [[dim, extra, until]...], [slot...]]; a slot is
 * [dim, calendar, span, warned, ends, [last, count...] or [digest, last...]] */

static bool
is_list(const redisReply *r, size_t i, size_t most)
{
	return i < r->elements && r->element[i]->type == REDIS_REPLY_ARRAY &&
	       r->element[i]->elements <= most;
}

static void
fill_window(struct window *w, const redisReply *list)
{
	for (size_t i = 0; i + 1 < list->elements; i += 2)
		w->bucket[w->n++] =
		    (struct bucket){ .last = redis_integer(list, i),
			    .count = (uint64_t)redis_integer(list, i + 1) };
}

static uint64_t
digest_of(const redisReply *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8 && i < (size_t)r->len; i++)
		n = n << 8 | (uint8_t)r->str[i];
	return n;
}

static int
fill_uniq(
    struct recipient_set *u, int64_t ends, const redisReply *list, int64_t now)
{
	if (list->elements == 0)
		return 0;
	if (recipient_set_reserve(u, list->elements / 2, now) == -1)
		return -1;
	u->end = ends;
	for (size_t i = 0; i + 1 < list->elements; i += 2)
		recipient_set_restore(
		    u, digest_of(list->element[i]), redis_integer(list, i + 1));
	return 0;
}

/* The policy that has just these limits, so that a counter can be made. */
static bool
policy_of(const redisReply *slots, struct policy *p_r)
{
	memset(p_r, 0, sizeof(*p_r));
	for (size_t i = 0; i < slots->elements; i++) {
		const redisReply *s = slots->element[i];
		struct limit *l = &p_r->limit[p_r->nlimit++];
		long long dim = redis_integer(s, 0), span = redis_integer(s, 2);

		l->dim = (enum dimension)dim;
		l->window.calendar = redis_integer(s, 1) == 1;
		if (l->window.calendar)
			l->window.period = (enum period)span;
		else
			l->window.length = span;
		if (dim < 0 || dim >= DIM_COUNT || span < 0 ||
		    (l->window.calendar && span > PERIOD_MONTH) ||
		    (!l->window.calendar &&
			(span < WINDOW_MIN || span > WINDOW_MAX)) ||
		    !is_list(s, 5,
			dim == DIM_UNIQUE ? SIZE_MAX
					  : 2 * (WINDOW_BUCKETS + 1)))
			return false;
	}
	return true;
}

static void
fill_grants(struct counter *c, const redisReply *list)
{
	for (size_t i = 0; i < list->elements; i++)
		c->grant[c->ngrant++] = (struct grant){
			.dim =
			    (enum dimension)redis_integer(list->element[i], 0),
			.extra = (uint64_t)redis_integer(list->element[i], 1),
			.until = redis_integer(list->element[i], 2),
		};
}

static int
fill_slots(struct counter *c, const redisReply *slots, int64_t now)
{
	for (size_t i = 0; i < c->nslot; i++) {
		const redisReply *s = slots->element[i];

		c->slot[i].warned = (uint8_t)redis_integer(s, 3);
		if (c->slot[i].dim != DIM_UNIQUE)
			fill_window(&c->slot[i].sum, s->element[5]);
		else if (fill_uniq(&c->slot[i].uniq, redis_integer(s, 4),
			     s->element[5], now) == -1)
			return -1;
	}
	return 0;
}

/* NULL and why: out of memory, or that is no counter. */
static struct counter *
counter_of(const redisReply *r, int64_t now, struct why *why)
{
	struct policy shape;
	struct counter *c;

	why_set(why, "a counter in the shared store is damaged");
	if (!is_list(r, 1, COUNTER_GRANTS) || !is_list(r, 2, POLICY_LIMITS) ||
	    !policy_of(r->element[2], &shape))
		return NULL;
	why_set(why, "out of memory");
	if ((c = counter_new(&shape)) == NULL)
		return NULL;
	c->locked_until = redis_integer(r, 0);
	fill_grants(c, r->element[1]);
	if (fill_slots(c, r->element[2], now) == -1)
		counter_free(&c);
	return c;
}

/* --- reading ------------------------------------------------------------ */

static enum store_answer
read_keys(struct redis_store *s, const redisReply *keys, redisReply **r_r,
    struct why *why)
{
	struct redis_call c;

	redis_call_begin(&c);
	for (size_t i = 0; i < keys->elements; i++)
		redis_call_text(&c, keys->element[i]->str);
	redis_call_text(&c, "read");
	redis_call_text(&c, "{\"now\":1}");
	return redis_call_run(
	    s, &c, (int)keys->elements, REDIS_PATIENCE, r_r, why);
}

/* In the form that the configuration wants, if it names the policy. */
static enum store_answer
adapt(struct redis_store *s, struct counter **c, const char *policy,
    int64_t now, struct why *why)
{
	const struct policy *p;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	p = config_policy(s->conf, policy);
	if (p != NULL)
		rc = counter_adapt(c, p, now, s->conf->zone);
	pthread_mutex_unlock(&s->lock);
	if (rc == 0)
		return STORE_OK;
	counter_free(c);
	why_set(why, "out of memory");
	return STORE_FAILED;
}

enum store_answer
redis_read(struct store *st, const struct policy *policy, const char *key,
    int64_t now, struct counter **c_r, struct why *why)
{
	struct redis_store *s = redis_of(st);
	char name[REDIS_KEY];
	redisReply one = { .str = name }, *list[] = { &one }, *r = NULL;
	redisReply keys = { .elements = 1, .element = list };
	enum store_answer a;

	redis_counter_key(name, policy->name, key);
	if ((a = read_keys(s, &keys, &r, why)) != STORE_OK)
		return a;
	a = STORE_NONE;
	if (is_list(r, 1, 3)) {
		*c_r = counter_of(r->element[1], now, why);
		a = *c_r == NULL ? STORE_FAILED : STORE_OK;
	}
	freeReplyObject(r);
	if (a != STORE_OK)
		return a;
	if (!counter_idle(*c_r, now))
		return adapt(s, c_r, policy->name, now, why);
	counter_free(c_r);
	return STORE_NONE;
}

struct walk {
	struct redis_store *s;
	int64_t now;
	store_each_fn *each;
	void *arg;
	bool stopped;
};

/* One counter on its way out. */
static enum store_answer
walk_one(struct walk *w, const char *name, const redisReply *r, struct why *why)
{
	char policy[STORE_NAME];
	const char *colon;
	struct counter *c;

	name += strlen(REDIS_PREFIX "c:");
	colon = strchr(name, ':');
	if (colon == NULL || (size_t)(colon - name) >= sizeof(policy))
		return STORE_OK;
	snprintf(policy, sizeof(policy), "%.*s", (int)(colon - name), name);
	if ((c = counter_of(r, w->now, why)) == NULL)
		return STORE_FAILED;
	if (adapt(w->s, &c, policy, w->now, why) != STORE_OK)
		return STORE_FAILED;
	if (!counter_idle(c, w->now))
		w->stopped = !w->each(w->arg, policy, colon + 1, c);
	counter_free(&c);
	return STORE_OK;
}

/* Those of a page of keys, a batch at a time. */
static enum store_answer
walk_page(struct walk *w, const redisReply *page, struct why *why)
{
	enum store_answer a = STORE_OK;

	for (size_t at = 0; at < page->elements && a == STORE_OK; at += BATCH) {
		size_t n = page->elements - at;
		redisReply keys = { .elements = n < BATCH ? n : BATCH,
			.element = page->element + at };
		redisReply *r = NULL;

		a = read_keys(w->s, &keys, &r, why);
		if (a != STORE_OK)
			return a;
		for (size_t i = 0;
		     i < keys.elements && a == STORE_OK && !w->stopped; i++)
			if (is_list(r, i + 1, 3))
				a = walk_one(w, keys.element[i]->str,
				    r->element[i + 1], why);
		freeReplyObject(r);
	}
	return a;
}

/*
 * A key can come twice while the server makes its table smaller; to remember
 * all of them would cost more than to see one twice.
 */
enum store_answer
redis_walk(struct store *st, int64_t now, store_each_fn *each, void *arg,
    struct why *why)
{
	struct redis_store *s = redis_of(st);
	struct walk w = { s, now, each, arg, false };
	char cursor[32] = "0";
	enum store_answer a = STORE_OK;

	while (a == STORE_OK && !w.stopped) {
		const char *argv[] = { "SCAN", cursor, "MATCH",
			REDIS_PREFIX "c:*", "COUNT", "1000" };
		redisReply *r = NULL;

		a = redis_pool_ask(
		    s->pool, REDIS_PATIENCE, 6, argv, NULL, &r, why);
		if (a != STORE_OK)
			break;
		if (r->elements == 2 && is_list(r, 1, SIZE_MAX)) {
			snprintf(
			    cursor, sizeof(cursor), "%s", r->element[0]->str);
			a = walk_page(&w, r->element[1], why);
		}
		freeReplyObject(r);
		if (strcmp(cursor, "0") == 0)
			break;
	}
	return a;
}
