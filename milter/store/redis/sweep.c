/*
 * sweep.c - what matters no more leaves the server, a page of keys at a time.
 *
 * The server's own expiry would go by its clock, and a clock that leaps ahead
 * and back would take every counter with it.  So a record goes when a daemon
 * has read it, by the time that is believed, and it is swapped away: who uses
 * it at the same time keeps it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define PAGE "50"                  /* keys of one look; two looks a second */
#define MARGIN HOUR                /* daemons need not agree to the second */
#define MARK_LIFE (2 * WINDOW_MAX) /* no window is longer than half of it */

static bool
begins_with(const char *key, const char *prefix)
{
	return strncmp(key, prefix, strlen(prefix)) == 0;
}

/* The time in front of a binding, a lease or a mark. */
static int64_t
time_of(const char *content, size_t len)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%.*s",
	    (int)(len < sizeof(digits) ? len : sizeof(digits) - 1), content);
	return strtoll(digits, NULL, 10);
}

static bool
redis_sweep_is_over(const struct redis_record *r, int64_t now)
{
	size_t len;
	const char *content = work_content(r, &len);
	struct counter *c;
	struct why why;
	bool idle;

	if (content == NULL)
		return false;
	if (begins_with(r->key, REDIS_BINDINGS))
		return time_of(content, len) + REDIS_BINDING_LIFE <= now;
	if (begins_with(r->key, REDIS_LEASES))
		return time_of(content, len) <= now;
	if (begins_with(r->key, REDIS_MARKS))
		return time_of(content, len) + MARK_LIFE <= now;
	if (!begins_with(r->key, REDIS_COUNTERS))
		return false;
	if ((c = counter_unpack((const uint8_t *)content, len, &why)) == NULL)
		return false; /* damaged: who asks for it is told */
	idle = counter_disposable(c, now);
	counter_free(&c);
	return idle;
}

static bool
is_record(const char *key)
{
	return begins_with(key, REDIS_COUNTERS) ||
	       begins_with(key, REDIS_BINDINGS) ||
	       begins_with(key, REDIS_LEASES) || begins_with(key, REDIS_MARKS);
}

static bool
redis_sweep_drop(struct redis_work *w, const struct redis_record *r)
{
	if (begins_with(r->key, REDIS_LEASES) &&
	    !redis_unlist_lease(w, r->key + strlen(REDIS_LEASES)))
		return false;
	return work_delete(w, r->key);
}

static void
sweep_page(struct redis_store *s, const redisReply *page)
{
	int64_t now = redis_time_highest(s) - MARGIN;
	enum work_outcome o;
	struct redis_work w;
	struct why why;
	bool good = true;

	work_begin(&w, s);
	for (size_t i = 0; good && i < page->elements; i++)
		if (is_record(page->element[i]->str))
			good = work_record(&w, page->element[i]->str) != NULL;
	good = good && w.nrecord > 0 &&
	       work_swap(&w, WORK_FIRST, REDIS_PATIENCE, &o, &why) == STORE_OK;
	for (size_t i = 0; good && i < w.nrecord; i++)
		if (redis_sweep_is_over(w.record[i], now))
			good = redis_sweep_drop(&w, w.record[i]);
	if (good && work_pack(&w, &why) == STORE_OK && work_writes(&w))
		(void)work_swap(&w, WORK_FIRST, REDIS_PATIENCE, &o, &why);
	work_end(&w);
}

void
redis_sweep(struct redis_store *s)
{
	const char *argv[] = { "SCAN", s->cursor, "MATCH", REDIS_PREFIX "*",
		"COUNT", PAGE };
	redisReply *r = NULL;
	struct why why;

	if (redis_pool_ask(s->pool, REDIS_PATIENCE,
		&(struct redis_command){ 6, argv, NULL }, &r, &why) != STORE_OK)
		return;
	if (r->elements == 2 && r->element[1]->type == REDIS_REPLY_ARRAY) {
		sweep_page(s, r->element[1]);
		snprintf(
		    s->cursor, sizeof(s->cursor), "%s", r->element[0]->str);
	}
	freeReplyObject(r);
}
