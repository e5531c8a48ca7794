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

/* A store that has seen a time to come frees nothing until it is there. */
static void
tell_ahead(struct redis_store *s, int64_t now)
{
	int64_t ahead = atomic_load(&s->top) - now;

	if (ahead > AHEAD && !s->is_ahead)
		log_warn("the shared store has seen a time that is %" PRId64
			 " s ahead: no limit frees anything until then",
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
