/*
 * share.c - what a store that stands in while this one is out needs of it:
 * how many share it, and that what was counted elsewhere is counted here, once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define SERVER_LIFE DAY /* a server is one of us that long */

static enum store_answer
redis_share_merge(struct redis_work *w, void *arg, struct why *why)
{
	const struct store_merge *m = arg;
	int64_t now = work_now(w, m->now);
	struct redis_record *r, *done;
	enum store_answer a;
	char mark[64], when[24];
	size_t len;

	snprintf(mark, sizeof(mark), REDIS_MARKS "%016" PRIx64, m->mark);
	snprintf(when, sizeof(when), "%" PRId64, now);
	if ((done = work_record(w, mark)) == NULL)
		goto fail;
	if (work_content(done, &len) != NULL)
		return STORE_OK;
	a = work_counter(w, m->policy, m->key, &r, why);
	if (a == STORE_OK)
		a = work_adapt(r, m->policy, now, m->zone, why);
	if (a == STORE_FAILED)
		return a;
	if (a == STORE_NONE && (r->counter = counter_new(m->policy)) == NULL)
		goto fail;
	if (counter_merge(r->counter, m->counter, now) == -1 ||
	    !work_set(w, mark, when, strlen(when)))
		goto fail;
	work_changed(w, r);
	work_time(w, now);
	return STORE_OK;
fail:
	why_set(why, "out of memory");
	return STORE_FAILED;
}

enum store_answer
redis_merge(struct store *st, const struct store_merge *m, struct why *why)
{
	struct store_merge asked = *m;

	return redis_call(
	    redis_of(st), redis_share_merge, &asked, REDIS_PATIENCE, why);
}

enum store_answer
redis_census(
    struct store *st, const char *id, int64_t now, size_t *n_r, struct why *why)
{
	struct redis_store *s = redis_of(st);
	char at[24], old[24];
	const char *add[] = { "ZADD", REDIS_SERVERS, at, id };
	const char *drop[] = { "ZREMRANGEBYSCORE", REDIS_SERVERS, "-inf", old };
	const char *count[] = { "ZCARD", REDIS_SERVERS };
	const struct {
		int argc;
		const char **argv;
	} step[] = { { 4, add }, { 4, drop }, { 2, count } };
	enum store_answer a = STORE_OK;

	now = redis_time(s, now);
	snprintf(at, sizeof(at), "%" PRId64, now);
	snprintf(old, sizeof(old), "%" PRId64, now - SERVER_LIFE);
	for (size_t i = 0; a == STORE_OK && i < 3; i++) {
		redisReply *r = NULL;

		a = redis_pool_ask(s->pool, REDIS_PATIENCE,
		    &(struct redis_command){ step[i].argc, step[i].argv, NULL },
		    &r, why);
		if (a != STORE_OK)
			break;
		*n_r = r->type == REDIS_REPLY_INTEGER ? (size_t)r->integer : 0;
		freeReplyObject(r);
	}
	return a;
}
