/*
 * bill_json.c - a bill as the script reads it, and a decision as the
 * script tells it: numbers both ways, so no name can mean anything to either.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

#define NUMBER_MAX (UINT64_C(1) << 53)

int64_t
redis_moment(int64_t now)
{
	return store_redis_callers_time ? now : 0;
}

int64_t
redis_number(uint64_t n)
{
	return (int64_t)(n < NUMBER_MAX ? n : NUMBER_MAX);
}

/* --- a bill as JSON ----------------------------------------------------- */

int
redis_add_digests(struct redis_digests *d, const uint64_t *v, size_t n)
{
	if (d->n + n > d->room) {
		size_t room = 2 * (d->n + n);
		uint8_t *bytes = reallocarray(d->bytes, room, 8);

		if (bytes == NULL)
			return -1;
		d->bytes = bytes;
		d->room = room;
	}
	for (size_t i = 0; i < n; i++, d->n++)
		for (size_t k = 0; k < 8; k++)
			d->bytes[8 * d->n + k] =
			    (uint8_t)(v[i] >> (56 - 8 * k));
	return 0;
}

static bool
has_unique(const struct policy *policy)
{
	for (size_t i = 0; i < policy->nlimit; i++)
		if (policy->limit[i].dim == DIM_UNIQUE)
			return true;
	return false;
}

/* Where the list of line i begins among d; an earlier line may have it. */
static int
place_digests(
    const struct bill *b, size_t i, struct redis_digests *d, size_t *at)
{
	const struct bill_line *l = &b->line[i];

	for (size_t k = 0; k < i; k++)
		if (b->line[k].rcpt == l->rcpt &&
		    b->line[k].nrcpt >= l->nrcpt &&
		    has_unique(b->line[k].policy)) {
			at[i] = at[k];
			return 0;
		}
	at[i] = d->n;
	return redis_add_digests(d, l->rcpt, l->nrcpt);
}

json_t *
redis_limits(const struct policy *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nlimit; i++) {
		const struct limit *l = &p->limit[i];
		int64_t span =
		    l->window.calendar ? l->window.period : l->window.length;

		json_array_append_new(
		    list, json_pack("[i, I, i, I]", (int)l->dim,
			      (json_int_t)redis_number(l->max),
			      (int)l->window.calendar, (json_int_t)span));
	}
	return list;
}

static json_t *
json_warnings(const struct policy *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nwarn; i++)
		json_array_append_new(list, json_integer(p->warn_at[i]));
	return list;
}

static json_t *
json_line(const struct bill_line *l, size_t at)
{
	bool listed = l->rcpt != NULL && has_unique(l->policy);
	bool observed = l->observed || l->policy->when_over == OVER_OBSERVE;
	json_int_t cost[DIM_COUNT];

	for (size_t i = 0; i < DIM_COUNT; i++)
		cost[i] = redis_number(l->cost[i]);
	return json_pack("{s:[I,I,I,I], s:I, s:I, s:I, s:b, s:I, s:o, s:o}",
	    "cost", cost[DIM_MESSAGES], cost[DIM_RECIPIENTS], cost[DIM_UNIQUE],
	    cost[DIM_BYTES], "n", (json_int_t)l->nrcpt, "at", (json_int_t)at,
	    "listed", (json_int_t)(listed ? l->nrcpt : 0), "observed",
	    (int)observed, "lockout", (json_int_t)l->policy->lockout, "warn",
	    json_warnings(l->policy), "limit", redis_limits(l->policy));
}

static json_t *
json_lines(const struct bill *b, struct redis_digests *d)
{
	json_t *list = json_array();
	size_t at[BILL_LINES] = { 0 };

	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];

		if (l->rcpt != NULL && has_unique(l->policy) &&
		    place_digests(b, i, d, at) == -1) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, json_line(l, at[i]));
	}
	return list;
}

static json_t *
json_choices(const struct bill *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < b->nchoice; i++)
		json_array_append_new(list,
		    json_pack("[I, I, s, b]", (json_int_t)b->choice[i].first,
			(json_int_t)b->choice[i].n, b->choice[i].smarthost,
			(int)b->choice[i].last));
	return list;
}

/* Of each period: its start, its end, the end of the one after it. */
json_t *
redis_periods(const struct zone *zone, int64_t now)
{
	json_t *list = json_array();

	for (int p = PERIOD_HOUR; p <= PERIOD_MONTH; p++) {
		int64_t start, end, next_start, next;

		zone_period(zone, (enum period)p, now, &start, &end);
		zone_period(zone, (enum period)p, end, &next_start, &next);
		json_array_append_new(
		    list, json_pack("[I, I, I]", (json_int_t)start,
			      (json_int_t)end, (json_int_t)next));
	}
	return list;
}

char *
redis_bill_text(
    const struct bill *b, bool spend, int64_t at, struct redis_digests *d)
{
	json_t *lines = json_lines(b, d), *ask;
	char *text;

	if (lines == NULL)
		return NULL;
	ask = json_pack("{s:I, s:I, s:o, s:o, s:I, s:o, s:b, s:b}", "life",
	    (json_int_t)REDIS_BINDING_LIFE, "now",
	    (json_int_t)redis_moment(b->now), "period",
	    redis_periods(b->zone, at), "line", lines, "common",
	    (json_int_t)b->ncommon, "choice", json_choices(b), "spread",
	    (int)b->spread, "spend", (int)spend);
	if (ask == NULL)
		return NULL;
	text = json_dumps(ask, JSON_COMPACT);
	json_decref(ask);
	return text;
}

/* --- the answer --------------------------------------------------------- */

#define HEAD 3     /* now, fits, choice */
#define SHORTAGE 6 /* what, line, limit, used, max, again */
#define WARNING 5  /* line, limit, percent, used, max */

long long
redis_integer(const redisReply *r, size_t i)
{
	if (r->type != REDIS_REPLY_ARRAY || i >= r->elements)
		return 0;
	if (r->element[i]->type == REDIS_REPLY_STRING)
		return strtoll(r->element[i]->str, NULL, 10);
	return r->element[i]->type == REDIS_REPLY_INTEGER
		   ? r->element[i]->integer
		   : 0;
}

static struct shortfall
shortfall_at(const redisReply *r, size_t i)
{
	long long again = redis_integer(r, i + 5);

	return (struct shortfall){
		.what = (enum shortage)redis_integer(r, i),
		.line = (size_t)redis_integer(r, i + 1),
		.limit = (size_t)redis_integer(r, i + 2),
		.used = (uint64_t)redis_integer(r, i + 3),
		.max = (uint64_t)redis_integer(r, i + 4),
		.again = again == -1 ? NEVER : again,
	};
}

static bool
is_within(const struct bill *b, size_t line, size_t limit)
{
	return line < b->nline &&
	       (limit == 0 || limit < b->line[line].policy->nlimit);
}

static bool
is_about(const struct bill *b, const struct shortfall *s)
{
	return s->what <= SHORT_NEVER &&
	       (b->nline == 0 || is_within(b, s->line, s->limit));
}

bool
redis_decision(const struct bill *b, const redisReply *r, struct decision *d_r)
{
	memset(d_r, 0, sizeof(*d_r));
	if (r->elements < HEAD + 2 * SHORTAGE)
		return false;
	d_r->fits = redis_integer(r, 1) == 1;
	d_r->choice = (size_t)redis_integer(r, 2);
	d_r->shortfall = shortfall_at(r, HEAD);
	d_r->observed = shortfall_at(r, HEAD + SHORTAGE);
	for (size_t i = HEAD + 2 * SHORTAGE;
	     i + WARNING <= r->elements && d_r->nwarning < BILL_WARNINGS;
	     i += WARNING) {
		struct warning *w = &d_r->warning[d_r->nwarning++];

		*w = (struct warning){ (size_t)redis_integer(r, i),
			(size_t)redis_integer(r, i + 1),
			(uint8_t)redis_integer(r, i + 2),
			(uint64_t)redis_integer(r, i + 3),
			(uint64_t)redis_integer(r, i + 4) };
		if (!is_within(b, w->line, w->limit))
			return false;
	}
	if (d_r->choice != 0 && d_r->choice >= b->nchoice)
		return false;
	return is_about(b, &d_r->shortfall) && is_about(b, &d_r->observed);
}
