/*
 * blocks.c - who is blocked, as the server said within the last
 * second.
 *
 * Each message asks for up to four names, twice, and nearly always nobody is
 * blocked: so all blocks are seen at once, by the thread that nobody waits
 * for, and no message makes a journey of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"

/* ms: with the time that a message may wait for the server, one second. */
#define SEEN_LIFE 800

/* False if it is no longer in force. */
static bool
block_unpack(
    const redisReply *r, int64_t now, int64_t *until_r, const char **text_r)
{
	char *end;

	if (r->type != REDIS_REPLY_STRING)
		return false;
	*until_r = strtoll(r->str, &end, 10);
	*text_r = *end == ' ' ? end + 1 : end;
	return *until_r > now;
}

static enum store_answer
ask(struct redis_store *s, int budget, redisReply **r_r, struct why *why)
{
	const char *argv[] = { "HGETALL", REDIS_BLOCKS };

	return redis_pool_ask(s->pool, budget, 2, argv, NULL, r_r, why);
}

enum store_answer
redis_see_blocks(struct redis_store *s, int budget, struct why *why)
{
	redisReply *seen = NULL, *old;
	enum store_answer a;
	uint64_t turn;

	pthread_mutex_lock(&s->lock);
	s->blocks_asked = clock_steady();
	turn = ++s->blocks_turn;
	pthread_mutex_unlock(&s->lock);
	if ((a = ask(s, budget, &seen, why)) != STORE_OK)
		return a;
	pthread_mutex_lock(&s->lock);
	old = seen;
	if (turn > s->blocks_seen) { /* nobody overtook us */
		old = s->blocks;
		s->blocks = seen;
		s->blocks_seen = turn;
	}
	pthread_mutex_unlock(&s->lock);
	freeReplyObject(old);
	return STORE_OK;
}

enum store_answer
redis_seen_blocked(
    struct redis_store *s, const char *who, int64_t now, char *text_r)
{
	enum store_answer a = STORE_FAILED;
	const char *text;
	int64_t until;

	pthread_mutex_lock(&s->lock);
	if (s->blocks != NULL)
		a = STORE_NONE;
	for (size_t i = 0; a == STORE_NONE && i + 1 < s->blocks->elements;
	     i += 2)
		if (strcmp(s->blocks->element[i]->str, who) == 0 &&
		    block_unpack(
			s->blocks->element[i + 1], now, &until, &text)) {
			snprintf(text_r, STORE_TEXT, "%s", text);
			a = STORE_OK;
		}
	pthread_mutex_unlock(&s->lock);
	return a;
}

/* What was last seen holds while the server is out. */
enum store_answer
redis_blocked(struct store *st, const char *who, int64_t now, char *text_r,
    struct why *why)
{
	struct redis_store *s = (struct redis_store *)st;
	enum store_answer a;
	bool stale;

	pthread_mutex_lock(&s->lock);
	stale =
	    s->blocks == NULL || clock_steady() - s->blocks_asked >= SEEN_LIFE;
	pthread_mutex_unlock(&s->lock);
	if (stale)
		(void)redis_see_blocks(s, redis_budget, why);
	a = redis_seen_blocked(s, who, now, text_r);
	if (a != STORE_FAILED)
		return a;
	return outage_blocked(redis_outage(s), who, now, text_r, why);
}

enum store_answer
redis_blocks(struct store *st, int64_t now, store_block_fn *each, void *arg,
    struct why *why)
{
	struct redis_store *s = (struct redis_store *)st;
	redisReply *r = NULL;
	enum store_answer a = ask(s, REDIS_PATIENCE, &r, why);
	const char *text;
	bool more = true;
	int64_t until;

	if (a != STORE_OK)
		return a;
	for (size_t i = 0; more && i + 1 < r->elements; i += 2)
		if (block_unpack(r->element[i + 1], now, &until, &text))
			more = each(arg, r->element[i]->str, until, text);
	freeReplyObject(r);
	return STORE_OK;
}
