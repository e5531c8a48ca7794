/*
 * counter.c - what is remembered of one key.
 *
 * A policy may change while its counters live.  What a limit already knows is
 * carried over, and what a new limit could know from its neighbours it learns
 * from them: a reload must never hand out a fresh allowance.
 */
#include <stdlib.h>
#include <string.h>

#include "counter.h"

struct counter *
counter_alloc(size_t nslot)
{
	struct counter *c;

	c = calloc(1, sizeof(*c) + nslot * sizeof(c->slot[0]));
	if (c != NULL)
		c->nslot = nslot;
	return c;
}

static void
slot_init(struct slot *s, enum dimension dim, const struct window_spec *spec)
{
	s->dim = dim;
	s->named = 0;
	s->warned = 0;
	if (dim == DIM_UNIQUE)
		recipient_set_init(&s->uniq, spec);
	else
		window_init(&s->sum, spec);
}

static const struct window_spec *
slot_spec(const struct slot *s)
{
	return s->dim == DIM_UNIQUE ? &s->uniq.spec : &s->sum.spec;
}

struct counter *
counter_new(const struct policy *policy)
{
	struct counter *c = counter_alloc(policy->nlimit);

	if (c == NULL)
		return NULL;
	for (size_t i = 0; i < policy->nlimit; i++)
		slot_init(&c->slot[i], policy->limit[i].dim,
		    &policy->limit[i].window);
	return c;
}

void
counter_free(struct counter **cp)
{
	struct counter *c = *cp;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i].dim == DIM_UNIQUE)
			recipient_set_free(&c->slot[i].uniq);
	free(c);
	*cp = NULL;
}

/* --- a changed policy ---------------------------------------------------- */

static bool
slot_is_for(const struct slot *s, const struct limit *l)
{
	return s->dim == l->dim && window_spec_equal(slot_spec(s), &l->window);
}

static bool
slot_idle(const struct slot *s, int64_t now)
{
	return s->dim == DIM_UNIQUE ? recipient_set_used(&s->uniq, now) == 0
				    : window_idle(&s->sum, now);
}

/* Does a limit of policy remember all that s does, and longer? */
static bool
slot_is_covered(const struct slot *s, const struct policy *policy)
{
	const struct window_spec *spec = slot_spec(s);

	for (size_t i = 0; i < policy->nlimit && !spec->calendar; i++) {
		const struct limit *l = &policy->limit[i];

		if (l->dim == s->dim && !l->window.calendar &&
		    l->window.length >= spec->length)
			return true;
	}
	return false;
}

/*
 * A slot that policy does not name is forgotten when no charge has named it
 * for a window of its own and nothing is lost with it.  As long as others
 * spend, it may be all that somebody knows who had to refuse since: then it is
 * kept for a month.
 */
static bool
has_expired(const struct slot *s, const struct policy *policy, int64_t now,
    const struct zone *zone)
{
	const struct window_spec *spec = slot_spec(s);
	int64_t start, end = s->named + spec->length;

	if (spec->calendar)
		zone_period(zone, spec->period, s->named, &start, &end);
	return end <= now && (slot_idle(s, now) || slot_is_covered(s, policy) ||
				 end + WINDOW_MAX <= now);
}

bool
counter_fits(const struct counter *c, const struct policy *policy)
{
	if (c->nslot < policy->nlimit)
		return false;
	for (size_t i = 0; i < policy->nlimit; i++)
		if (!slot_is_for(&c->slot[i], &policy->limit[i]))
			return false;
	return true;
}

/* It fits, and no slot behind those of policy has had its time. */
static bool
is_current(const struct counter *c, const struct policy *policy, int64_t now,
    const struct zone *zone)
{
	if (!counter_fits(c, policy))
		return false;
	for (size_t i = policy->nlimit; i < c->nslot; i++)
		if (has_expired(&c->slot[i], policy, now, zone))
			return false;
	return true;
}

/* The slot of limit i that no limit before it took; NULL if there is none. */
static const struct slot *
find_slot(const struct counter *c, const struct policy *policy, size_t i)
{
	size_t before = 0;

	for (size_t k = 0; k < i; k++)
		before += policy->limit[k].dim == policy->limit[i].dim &&
			  window_spec_equal(&policy->limit[k].window,
			      &policy->limit[i].window);
	for (size_t k = 0; k < c->nslot; k++)
		if (slot_is_for(&c->slot[k], &policy->limit[i]) &&
		    before-- == 0)
			return &c->slot[k];
	return NULL;
}

static bool
counter_is_named(const struct policy *policy, const struct slot *s)
{
	for (size_t i = 0; i < policy->nlimit; i++)
		if (slot_is_for(s, &policy->limit[i]))
			return true;
	return false;
}

static int
slot_inherit(struct slot *s, const struct counter *c, int64_t now,
    const struct zone *zone)
{
	const struct window *from[COUNTER_SLOTS];
	size_t n = 0;

	for (size_t i = 0; i < c->nslot && i < COUNTER_SLOTS; i++) {
		if (c->slot[i].dim != s->dim)
			continue;
		if (s->dim != DIM_UNIQUE)
			from[n++] = &c->slot[i].sum;
		else if (recipient_set_inherit(
			     &s->uniq, &c->slot[i].uniq, now, zone) == -1)
			return -1;
	}
	if (n > 0)
		window_inherit(&s->sum, from, n, now, c->updated, zone);
	s->named = c->updated;
	return 0;
}

static bool
slot_copy(struct slot *to, const struct slot *from)
{
	struct recipient_slot *list;

	*to = *from;
	if (from->dim != DIM_UNIQUE || from->uniq.size == 0)
		return true;
	list = reallocarray(NULL, from->uniq.size, sizeof(*list));
	to->uniq.slot = list;
	if (list == NULL) {
		to->uniq.size = to->uniq.used = 0;
		return false;
	}
	memcpy(list, from->uniq.slot, from->uniq.size * sizeof(*list));
	return true;
}

struct counter *
counter_copy(const struct counter *c)
{
	struct counter *copy = counter_alloc(c->nslot);
	bool good = copy != NULL;

	if (!good)
		return NULL;
	memcpy(copy, c, sizeof(*c));
	for (size_t i = 0; i < c->nslot; i++)
		good = slot_copy(&copy->slot[i], &c->slot[i]) && good;
	if (!good)
		counter_free(&copy);
	return copy;
}

int
counter_adapt(struct counter **cp, const struct policy *policy, int64_t now,
    const struct zone *zone)
{
	const struct counter *old = *cp;
	struct counter *c;
	bool good = true;

	if (is_current(old, policy, now, zone))
		return 0;
	if ((c = counter_alloc(policy->nlimit + old->nslot)) == NULL)
		return -1;
	memcpy(c, old, sizeof(*c));
	c->nslot = policy->nlimit;
	for (size_t i = 0; i < policy->nlimit; i++) {
		const struct slot *from = find_slot(old, policy, i);

		slot_init(&c->slot[i], policy->limit[i].dim,
		    &policy->limit[i].window);
		if (from != NULL)
			good = slot_copy(&c->slot[i], from) && good;
		else
			good = slot_inherit(&c->slot[i], old, now, zone) == 0 &&
			       good;
	}
	for (size_t i = 0; i < old->nslot && c->nslot < COUNTER_SLOTS; i++)
		if (!counter_is_named(policy, &old->slot[i]) &&
		    !has_expired(&old->slot[i], policy, now, zone))
			good = slot_copy(&c->slot[c->nslot++], &old->slot[i]) &&
			       good;
	if (!good) {
		counter_free(&c);
		return -1;
	}
	counter_free(cp);
	*cp = c;
	return 0;
}

/* --- new, adapted, freed ------------------------------------------------- */

int
counter_reserve(struct counter *c, size_t n, int64_t now)
{
	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i].dim == DIM_UNIQUE &&
		    recipient_set_reserve(&c->slot[i].uniq, n, now) == -1)
			return -1;
	return 0;
}

int
counter_merge(struct counter *c, const struct counter *from, int64_t now)
{
	for (size_t i = 0; i < c->nslot; i++)
		for (size_t k = 0; k < from->nslot; k++) {
			struct slot *s = &c->slot[i];
			const struct slot *f = &from->slot[k];

			if (s->dim != f->dim ||
			    !window_spec_equal(slot_spec(s), slot_spec(f)))
				continue;
			if (s->dim != DIM_UNIQUE)
				window_merge(&s->sum, &f->sum, now);
			else if (recipient_set_merge(&s->uniq, &f->uniq, now) ==
				 -1)
				return -1;
		}
	if (from->locked_until > c->locked_until)
		c->locked_until = from->locked_until;
	if (from->updated > c->updated)
		c->updated = from->updated;
	return 0;
}

void
counter_return(struct counter *c, const uint64_t amount[DIM_COUNT],
    int64_t when, const struct zone *zone)
{
	if (when <= c->reset)
		return;
	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i].dim != DIM_UNIQUE)
			window_return(&c->slot[i].sum, amount[c->slot[i].dim],
			    when, zone);
}

void
counter_reset(struct counter *c, int64_t now)
{
	c->reset = now;
	c->locked_until = 0;
	for (size_t i = 0; i < c->nslot; i++) {
		int64_t named = c->slot[i].named;
		struct window_spec spec = *slot_spec(&c->slot[i]);

		if (c->slot[i].dim == DIM_UNIQUE)
			recipient_set_free(&c->slot[i].uniq);
		slot_init(&c->slot[i], c->slot[i].dim, &spec);
		c->slot[i].named = named;
	}
}

int
counter_grant(struct counter *c, const struct grant *g, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < c->ngrant; i++)
		if (c->grant[i].until > now &&
		    (g->extra > 0 || c->grant[i].dim != g->dim))
			c->grant[n++] = c->grant[i];
	c->ngrant = n;
	if (g->extra == 0)
		return 0;
	if (n == COUNTER_GRANTS)
		return -1;
	c->grant[c->ngrant++] = *g;
	return 0;
}

bool
counter_idle(const struct counter *c, int64_t now)
{
	if (c->locked_until > now)
		return false;
	for (size_t i = 0; i < c->ngrant; i++)
		if (c->grant[i].until > now)
			return false;
	for (size_t i = 0; i < c->nslot; i++)
		if (!slot_idle(&c->slot[i], now))
			return false;
	return true;
}

bool
counter_disposable(const struct counter *c, int64_t now)
{
	return counter_idle(c, now) &&
	       (c->reset == 0 || c->reset + WINDOW_MAX + DAY <= now);
}
