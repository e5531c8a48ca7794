/*
 * read.c - counters of the shared store, for the tool: read, never decided
 * upon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define BATCH 100 /* counters that one reply brings */

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

struct reading {
	const struct policy *policy;
	const char *key;
	int64_t now, time; /* the clock's, the store's */
	struct counter **c_r;
};

/* A counter of one's own, as the server has it. */
static enum store_answer
read_counter(struct redis_work *w, void *arg, struct why *why)
{
	struct reading *read = arg;
	char name[REDIS_KEY];
	const char *bytes;
	struct why wrong = { "out of memory" };
	struct redis_record *r = work_record(
	    w, work_counter_key(name, read->policy->name, read->key));
	size_t len;

	counter_free(read->c_r);
	read->time = work_now(w, read->now);
	if (r != NULL && (bytes = work_content(r, &len)) == NULL)
		return STORE_NONE;
	if (r != NULL)
		*read->c_r =
		    counter_unpack((const uint8_t *)bytes, len, &wrong);
	if (*read->c_r != NULL)
		return STORE_OK;
	why_set(
	    why, "counter of policy %s: %s", read->policy->name, wrong.text);
	return STORE_FAILED;
}

enum store_answer
redis_read(struct store *st, const struct policy *policy, const char *key,
    int64_t now, struct counter **c_r, struct why *why)
{
	struct redis_store *s = redis_of(st);
	struct reading read = { policy, key, now, now, c_r };
	enum store_answer a =
	    redis_call(s, read_counter, &read, REDIS_PATIENCE, why);

	if (a != STORE_OK) {
		counter_free(c_r);
		return a;
	}
	if (!counter_idle(*c_r, read.time))
		return adapt(s, c_r, policy->name, read.time, why);
	counter_free(c_r);
	return STORE_NONE;
}

/* --- all of them -------------------------------------------------------- */

struct walk {
	struct redis_store *s;
	int64_t now;
	store_each_fn *each;
	void *arg;
	bool stopped;
};

/* One counter on its way out. */
static enum store_answer
walk_one(struct walk *w, const struct redis_record *r, struct why *why)
{
	const char *name = r->key + strlen(REDIS_COUNTERS), *bytes;
	const char *colon = strchr(name, ':');
	char policy[STORE_NAME];
	struct counter *c;
	struct why wrong;
	size_t len;

	bytes = work_content(r, &len);
	if (colon == NULL || (size_t)(colon - name) >= sizeof(policy) ||
	    bytes == NULL)
		return STORE_OK;
	snprintf(policy, sizeof(policy), "%.*s", (int)(colon - name), name);
	if ((c = counter_unpack((const uint8_t *)bytes, len, &wrong)) == NULL) {
		why_set(why, "counter of policy %s: %s", policy, wrong.text);
		return STORE_FAILED;
	}
	if (adapt(w->s, &c, policy, w->now, why) != STORE_OK)
		return STORE_FAILED;
	if (!counter_idle(c, w->now))
		w->stopped = !w->each(w->arg, policy, colon + 1, c);
	counter_free(&c);
	return STORE_OK;
}

/* A batch of keys: what the server says of them. */
static enum store_answer
walk_batch(struct walk *w, redisReply *const *key, size_t n, struct why *why)
{
	enum work_outcome o;
	struct redis_work work;
	enum store_answer a = STORE_OK;

	work_begin(&work, w->s);
	for (size_t i = 0; i < n; i++)
		if (work_record(&work, key[i]->str) == NULL) {
			why_set(why, "out of memory");
			a = STORE_FAILED;
		}
	if (a == STORE_OK)
		a = work_swap(&work, WORK_FIRST, REDIS_PATIENCE, &o, why);
	for (size_t i = 0; a == STORE_OK && !w->stopped && i < work.nrecord;
	     i++)
		a = walk_one(w, work.record[i], why);
	work_end(&work);
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
	struct walk w = { s, redis_time(s, now), each, arg, false };
	char cursor[32] = "0";
	enum store_answer a = STORE_OK;

	while (a == STORE_OK && !w.stopped) {
		const char *argv[] = { "SCAN", cursor, "MATCH",
			REDIS_COUNTERS "*", "COUNT", "1000" };
		const redisReply *page;
		redisReply *r = NULL;

		a = redis_pool_ask(s->pool, REDIS_PATIENCE,
		    &(struct redis_command){ 6, argv, NULL }, &r, why);
		if (a != STORE_OK)
			break;
		page = r->elements == 2 ? r->element[1] : NULL;
		snprintf(cursor, sizeof(cursor), "%s",
		    page == NULL ? "0" : r->element[0]->str);
		for (size_t at = 0; page != NULL && at < page->elements &&
				    a == STORE_OK && !w.stopped;
		     at += BATCH) {
			size_t n = page->elements - at;

			a = walk_batch(
			    &w, page->element + at, n < BATCH ? n : BATCH, why);
		}
		freeReplyObject(r);
		if (strcmp(cursor, "0") == 0)
			break;
	}
	return a;
}
