/*
 * return.c - when the shared store is back: what was spent meanwhile is told to
 * it, each counter once, and nothing is forgotten before it was told; while it
 * is there, its blocks and how many servers share it are learned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "log.h"
#include "share.h"

#define CENSUS_INTERVAL (10 * SECOND)
#define BATCH 256 /* counters merged before we look again */

/* --- learning blocks while there is somebody to ask --------------------- */

/* One block, sought among those of another store. */
struct sought {
	const char *who, *text;
	int64_t until;
	bool found;
};

static bool
seek(void *arg, const char *who, int64_t until, const char *text)
{
	struct sought *b = arg;

	b->found = strcmp(who, b->who) == 0 && until == b->until &&
		   strcmp(text, b->text) == 0;
	return !b->found;
}

/* A block of the shared store is one here. */
static bool
learn_block(void *arg, const char *who, int64_t until, const char *text)
{
	struct sought b = { who, text, until, false };
	struct fallback *f = arg;
	struct why why;

	if (store_blocks(f->local, clock_now(), seek, &b, &why) == STORE_OK &&
	    !b.found)
		(void)store_block(f->local, who, until,
		    &(struct audit){ clock_now(), "postmeter", text }, &why);
	return true;
}

/* A block here is one of the shared store, or it was lifted. */
static bool
lift_block(void *arg, const char *who, int64_t until, const char *text)
{
	struct fallback *f = arg;
	char there[STORE_TEXT];
	struct why why;

	(void)until;
	(void)text;
	if (store_blocked(f->store.wrapped, who, clock_now(), there, &why) ==
	    STORE_NONE)
		(void)store_unblock(f->local, who,
		    &(struct audit){ clock_now(), "postmeter", "" }, &why);
	return true;
}

static void
learn_blocks(struct fallback *f)
{
	int64_t now = clock_now();
	struct why why;

	if (store_blocks(f->store.wrapped, now, learn_block, f, &why) ==
	    STORE_OK)
		(void)store_blocks(f->local, now, lift_block, f, &why);
}

/* --- merging back ------------------------------------------------------- */

/* The same bytes of the same server were the same spending. */
static bool
mark_of(const struct fallback *f, struct store_merge *m)
{
	size_t n = counter_pack(m->counter, NULL, 0);
	uint8_t *bytes = malloc(n);

	if (bytes == NULL || counter_pack(m->counter, bytes, n) != n) {
		free(bytes);
		return false;
	}
	m->mark = digest64(bytes, n) ^ digest64(f->id, strlen(f->id)) ^
		  digest64(m->policy->name, strlen(m->policy->name)) * 3 ^
		  digest64(m->key, strlen(m->key)) * 5;
	free(bytes);
	return true;
}

/* Some of the counters; those of a policy that is gone count for nobody. */
struct used_keys {
	const struct config *conf;
	struct {
		char policy[STORE_NAME], key[MAILADDR_MAX + 1];
	} v[BATCH];
	size_t n;
};

static bool
collect(void *arg, const char *policy, const char *key, const struct counter *c)
{
	struct used_keys *list = arg;

	(void)c;
	if (config_policy(list->conf, policy) == NULL)
		return true;
	snprintf(list->v[list->n].policy, STORE_NAME, "%s", policy);
	snprintf(list->v[list->n].key, MAILADDR_MAX + 1, "%s", key);
	return ++list->n < BATCH;
}

/* With the lock held alone: nothing is spent between telling and forgetting. */
static bool
merge_one(struct fallback *f, const char *policy, const char *key)
{
	const struct policy *p = config_policy(f->conf, policy);
	int64_t now = clock_now();
	struct counter *c = NULL;
	struct why why;
	struct store_merge m;
	bool good;

	if (p == NULL)
		return true;
	switch (store_read(f->local, p, key, now, &c, &why)) {
	case STORE_OK:
		m = (struct store_merge){ .policy = p,
			.key = key,
			.counter = c,
			.zone = f->conf->zone,
			.now = now };
		good = mark_of(f, &m) &&
		       f->store.wrapped->backend->merge(
			   f->store.wrapped, &m, &why) == STORE_OK &&
		       store_reset(f->local, p, key,
			   &(struct audit){ now, "postmeter", "" },
			   &why) == STORE_OK;
		counter_free(&c);
		return good;
	case STORE_NONE:
		return true;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		break;
	}
	return false;
}

static bool
collect_used(struct fallback *f, struct used_keys *list)
{
	struct why why;
	bool good;

	pthread_rwlock_rdlock(&f->lock);
	list->conf = f->conf;
	good =
	    store_walk(f->local, clock_now(), collect, list, &why) == STORE_OK;
	pthread_rwlock_unlock(&f->lock);
	return good;
}

static bool
is_well(struct fallback *f)
{
	struct store_stats st;

	store_stats(f->store.wrapped, &st);
	return st.healthy;
}

/* One batch; is_used says whether there may be more. */
static void
merge_batch(struct fallback *f)
{
	struct used_keys *list = calloc(1, sizeof(*list));
	size_t done = 0;
	bool good;

	if (list == NULL)
		return;
	atomic_store(&f->is_used, false);
	good = collect_used(f, list);
	for (; good && done < list->n; done += good) {
		pthread_rwlock_wrlock(&f->lock);
		good = is_well(f) &&
		       merge_one(f, list->v[done].policy, list->v[done].key);
		pthread_rwlock_unlock(&f->lock);
	}
	if (done > 0)
		log_info(
		    "store: %zu counters of the outage were merged into the shared store",
		    done);
	if (!good || done > 0)
		atomic_store(&f->is_used, true);
	free(list);
}

/* --- beside all that: census, blocks, merging --------------------------- */

static bool
has_local(struct fallback *f)
{
	bool has;

	pthread_rwlock_rdlock(&f->lock);
	has = f->local != NULL;
	pthread_rwlock_unlock(&f->lock);
	return has;
}

static void
take_census(struct fallback *f)
{
	struct why why;
	size_t n;

	if (f->store.wrapped->backend->census(
		f->store.wrapped, f->id, clock_now(), &n, &why) != STORE_OK)
		return;
	pthread_rwlock_wrlock(&f->lock);
	f->servers = n;
	pthread_rwlock_unlock(&f->lock);
}

void
fallback_tend(struct fallback *f)
{
	int64_t now = clock_steady();

	if (!has_local(f) || !is_well(f))
		return;
	if (f->counted == 0 || now - f->counted >= CENSUS_INTERVAL) {
		take_census(f);
		learn_blocks(f);
		f->counted = now;
	}
	if (atomic_load(&f->is_used))
		merge_batch(f);
}
