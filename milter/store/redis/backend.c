/*
 * backend.c - the store that several mail servers share: open, close, and what
 * it can.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"
#include "redis.h"
#include "thread.h"
#include "work.h"

/* --- looking after the server ------------------------------------------- */

static void
reconnect(struct redis_store *s)
{
	struct why why;

	if (redis_pool_reconnect(s->pool, &why) == REDIS_SERVER_OK) {
		if (s->is_out)
			log_info("store: the shared store answers again");
		s->is_out = false;
	} else if (!s->is_out) {
		log_warn("store: the shared store is out: %s", why.text);
		s->is_out = true;
	}
}

static void
look_at_server(struct redis_store *s)
{
	struct why why;

	redis_look_at_clock(s);
	redis_see_blocks(s);
	(void)redis_send_events(s, &why);
	redis_sweep(s);
}

static void *
redis_look_after(void *arg)
{
	struct redis_store *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->ending) {
		cond_wait(&s->wake, &s->lock, cond_deadline(REDIS_INTERVAL));
		pthread_mutex_unlock(&s->lock);
		if (redis_pool_needs_reconnect(s->pool))
			reconnect(s);
		if (!redis_pool_needs_reconnect(s->pool))
			look_at_server(s);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- the highest time, for whoever comes next --------------------------- */

static enum store_answer
keep_time(struct redis_work *w, void *highest, struct why *why)
{
	const int64_t *time = highest;

	if (work_keep_time(w, *time))
		return STORE_OK;
	why_set(why, "out of memory");
	return STORE_FAILED;
}

static void
redis_keep_time(struct redis_store *s)
{
	int64_t time = redis_time_highest(s);
	struct why why;

	if (time > 0)
		(void)redis_call(s, keep_time, &time, s->timeout, &why);
}

/* --- opening and closing ------------------------------------------------ */

static void
redis_close(struct store *st)
{
	struct redis_store *s = redis_of(st);
	struct why why;

	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->ending = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		redis_keep_time(s);
		(void)redis_send_events(s, &why);
	}
	redis_pool_close(&s->pool);
	seen_free(&s->seen);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->sending);
	pthread_mutex_destroy(&s->queue_lock);
	event_queue_free(&s->events);
	free(s);
}

static struct redis_store *
redis_new(const struct config *conf, int timeout)
{
	struct redis_store *s = calloc(1, sizeof(*s));
	uint64_t name[2];

	if (s == NULL)
		return NULL;
	s->store.backend = &store_redis;
	s->conf = conf;
	s->timeout = timeout > 0 ? timeout : REDIS_TIMEOUT;
	s->guard.known = true; /* our own clock is the first witness */
	TAILQ_INIT(&s->queue);
	pthread_mutex_init(&s->queue_lock, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->sending, NULL);
	cond_init(&s->wake);
	s->seen = seen_new();
	if (event_queue_new(&s->events) && s->seen != NULL &&
	    getrandom(name, sizeof(name), 0) == sizeof(name)) {
		snprintf(s->cursor, sizeof(s->cursor), "0");
		snprintf(s->name, sizeof(s->name), "%016" PRIx64, name[0]);
		atomic_store(&s->versions, name[1]);
		return s;
	}
	redis_close(&s->store);
	return NULL;
}

/*
 * A server that is not there yet is no reason not to start: the machine may
 * have come up first, and on-store-failure says what becomes of the mail.
 */
static int
look_first(struct redis_store *s, struct why *why)
{
	switch (redis_pool_reconnect(s->pool, why)) {
	case REDIS_SERVER_UNSUPPORTED:
		return -1;
	case REDIS_SERVER_UNREACHABLE:
		log_warn(
		    "store: starting without the shared store: %s", why->text);
		s->is_out = true;
		break;
	case REDIS_SERVER_OK:
		look_at_server(s);
		break;
	}
	return 0;
}

static struct store *
redis_open(const struct config *conf, const char *url,
    const struct store_env *env, struct why *why, enum store_fault *fault_r)
{
	struct redis_store *s = redis_new(conf, env->timeout);
	struct redis_url w;

	*fault_r = STORE_NO_RESOURCES;
	if (s == NULL) {
		why_set(why, "out of memory");
		return NULL;
	}
	*fault_r = STORE_MISCONFIGURED;
	if (redis_url_parse(url, &w, why) == -1)
		goto fail;
	s->pool = redis_pool_open(
	    &w, conf->store_secret, env->password, s->timeout, why);
	if (s->pool == NULL || look_first(s, why) == -1)
		goto fail;
	if (thread_start(&s->thread, redis_look_after, s) != 0) {
		why_set(why, "cannot start a thread");
		*fault_r = STORE_NO_RESOURCES;
		goto fail;
	}
	s->started = true;
	return &s->store;
fail:
	redis_close(&s->store);
	return NULL;
}

static void
redis_stats(struct store *st, struct store_stats *st_r)
{
	struct redis_store *s = redis_of(st);

	pthread_mutex_lock(&s->lock);
	*st_r = s->stats;
	pthread_mutex_unlock(&s->lock);
	st_r->trouble = WHY_NONE;
	st_r->healthy = !redis_pool_is_down(s->pool, &st_r->trouble);
}

static void
redis_reconfigure(struct store *st, const struct config *conf)
{
	struct redis_store *s = redis_of(st);

	pthread_mutex_lock(&s->lock);
	s->conf = conf;
	pthread_mutex_unlock(&s->lock);
}

static enum store_answer
redis_flush(struct store *st, struct why *why)
{
	return redis_send_events(redis_of(st), why);
}

const struct store_backend store_redis = {
	.kind = "redis",
	.open = redis_open,
	.close = redis_close,
	.charge = redis_charge,
	.preview = redis_preview,
	.bound = redis_bound,
	.lease = redis_lease,
	.settle = redis_settle,
	.leases = redis_leases,
	.reset = redis_reset,
	.grant = redis_grant,
	.block = redis_block,
	.unblock = redis_unblock,
	.blocked = redis_blocked,
	.note = redis_note,
	.read = redis_read,
	.walk = redis_walk,
	.events = redis_events,
	.blocks = redis_blocks,
	.stats = redis_stats,
	.reconfigure = redis_reconfigure,
	.flush = redis_flush,
	.merge = redis_merge,
	.census = redis_census,
};
