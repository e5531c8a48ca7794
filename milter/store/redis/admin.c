/*
 * admin.c - what an operator does to the shared store, and what is
 * kept to be told: done on one server, true on all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define PAGE 500 /* events that one reply brings */
#define BATCH 64 /* events that one command takes */

/* --- events: "when NUL kind NUL policy NUL key NUL actor NUL text" ------ */

struct event_text {
	size_t len;
	char bytes[sizeof(struct store_event) + 32];
};

static void
event_pack(const struct store_event *e, struct event_text *t)
{
	int n = snprintf(t->bytes, sizeof(t->bytes),
	    "%" PRId64 "%c%s%c%s%c%s%c%s%c%s", e->when, 0, e->kind, 0,
	    e->policy, 0, e->key, 0, e->actor, 0, e->text);

	t->len = (size_t)n;
}

/* The next of the texts between *p and end; "" if there is none. */
static const char *
redis_admin_next_text(const char **p, const char *end)
{
	const char *text = *p;

	if (text >= end)
		return "";
	*p = text + strlen(text) + 1;
	return text;
}

static void
event_unpack(const char *bytes, size_t len, struct store_event *e_r)
{
	const char *p = bytes, *end = bytes + len;

	memset(e_r, 0, sizeof(*e_r));
	e_r->when = strtoll(redis_admin_next_text(&p, end), NULL, 10);
	snprintf(
	    e_r->kind, sizeof(e_r->kind), "%s", redis_admin_next_text(&p, end));
	snprintf(e_r->policy, sizeof(e_r->policy), "%s",
	    redis_admin_next_text(&p, end));
	snprintf(
	    e_r->key, sizeof(e_r->key), "%s", redis_admin_next_text(&p, end));
	snprintf(e_r->actor, sizeof(e_r->actor), "%s",
	    redis_admin_next_text(&p, end));
	snprintf(
	    e_r->text, sizeof(e_r->text), "%s", redis_admin_next_text(&p, end));
}

void
redis_note(struct store *st, const struct store_event *e)
{
	struct redis_store *s = redis_of(st);

	pthread_mutex_lock(&s->lock);
	if (!event_queue_add(&s->events, e))
		s->stats.events_dropped++;
	pthread_mutex_unlock(&s->lock);
}

/* The newest events first in one list, the oldest dropped. */
static bool
redis_admin_add_event(struct redis_work *w, const struct event_text *t)
{
	static const char most[] = REDIS_EVENT_LAST;
	const struct redis_word put[] = { { "LPUSH", 5, NULL },
		{ REDIS_EVENTS, strlen(REDIS_EVENTS), NULL },
		{ t->bytes, t->len, NULL } };
	const struct redis_word trim[] = { { "LTRIM", 5, NULL },
		{ REDIS_EVENTS, strlen(REDIS_EVENTS), NULL }, { "0", 1, NULL },
		{ most, strlen(most), NULL } };

	return work_command(w, 3, put) && work_command(w, 4, trim);
}

bool
redis_tell_event(struct redis_work *w, const struct store_event *e)
{
	struct event_text t;

	event_pack(e, &t);
	return redis_admin_add_event(w, &t);
}

/* How many of the oldest events were taken into t. */
static size_t
oldest_events(struct redis_store *s, struct event_text t[BATCH])
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (; n < s->events.n && n < BATCH; n++)
		event_pack(event_queue_at(&s->events, n), &t[n]);
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void
forget_events(struct redis_store *s, size_t n)
{
	pthread_mutex_lock(&s->lock);
	event_queue_drop(&s->events, n);
	pthread_mutex_unlock(&s->lock);
}

static enum store_answer
send_batch(struct redis_store *s, const struct event_text *t, size_t n,
    struct why *why)
{
	const char *argv[BATCH + 2] = { "LPUSH", REDIS_EVENTS };
	size_t len[BATCH + 2] = { 5, strlen(REDIS_EVENTS) };
	static const char most[] = REDIS_EVENT_LAST;
	const char *trim[] = { "LTRIM", REDIS_EVENTS, "0", most };
	redisReply *r = NULL;
	enum store_answer a;

	for (size_t i = 0; i < n; i++) {
		argv[i + 2] = t[i].bytes;
		len[i + 2] = t[i].len;
	}
	a = redis_pool_ask(s->pool, REDIS_PATIENCE,
	    &(struct redis_command){ (int)n + 2, argv, len }, &r, why);
	if (a != STORE_OK)
		return a;
	freeReplyObject(r);
	if (redis_pool_ask(s->pool, REDIS_PATIENCE,
		&(struct redis_command){ 4, trim, NULL }, &r, why) == STORE_OK)
		freeReplyObject(r);
	return STORE_OK;
}

/* One that may have been sent is not sent again: told once, or not at all. */
enum store_answer
redis_send_events(struct redis_store *s, struct why *why)
{
	struct event_text *t = calloc(BATCH, sizeof(*t));
	enum store_answer a = STORE_OK;
	size_t n;

	if (t == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	pthread_mutex_lock(&s->sending);
	while (a == STORE_OK && (n = oldest_events(s, t)) > 0) {
		a = send_batch(s, t, n, why);
		if (a != STORE_FAILED)
			forget_events(s, n);
	}
	pthread_mutex_unlock(&s->sending);
	free(t);
	return a;
}

/* Calls each for the events of one page; false if that was the last one. */
static bool
each_event(const redisReply *r, const char *key, size_t *n,
    store_event_fn *each, void *arg)
{
	for (size_t i = 0; i<r->elements && * n> 0; i++) {
		struct store_event e;

		event_unpack(
		    r->element[i]->str, (size_t)r->element[i]->len, &e);
		if (key != NULL && strcmp(key, e.key) != 0)
			continue;
		if (!each(arg, &e))
			return false;
		--*n;
	}
	return *n > 0 && r->elements == PAGE;
}

enum store_answer
redis_events(struct store *st, const char *key, size_t n, store_event_fn *each,
    void *arg, struct why *why)
{
	struct redis_store *s = redis_of(st);
	enum store_answer a = redis_send_events(s, why);
	bool more = true;

	for (unsigned at = 0; a == STORE_OK && more; at += PAGE) {
		char first[16], last[16];
		const char *argv[] = { "LRANGE", REDIS_EVENTS, first, last };
		redisReply *r = NULL;

		snprintf(first, sizeof(first), "%u", at);
		snprintf(last, sizeof(last), "%u", at + PAGE - 1);
		a = redis_pool_ask(s->pool, REDIS_PATIENCE,
		    &(struct redis_command){ 4, argv, NULL }, &r, why);
		if (a != STORE_OK)
			break;
		more = each_event(r, key, &n, each, arg);
		freeReplyObject(r);
	}
	return a;
}

/* --- what an operator does: each with its event, in one step ------------ */

struct change {
	const struct policy *policy;
	const char *key;
	const struct grant *grant; /* NULL: a reset */
	int64_t now;
	struct store_event event;
};

/* How many grants hold. */
static size_t
grants_at(const struct counter *c, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < c->ngrant; i++)
		n += c->grant[i].until > now;
	return n;
}

static enum store_answer
redis_admin_change(struct redis_work *w, void *arg, struct why *why)
{
	const struct change *c = arg;
	const struct grant *g = c->grant;
	int64_t now = work_now(w, c->now);
	struct grant grant;
	struct redis_record *r;
	enum store_answer a = work_counter(w, c->policy, c->key, &r, why);

	work_time(w, now);
	if (a == STORE_FAILED)
		return a;
	if (g == NULL && (a == STORE_NONE || counter_idle(r->counter, now)))
		return STORE_NONE;
	if (a == STORE_OK && g != NULL && g->extra > 0 &&
	    grants_at(r->counter, now) == COUNTER_GRANTS)
		return STORE_NONE;
	if (r->counter == NULL)
		r->counter = counter_new(c->policy);
	if (r->counter == NULL || !redis_tell_event(w, &c->event)) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	if (g == NULL) {
		counter_reset(r->counter, now);
	} else { /* it lasts as long as was said */
		grant = *g;
		grant.until += now - c->now;
		(void)counter_grant(r->counter, &grant, now);
	}
	work_changed(w, r);
	return STORE_OK;
}

enum store_answer
redis_reset(struct store *st, const struct policy *policy, const char *key,
    const struct audit *by, struct why *why)
{
	struct change c = { policy, key, NULL, by->now,
		store_event_of("reset", policy->name, key, by) };

	return redis_call(
	    redis_of(st), redis_admin_change, &c, REDIS_PATIENCE, why);
}

enum store_answer
redis_grant(struct store *st, const struct policy *policy, const char *key,
    const struct grant *g, const struct audit *by, struct why *why)
{
	struct change c = { policy, key, g, by->now,
		store_event_of("grant", policy->name, key, by) };

	return redis_call(
	    redis_of(st), redis_admin_change, &c, REDIS_PATIENCE, why);
}
