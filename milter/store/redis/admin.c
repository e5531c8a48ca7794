/*
 * admin.c - what an operator does to the shared store, and what is
 * kept to be told: done on one server, true on all.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

#define PAGE 500 /* events that one reply brings */
#define BATCH 64 /* events that one command takes */

static struct redis_store *
redis_of(struct store *s)
{
	return (struct redis_store *)s;
}

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
next_text(const char **p, const char *end)
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
	e_r->when = strtoll(next_text(&p, end), NULL, 10);
	snprintf(e_r->kind, sizeof(e_r->kind), "%s", next_text(&p, end));
	snprintf(e_r->policy, sizeof(e_r->policy), "%s", next_text(&p, end));
	snprintf(e_r->key, sizeof(e_r->key), "%s", next_text(&p, end));
	snprintf(e_r->actor, sizeof(e_r->actor), "%s", next_text(&p, end));
	snprintf(e_r->text, sizeof(e_r->text), "%s", next_text(&p, end));
}

void
redis_note(struct store *st, const struct store_event *e)
{
	struct redis_store *s = redis_of(st);

	pthread_mutex_lock(&s->lock);
	if (s->nevent < REDIS_EVENT_QUEUE)
		s->event[(s->first_event + s->nevent++) % REDIS_EVENT_QUEUE] =
		    *e;
	else
		s->stats.events_dropped++;
	pthread_mutex_unlock(&s->lock);
}

/* The JSON of everything that leaves an event; to be freed. */
static char *
ask_text(int64_t now, const struct grant *g)
{
	json_t *ask = json_pack("{s:I, s:I, s:I}", "now",
	    (json_int_t)redis_moment(now), "keep", (json_int_t)REDIS_EVENT_KEEP,
	    "life", (json_int_t)REDIS_EVENT_LIFE);
	char *text;

	if (g != NULL)
		json_object_set_new(ask, "grant",
		    json_pack("[i, I, I]", (int)g->dim,
			(json_int_t)redis_number(g->extra),
			(json_int_t)g->until));
	text = json_dumps(ask, JSON_COMPACT);
	json_decref(ask);
	return text;
}

/* How many of the oldest events were taken into t. */
static size_t
oldest_events(struct redis_store *s, struct event_text t[BATCH])
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (; n < s->nevent && n < BATCH; n++)
		event_pack(
		    &s->event[(s->first_event + n) % REDIS_EVENT_QUEUE], &t[n]);
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void
forget_events(struct redis_store *s, size_t n)
{
	pthread_mutex_lock(&s->lock);
	s->first_event = (s->first_event + n) % REDIS_EVENT_QUEUE;
	s->nevent -= n;
	pthread_mutex_unlock(&s->lock);
}

static enum store_answer
send_batch(struct redis_store *s, const struct event_text *t, size_t n,
    struct why *why)
{
	char *text = ask_text(0, NULL);
	struct redis_call c;
	redisReply *r = NULL;
	enum store_answer a;

	if (text == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	redis_call_begin(&c);
	redis_call_text(&c, REDIS_BLOCKS);
	redis_call_text(&c, REDIS_EVENTS);
	redis_call_text(&c, "note");
	redis_call_text(&c, text);
	for (size_t i = 0; i < n; i++)
		redis_call_add(&c, t[i].bytes, t[i].len);
	a = redis_call_run(s, &c, 2, REDIS_PATIENCE, &r, why);
	if (a == STORE_OK)
		freeReplyObject(r);
	free(text);
	return a;
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
		a = redis_pool_ask(
		    s->pool, REDIS_PATIENCE, 4, argv, NULL, &r, why);
		if (a != STORE_OK)
			break;
		more = each_event(r, key, &n, each, arg);
		freeReplyObject(r);
	}
	return a;
}

/* --- acts: each with its event, in one step ----------------------------- */

/* STORE_OK or STORE_NONE, as the script said. */
static enum store_answer
run_act(struct redis_store *s, const char *act, const char *key,
    const struct grant *g, const struct store_event *e, const char *who,
    const char *what, struct why *why)
{
	char *text = ask_text(e->when, g);
	struct event_text event;
	struct redis_call c;
	redisReply *r = NULL;
	enum store_answer a;

	if (text == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	event_pack(e, &event);
	redis_call_begin(&c);
	redis_call_text(&c, key);
	redis_call_text(&c, REDIS_EVENTS);
	redis_call_text(&c, act);
	redis_call_text(&c, text);
	redis_call_add(&c, event.bytes, event.len);
	redis_call_text(&c, who);
	redis_call_text(&c, what);
	a = redis_call_run(s, &c, 2, REDIS_PATIENCE, &r, why);
	free(text);
	if (a != STORE_OK)
		return a;
	if (r->elements != 2 || r->element[1]->integer != 1)
		a = STORE_NONE;
	freeReplyObject(r);
	return a;
}

static struct store_event
event_of(const char *kind, const char *policy, const char *key, int64_t now,
    const char *actor, const char *text)
{
	struct store_event e = { .when = now };

	snprintf(e.kind, sizeof(e.kind), "%s", kind);
	snprintf(e.policy, sizeof(e.policy), "%s", policy);
	snprintf(e.key, sizeof(e.key), "%s", key);
	snprintf(e.actor, sizeof(e.actor), "%s", actor);
	snprintf(e.text, sizeof(e.text), "%s", text);
	return e;
}

enum store_answer
redis_reset(struct store *st, const struct policy *policy, const char *key,
    int64_t now, const char *actor, struct why *why)
{
	struct store_event e =
	    event_of("reset", policy->name, key, now, actor, "");
	char name[REDIS_KEY];

	redis_counter_key(name, policy->name, key);
	return run_act(redis_of(st), "reset", name, NULL, &e, "", "", why);
}

enum store_answer
redis_grant(struct store *st, const struct policy *policy, const char *key,
    const struct grant *g, int64_t now, const char *actor, const char *text,
    struct why *why)
{
	struct store_event e =
	    event_of("grant", policy->name, key, now, actor, text);
	char name[REDIS_KEY];

	redis_counter_key(name, policy->name, key);
	return run_act(redis_of(st), "grant", name, g, &e, "", "", why);
}

/* --- blocks: who, to "UNTIL TEXT" --------------------------------------- */

/* Who asks this server next sees it. */
static enum store_answer
change_blocks(struct redis_store *s, const char *act,
    const struct store_event *e, const char *who, const char *what,
    struct why *why)
{
	enum store_answer a =
	    run_act(s, act, REDIS_BLOCKS, NULL, e, who, what, why);
	struct why reason;

	if (a == STORE_OK)
		(void)redis_see_blocks(s, REDIS_PATIENCE, &reason);
	return a;
}

enum store_answer
redis_block(struct store *st, const char *who, int64_t until, int64_t now,
    const char *actor, const char *text, struct why *why)
{
	struct store_event e = event_of("block", "", who, now, actor, text);
	char what[STORE_TEXT + 32];

	snprintf(what, sizeof(what), "%" PRId64 " %s", until, text);
	return change_blocks(redis_of(st), "block", &e, who, what, why);
}

enum store_answer
redis_unblock(struct store *st, const char *who, int64_t now, const char *actor,
    struct why *why)
{
	struct store_event e = event_of("unblock", "", who, now, actor, "");

	return change_blocks(redis_of(st), "unblock", &e, who, "", why);
}
