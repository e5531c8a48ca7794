/*
 * oracle.c - the meter as a child would build it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

static void *
oracle_must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct oracle_counter *
oracle_counter(struct oracle *o, const struct policy *policy, const char *key)
{
	struct oracle_counter *c;

	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->counter[i]->policy, policy->name) == 0 &&
		    strcmp(o->counter[i]->key, key) == 0)
			return o->counter[i];
	o->counter = oracle_must(reallocarray(
	    o->counter, o->n + 1, sizeof(struct oracle_counter *)));
	c = oracle_must(calloc(1, sizeof(*c)));
	snprintf(c->policy, sizeof(c->policy), "%s", policy->name);
	snprintf(c->key, sizeof(c->key), "%s", key);
	o->counter[o->n++] = c;
	return c;
}

void
oracle_free(struct oracle *o)
{
	for (size_t i = 0; i < o->n; i++) {
		for (size_t k = 0; k < POLICY_LIMITS; k++)
			free(o->counter[i]->limit[k].event);
		free(o->counter[i]);
	}
	free(o->counter);
	memset(o, 0, sizeof(*o));
}

static int64_t
oracle_slice(const struct limit *l, int64_t t)
{
	int64_t slice =
	    (l->window.length + WINDOW_BUCKETS - 1) / WINDOW_BUCKETS;
	int64_t q = t / slice;

	return q * slice > t ? q - 1 : q;
}

/* When event i leaves, as seen at now. */
static int64_t
oracle_leaves(
    const struct limit *l, const struct oracle_limit *ol, size_t i, int64_t now)
{
	int64_t last = ol->event[i].t;

	if (l->window.calendar)
		return ol->end;
	if (l->dim != DIM_UNIQUE) /* with the last event of its slice */
		for (size_t k = i + 1;
		     k < ol->n && oracle_slice(l, ol->event[k].t) ==
				      oracle_slice(l, ol->event[i].t);
		     k++)
			last = ol->event[k].t;
	return last + l->window.length;
}

/* What of it will be left at time t, as seen at now. */
static uint64_t
oracle_left(const struct limit *l, const struct oracle_limit *ol, int64_t now,
    int64_t t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ol->n; i++)
		if (oracle_leaves(l, ol, i, now) > t)
			sum += ol->event[i].amount;
	return sum;
}

static bool
oracle_knows(const struct limit *l, const struct oracle_limit *ol,
    uint64_t digest, int64_t now, int64_t t)
{
	for (size_t i = 0; i < ol->n; i++)
		if (ol->event[i].digest == digest &&
		    oracle_leaves(l, ol, i, now) > t)
			return true;
	return false;
}

static uint64_t
oracle_cost(const struct bill_line *line, const struct oracle_counter *c,
    size_t k, int64_t now, int64_t t)
{
	const struct limit *l = &line->policy->limit[k];
	uint64_t n = 0;

	if (l->dim != DIM_UNIQUE)
		return line->cost[l->dim];
	for (size_t i = 0; i < line->nrcpt; i++)
		if (!oracle_knows(l, &c->limit[k], line->rcpt[i], now, t))
			n++;
	return n;
}

uint64_t
oracle_max(const struct policy *policy, const struct oracle_counter *c,
    size_t k, int64_t t)
{
	uint64_t max = policy->limit[k].max;

	for (size_t i = 0; i < c->ngrant; i++)
		if (c->grant[i].dim == policy->limit[k].dim &&
		    c->grant[i].until > t &&
		    (c->grant[i].window == 0 ||
			c->grant[i].window ==
			    (policy->limit[k].window.calendar
				    ? 1 + (int64_t)policy->limit[k]
					      .window.period
				    : policy->limit[k].window.length)))
			max += c->grant[i].extra;
	return max;
}

/* What has left is forgotten when something is spent, never before. */
static void
oracle_forget(const struct limit *l, struct oracle_limit *ol, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < ol->n; i++) {
		struct oracle_event e = ol->event[i];

		/* A slice leaves as a whole: its last event is still there. */
		if (oracle_leaves(l, ol, i, now) > now)
			ol->event[n++] = e;
	}
	ol->n = n;
}

/* The latest moment that it knows: nothing is dated before. */
static int64_t
oracle_newest(const struct oracle_limit *ol, int64_t now)
{
	for (size_t i = 0; i < ol->n; i++)
		if (ol->event[i].t > now)
			now = ol->event[i].t;
	return now;
}

static void
oracle_add(const struct limit *l, struct oracle_limit *ol, uint64_t amount,
    uint64_t digest, int64_t now, int64_t at, const struct zone *zone)
{
	int64_t start, end;

	if (l->window.calendar) {
		zone_period(zone, l->window.period, now, &start, &end);
		ol->end = ol->n == 0 || end > ol->end ? end : ol->end;
	}
	for (size_t i = 0; i < ol->n && l->dim == DIM_UNIQUE; i++)
		if (ol->event[i].digest == digest) {
			ol->event[i].t = at;
			return;
		}
	if (ol->n == ol->capacity) {
		ol->capacity = 2 * ol->capacity + 16;
		ol->event = oracle_must(
		    reallocarray(ol->event, ol->capacity, sizeof(*ol->event)));
	}
	ol->event[ol->n++] = (struct oracle_event){ at, amount, digest };
}

static bool
oracle_free_line(const struct bill_line *l)
{
	return l->cost[DIM_MESSAGES] == 0 && l->cost[DIM_RECIPIENTS] == 0 &&
	       l->cost[DIM_BYTES] == 0 && l->nrcpt == 0;
}

static bool
oracle_observed(const struct bill_line *l)
{
	return l->observed || l->policy->when_over == OVER_OBSERVE;
}

/* No longer than its policy says by now. */
static int64_t
oracle_locked(
    const struct bill_line *l, const struct oracle_counter *c, int64_t now)
{
	int64_t most = now + l->policy->lockout;

	return c->locked_until < most ? c->locked_until : most;
}

static bool
oracle_line_fits(struct oracle *o, const struct bill *b, size_t i, int64_t t)
{
	const struct bill_line *l = &b->line[i];
	const struct oracle_counter *c = oracle_counter(o, l->policy, l->key);

	if (oracle_free_line(l))
		return true;
	if (oracle_locked(l, c, b->now) > t)
		return false;
	for (size_t k = 0; k < l->policy->nlimit; k++)
		if (oracle_left(&l->policy->limit[k], &c->limit[k], b->now, t) +
			oracle_cost(l, c, k, b->now, t) >
		    oracle_max(l->policy, c, k, t))
			return false;
	return true;
}

bool
oracle_applies(const struct bill *b, size_t choice, size_t i)
{
	if (i < b->ncommon)
		return true;
	return b->nchoice > 0 && i >= b->choice[choice].first &&
	       i < b->choice[choice].first + b->choice[choice].n;
}

static bool
oracle_fits(struct oracle *o, const struct bill *b, size_t choice,
    bool observed, int64_t t)
{
	for (size_t i = 0; i < b->nline; i++)
		if (oracle_applies(b, choice, i) &&
		    oracle_observed(&b->line[i]) == observed &&
		    !oracle_line_fits(o, b, i, t))
			return false;
	return true;
}

/* The smallest share of any limit of the choice that would be left. */
static double
oracle_budget(struct oracle *o, const struct bill *b, size_t choice)
{
	double least = 1;

	for (size_t n = 0; n < b->choice[choice].n; n++) {
		const struct bill_line *l =
		    &b->line[b->choice[choice].first + n];
		const struct oracle_counter *c =
		    oracle_counter(o, l->policy, l->key);

		for (size_t k = 0; !l->asked && k < l->policy->nlimit; k++) {
			uint64_t used = oracle_left(&l->policy->limit[k],
					    &c->limit[k], b->now, b->now) +
					oracle_cost(l, c, k, b->now, b->now);
			uint64_t max = oracle_max(l->policy, c, k, b->now);
			double left = used >= max
					  ? 0
					  : (double)(max - used) / (double)max;

			if (left < least)
				least = left;
		}
	}
	return least;
}

/* only at these times can anything change: try one after the other. */
static void
oracle_try(struct oracle *o, const struct bill *b, int64_t t, int64_t *best)
{
	if (t < b->now || t >= *best)
		return;
	for (size_t k = 0; k == 0 || k < b->nchoice; k++)
		if (oracle_fits(o, b, k, false, t)) {
			*best = t;
			return;
		}
}

static int64_t
oracle_again(struct oracle *o, const struct bill *b)
{
	int64_t best = NEVER;

	oracle_try(o, b, b->now, &best);
	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];
		const struct oracle_counter *c =
		    oracle_counter(o, l->policy, l->key);

		oracle_try(o, b, oracle_locked(l, c, b->now), &best);
		for (size_t g = 0; g < c->ngrant; g++)
			oracle_try(o, b, c->grant[g].until, &best);
		for (size_t k = 0; k < l->policy->nlimit; k++)
			for (size_t e = 0; e < c->limit[k].n; e++)
				oracle_try(o, b,
				    oracle_leaves(&l->policy->limit[k],
					&c->limit[k], e, b->now),
				    &best);
	}
	return best;
}

void
oracle_decide(struct oracle *o, const struct bill *b, bool again,
    struct oracle_answer *a_r)
{
	double best = -3;

	memset(a_r, 0, sizeof(*a_r));
	for (size_t k = 0; k == 0 || k < b->nchoice; k++) {
		double left =
		    b->spread && b->nchoice > 0 ? oracle_budget(o, b, k) : 0;

		/* One of the last is worse than any other, however full. */
		if (b->nchoice > 0 && b->choice[k].last)
			left -= 2;

		if (oracle_fits(o, b, k, false, b->now) && left > best) {
			best = left;
			a_r->fits = true;
			a_r->choice = k;
		}
	}
	if (a_r->fits)
		a_r->observed = !oracle_fits(o, b, a_r->choice, true, b->now);
	if (!a_r->fits && again) {
		a_r->again_known = true;
		a_r->again = oracle_again(o, b);
	}
}

static void
oracle_warn(const struct bill *b, size_t line, size_t k,
    struct oracle_counter *c, uint64_t before, struct oracle_answer *a)
{
	const struct policy *p = b->line[line].policy;
	struct oracle_limit *ol = &c->limit[k];
	uint64_t used = oracle_left(&p->limit[k], ol, b->now, b->now);
	uint64_t max = oracle_max(p, c, k, b->now);
	uint64_t was = max == 0 ? (before > 0 ? 1000 : 0) : before * 100 / max;
	uint64_t is = max == 0 ? (used > 0 ? 1000 : 0) : used * 100 / max;
	size_t reached = 0;

	while (ol->warned > 0 &&
	       (was == 0 || was + 5 < p->warn_at[ol->warned - 1]))
		ol->warned--;
	for (size_t i = 0; i < p->nwarn; i++)
		if (is >= p->warn_at[i])
			reached = i + 1;
	if (reached <= ol->warned || a->nwarning == BILL_WARNINGS)
		return;
	ol->warned = reached;
	a->warning[a->nwarning++] =
	    (struct warning){ line, k, p->warn_at[reached - 1], used, max };
}

static void
oracle_spend(struct oracle *o, const struct bill *b, struct oracle_answer *a)
{
	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];
		struct oracle_counter *c = oracle_counter(o, l->policy, l->key);

		if (!oracle_applies(b, a->choice, i) || l->asked ||
		    oracle_free_line(l))
			continue;
		for (size_t k = 0; k < l->policy->nlimit; k++) {
			const struct limit *m = &l->policy->limit[k];
			struct oracle_limit *ol = &c->limit[k];
			uint64_t before = oracle_left(m, ol, b->now, b->now);

			int64_t at;

			oracle_forget(m, ol, b->now);
			at = oracle_newest(ol, b->now);
			if (m->dim != DIM_UNIQUE && l->cost[m->dim] > 0)
				oracle_add(m, ol, l->cost[m->dim], 0, b->now,
				    at, b->zone);
			for (size_t r = 0; r < l->nrcpt && m->dim == DIM_UNIQUE;
			     r++)
				oracle_add(
				    m, ol, 1, l->rcpt[r], b->now, at, b->zone);
			oracle_warn(b, i, k, c, before, a);
		}
	}
}

/* One limit would be passed that could hold the line if it were empty. */
static bool
oracle_passes(const struct bill *b, const struct bill_line *l,
    const struct oracle_counter *c)
{
	for (size_t k = 0; k < l->policy->nlimit; k++) {
		const struct limit *m = &l->policy->limit[k];
		uint64_t max = oracle_max(l->policy, c, k, b->now);
		uint64_t alone =
		    m->dim == DIM_UNIQUE ? l->nrcpt : l->cost[m->dim];

		if (alone <= max &&
		    oracle_left(m, &c->limit[k], b->now, b->now) +
			    oracle_cost(l, c, k, b->now, b->now) >
			max)
			return true;
	}
	return false;
}

static void
oracle_refuse(struct oracle *o, const struct bill *b)
{
	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];
		struct oracle_counter *c = oracle_counter(o, l->policy, l->key);

		if (oracle_free_line(l) || l->asked ||
		    (b->nchoice == 0 && i >= b->ncommon))
			continue;
		/* A lock from the future is no longer than one that starts. */
		if (oracle_locked(l, c, b->now) > b->now)
			c->locked_until = oracle_locked(l, c, b->now);
		if (l->policy->lockout > 0 && !oracle_observed(l) &&
		    c->locked_until <= b->now && oracle_passes(b, l, c))
			c->locked_until = b->now + l->policy->lockout;
	}
}

void
oracle_charge(struct oracle *o, const struct bill *b, bool again,
    struct oracle_answer *a_r)
{
	oracle_decide(o, b, false, a_r);
	if (a_r->fits) {
		oracle_spend(o, b, a_r);
		return;
	}
	oracle_refuse(o, b);
	if (again) {
		a_r->again_known = true;
		a_r->again = oracle_again(o, b);
	}
}

bool
oracle_grant(struct oracle *o, const struct policy *policy, const char *key,
    const struct grant *g, int64_t now)
{
	struct oracle_counter *c = oracle_counter(o, policy, key);
	size_t n = 0;

	/* A grant of nothing takes back those of its dimension. */
	for (size_t i = 0; i < c->ngrant; i++)
		if (c->grant[i].until > now &&
		    (g->extra > 0 || c->grant[i].dim != g->dim))
			c->grant[n++] = c->grant[i];
	c->ngrant = n;
	if (g->extra == 0)
		return true;
	if (n == COUNTER_GRANTS)
		return false;
	c->grant[c->ngrant++] = *g;
	return true;
}

void
oracle_reset(struct oracle *o, const struct policy *policy, const char *key)
{
	struct oracle_counter *c = oracle_counter(o, policy, key);

	c->locked_until = 0;
	for (size_t k = 0; k < POLICY_LIMITS; k++) {
		c->limit[k].n = 0;
		c->limit[k].warned = 0;
	}
}

uint64_t
oracle_used(struct oracle *o, const struct policy *policy, const char *key,
    size_t k, int64_t now)
{
	return oracle_left(&policy->limit[k],
	    &oracle_counter(o, policy, key)->limit[k], now, now);
}
