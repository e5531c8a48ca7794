/*
 * hold.c - an account that its provider shut, and when to try again.
 *
 * Told once when it shuts and once when it opens, however many messages met
 * it meanwhile.
 */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "hold.h"

#define SAME (2 * SECOND) /* the recipients of one message */

void
hold_open(struct hold *h)
{
	*h = (struct hold){ .class = REFUSAL_NONE };
}

static bool
is_over(const struct hold *h, int64_t now)
{
	return h->class == REFUSAL_NONE || now >= h->until;
}

/* is_same - one message's refusal, told again for its next recipient */
static bool
is_same(struct hold *h, const char *said, int64_t now)
{
	const uint64_t digest = digest64(said, strlen(said));
	const bool same = h->last_hit != 0 && h->said == digest &&
			  now >= h->last_hit && now - h->last_hit <= SAME;

	h->said = digest;
	h->last_hit = now;
	return same;
}

/* counts - is it the one that makes a rule act? */
static bool
counts(struct hold *h, const struct refusal *r, int64_t now)
{
	if (r->hits <= 1)
		return true;
	if (h->hits == 0 || now - h->first_hit > REFUSAL_SPAN ||
	    now < h->first_hit) {
		h->first_hit = now;
		h->hits = 0;
	}
	return ++h->hits >= r->hits;
}

/* length_of - how long this one shuts it */
static int64_t
length_of(const struct hold *h, const struct refusal *r,
    const struct refusal_reaction *does)
{
	if (!does->slows || h->length == 0)
		return r->hold;
	return 2 * h->length < does->longest ? 2 * h->length : does->longest;
}

enum hold_change
hold_refused(
    struct hold *h, const struct refusal *r, const char *said, int64_t now)
{
	const struct refusal_reaction *does = refusal_reaction(r->class);
	const bool was_over = is_over(h, now);
	int64_t until, length;

	if (!does->holds || (h->by_hand && !was_over))
		return HOLD_AS_IT_WAS;
	if (h->by_hand) /* the time that a person gave is over */
		hold_open(h);
	if (is_same(h, said, now) || !counts(h, r, now))
		return HOLD_AS_IT_WAS;
	length = length_of(h, r, does);
	until = r->until != 0     ? r->until
		: length == NEVER ? NEVER
				  : now + length;
	/* What lasts longer stays: a busy server shortens no full day. */
	if (was_over || until >= h->until) {
		h->class = r->class;
		h->until = until;
		h->length = length;
		h->probe_first = r->probe_first;
		h->probe_every = r->probe_every;
		snprintf(h->why, sizeof(h->why), "%s", said);
	}
	if (was_over)
		h->since = now;
	h->probe = h->probe_first == 0 ? 0
		   : was_over          ? now + h->probe_first
				       : now + h->probe_every;
	return was_over ? HOLD_SHUT : HOLD_LONGER;
}

enum hold_change
hold_delivered(struct hold *h, int64_t now)
{
	const bool was_over = is_over(h, now);

	if (h->by_hand)
		return HOLD_AS_IT_WAS;
	if (h->class == REFUSAL_NONE)
		return HOLD_AS_IT_WAS;
	/* Under way before the refusal came: that proves nothing. */
	if (!was_over && !refusal_reaction(h->class)->slows &&
	    (h->probe == 0 || now < h->since + h->probe_first))
		return HOLD_AS_IT_WAS;
	hold_open(h);
	return was_over ? HOLD_AS_IT_WAS : HOLD_OPENED;
}

void
hold_adopt(struct hold *h, enum refusal_class class, int64_t until,
    const char *why, int64_t now)
{
	const struct refusal_reaction *does = refusal_reaction(class);

	*h = (struct hold){ .class = class,
		.since = now,
		.until = until,
		.probe_first = does->probe_first,
		.probe_every = does->probe_every };
	if (does->probe_first != 0)
		h->probe = now + does->probe_first;
	snprintf(h->why, sizeof(h->why), "%s", why);
}

void
hold_by_hand(struct hold *h, int64_t until, const char *why, int64_t now)
{
	*h = (struct hold){ .class = REFUSAL_DISABLED,
		.since = now,
		.until = until,
		.by_hand = true };
	snprintf(h->why, sizeof(h->why), "%s", why);
}

void
hold_try_now(struct hold *h, int64_t now)
{
	if (h->class != REFUSAL_AUTH || h->by_hand)
		return;
	/* What leaves from now on is a proof (hold_delivered). */
	h->since = now - h->probe_first;
	h->probe = now;
}

enum hold_state
hold_state(const struct hold *h, int64_t now)
{
	if (is_over(h, now))
		return HOLD_OPEN;
	return h->probe != 0 && now >= h->probe ? HOLD_MAY_TRY : HOLD_CLOSED;
}

enum hold_state
hold_take(struct hold *h, int64_t now)
{
	const enum hold_state state = hold_state(h, now);

	if (state == HOLD_MAY_TRY)
		h->probe = now + h->probe_every;
	return state;
}
