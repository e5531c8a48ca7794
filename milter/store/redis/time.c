/*
 * time.c - what time the shared store goes by.
 *
 * Daemons whose clocks differ must agree, so it is the server's clock; each of
 * them knows how far its own is from that.  A server that is set to tomorrow
 * for a second would free every limit, so a leap is believed when it has
 * lasted (clock.h), and our own clock is the witness.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "call.h"
#include "log.h"

#define AHEAD (5 * MINUTE) /* the highest time seen is worth a line */

/* --- the time that windows go by ---------------------------------------- */

int64_t
redis_time(struct redis_store *s, int64_t clock)
{
	int64_t now;

	clock += atomic_load(&s->skew);
	pthread_mutex_lock(&s->lock);
	time_floor_look(&s->time, clock);
	now = time_floor_at(&s->time, clock);
	pthread_mutex_unlock(&s->lock);
	return now;
}

int64_t
redis_time_highest(struct redis_store *s)
{
	int64_t time;

	pthread_mutex_lock(&s->lock);
	time = s->time.highest;
	pthread_mutex_unlock(&s->lock);
	return time;
}

int64_t
redis_clock_at(struct redis_store *s, int64_t clock, int64_t time)
{
	int64_t skew = atomic_load(&s->skew);

	pthread_mutex_lock(&s->lock);
	time = time_floor_clock(&s->time, clock + skew, time);
	pthread_mutex_unlock(&s->lock);
	return time == NEVER ? NEVER : time - skew;
}

void
redis_time_raise(struct redis_store *s, int64_t clock)
{
	pthread_mutex_lock(&s->lock);
	time_floor_raise(&s->time, clock + atomic_load(&s->skew));
	pthread_mutex_unlock(&s->lock);
}

void
redis_time_heard(struct redis_store *s, int64_t clock, int64_t time)
{
	pthread_mutex_lock(&s->lock);
	time_floor_heard(&s->time, clock + atomic_load(&s->skew), time);
	pthread_mutex_unlock(&s->lock);
}

/* --- the server's clock ------------------------------------------------- */

static void
tell_ahead(struct redis_store *s, int64_t clock)
{
	int64_t ahead = redis_time_highest(s) - clock;

	if (ahead > AHEAD && !s->is_ahead)
		log_warn(
		    "store: its latest time is %" PRId64
		    " s ahead of its server's clock: see that the clock is right; nothing is free before it would have been",
		    ahead / SECOND);
	s->is_ahead = ahead > AHEAD;
}

void
redis_look_at_clock(struct redis_store *s)
{
	const char *argv[] = { "TIME" };
	redisReply *r = NULL;
	struct why why;
	int64_t before = clock_now(), now, server, step;

	if (redis_pool_ask(s->pool, REDIS_PATIENCE,
		&(struct redis_command){ 1, argv, NULL }, &r, &why) != STORE_OK)
		return;
	if (r->elements == 2) {
		server = strtoll(r->element[0]->str, NULL, 10) * SECOND +
			 strtoll(r->element[1]->str, NULL, 10) / 1000;
		now = before + (clock_now() - before) / 2;
		step = server - now - s->guard.ahead;
		clock_tell("the clock of the store's server",
		    clock_believe(&s->guard, server, now), step);
		atomic_store(&s->skew, s->guard.ahead);
		tell_ahead(s, now + s->guard.ahead);
	}
	freeReplyObject(r);
}
