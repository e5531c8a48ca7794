/*
 * quota.c - the whole bill or nothing.
 *
 * A limit gives way at a time that can be known now, because what is spent
 * only leaves with time.  So "does it fit" and "when will it fit" are one
 * question: it fits if that time is now.  Nobody has to be told to try later
 * without being told when.
 */
#include <string.h>

#include "quota.h"

/* --- one limit ----------------------------------------------------------- */

static uint64_t
max_at(
    const struct policy *policy, const struct counter *c, size_t i, int64_t t)
{
	uint64_t max = policy->limit[i].max;

	for (size_t g = 0; c != NULL && g < c->ngrant; g++)
		if (c->grant[g].dim == policy->limit[i].dim &&
		    c->grant[g].until > t &&
		    (c->grant[g].window == 0 ||
			c->grant[g].window ==
			    window_spec_code(&policy->limit[i].window)))
			max = sat_add(max, c->grant[g].extra);
	return max;
}

static uint64_t
used_at(
    const struct policy *policy, const struct counter *c, size_t i, int64_t now)
{
	if (c == NULL)
		return 0;
	if (policy->limit[i].dim == DIM_UNIQUE)
		return recipient_set_used(&c->slot[i].uniq, now);
	return window_used(&c->slot[i].sum, now);
}

/*
 * How many digests of recipients the line brings.  Without a list all of its
 * recipients count as new, and the set of the counter is not asked.
 */
static size_t
nlisted(const struct bill_line *l)
{
	return l->rcpt == NULL ? 0 : l->nrcpt;
}

static uint64_t
cost_at(
    const struct bill_line *l, const struct counter *c, size_t i, int64_t now)
{
	enum dimension dim = l->policy->limit[i].dim;

	if (dim != DIM_UNIQUE)
		return l->cost[dim];
	if (c == NULL || l->rcpt == NULL)
		return l->nrcpt;
	return recipient_set_new(&c->slot[i].uniq, l->rcpt, l->nrcpt, now);
}

/*
 * The first time from now on at which limit i, with the cost of the line spent,
 * is at most max; NEVER if the cost alone is more.
 */
static int64_t
fits_under(const struct bill_line *l, const struct counter *c, size_t i,
    uint64_t max, int64_t now)
{
	enum dimension dim = l->policy->limit[i].dim;
	uint64_t cost = dim == DIM_UNIQUE ? l->nrcpt : l->cost[dim];

	if (cost > max)
		return NEVER;
	if (c == NULL)
		return now;
	if (dim == DIM_UNIQUE)
		return recipient_set_fits_at(
		    &c->slot[i].uniq, l->rcpt, nlisted(l), max - cost, now);
	return window_fits_at(&c->slot[i].sum, max - cost, now);
}

/* The same, but not before from, and with the grants that hold then. */
static int64_t
fits_from(const struct bill_line *l, const struct counter *c, size_t i,
    int64_t now, int64_t from)
{
	int64_t t = fits_under(l, c, i, max_at(l->policy, c, i, from), now);

	return t > from ? t : from;
}

/* What would be left of limit i after the line is spent, 0 to 1. */
static double
quota_left_of(
    const struct bill_line *l, const struct counter *c, size_t i, int64_t now)
{
	uint64_t max = max_at(l->policy, c, i, now);
	uint64_t used =
	    sat_add(used_at(l->policy, c, i, now), cost_at(l, c, i, now));

	return used < max ? (double)(max - used) / (double)max : 0;
}

/* --- one line ------------------------------------------------------------ */

bool
quota_is_free(const struct bill_line *l)
{
	return l->nrcpt == 0 && l->cost[DIM_MESSAGES] == 0 &&
	       l->cost[DIM_RECIPIENTS] == 0 && l->cost[DIM_BYTES] == 0;
}

static bool
is_charged(const struct bill_line *l)
{
	return !l->asked && !quota_is_free(l);
}

static bool
is_observed(const struct bill_line *l)
{
	return l->observed || l->policy->when_over == OVER_OBSERVE;
}

/* What is left of the tightest limit of a line, and which that is. */
static double
tightest(const struct bill_line *l, const struct counter *c, int64_t now,
    size_t *limit_r)
{
	double least = 1;

	*limit_r = 0;
	for (size_t i = 0; i < l->policy->nlimit; i++) {
		double left = quota_left_of(l, c, i, now);

		if (left < least) {
			least = left;
			*limit_r = i;
		}
	}
	return least;
}

static void
put_off(struct shortfall *s, enum shortage what, size_t limit, int64_t again)
{
	s->what = again == NEVER && what == SHORT_LIMIT ? SHORT_NEVER : what;
	s->limit = limit;
	s->again = again;
}

/* How long a lockout holds: no longer than its policy says by now. */
static int64_t
locked_until(const struct bill_line *l, const struct counter *c, int64_t now)
{
	int64_t most = now + l->policy->lockout;

	return c->locked_until < most ? c->locked_until : most;
}

/* Moves s->again to the first time, not before it, at which l fits. */
static void
judge_line(const struct bill_line *l, const struct counter *c, int64_t now,
    struct shortfall *s)
{
	size_t limit;

	if (c != NULL && locked_until(l, c, now) > s->again) {
		tightest(l, c, now, &limit);
		put_off(s, SHORT_LOCKED, limit, locked_until(l, c, now));
	}
	for (size_t i = 0; i < l->policy->nlimit && s->again != NEVER; i++) {
		int64_t t = fits_from(l, c, i, now, s->again);

		if (t > s->again)
			put_off(s, SHORT_LIMIT, i, t);
	}
}

void
quota_usage(const struct policy *policy, const struct counter *c, size_t i,
    int64_t now, uint64_t *used_r, uint64_t *max_r)
{
	*used_r = used_at(policy, c, i, now);
	*max_r = max_at(policy, c, i, now);
}

int64_t
quota_next(const struct policy *policy, const struct counter *c, int64_t now)
{
	const struct bill_line l = {
		.policy = policy,
		.cost = { [DIM_MESSAGES] = 1, [DIM_RECIPIENTS] = 1 },
		.nrcpt = 1,
	};
	struct shortfall s = { .again = now };
	int64_t before;

	do {
		before = s.again;
		judge_line(&l, c, now, &s);
	} while (s.again != before && s.again != NEVER);
	return s.again;
}

/* --- the bill ------------------------------------------------------------ */

static const struct bill_choice no_choice = { 0 };

/* The i-th line that applies with a choice, as index into bill->line. */
static size_t
quota_line_of(const struct bill *b, const struct bill_choice *ch, size_t i)
{
	return i < b->ncommon ? i : ch->first + (i - b->ncommon);
}

static const struct bill_choice *
choice_at(const struct bill *b, size_t k)
{
	return b->nchoice == 0 ? &no_choice : &b->choice[k];
}

bool
quota_is_spent(const struct bill *b, const struct decision *d, size_t line)
{
	const struct bill_choice *ch = choice_at(b, d->choice);

	return is_charged(&b->line[line]) &&
	       (line < b->ncommon ||
		   (line >= ch->first && line < ch->first + ch->n));
}

/*
 * When all the lines fit at once.  A line that fits at one time may not at
 * a later one, because a grant ends between them: so we go round until a
 * time suits all.
 */
static struct shortfall
quota_judge(const struct bill *b, struct counter *const *counter,
    const struct bill_choice *ch, bool observed)
{
	struct shortfall s = { .again = b->now };
	int64_t before, round;

	do {
		round = s.again;
		for (size_t i = 0; i < b->ncommon + ch->n; i++) {
			size_t n = quota_line_of(b, ch, i);
			const struct bill_line *l = &b->line[n];

			if (quota_is_free(l) || is_observed(l) != observed)
				continue;
			before = s.again;
			judge_line(l, counter[n], b->now, &s);
			if (s.again != before)
				s.line = n;
		}
	} while (s.again != round && s.again != NEVER);
	if (s.what != SHORT_NOTHING && s.limit < b->line[s.line].policy->nlimit)
		quota_usage(b->line[s.line].policy, counter[s.line], s.limit,
		    b->now, &s.used, &s.max);
	return s;
}

/* What would be left of the budget of a smarthost. */
static double
budget_left(const struct bill *b, struct counter *const *counter,
    const struct bill_choice *ch)
{
	double least = 1;

	for (size_t i = ch->first; i < ch->first + ch->n; i++) {
		size_t limit;
		double left =
		    b->line[i].asked
			? 1
			: tightest(&b->line[i], counter[i], b->now, &limit);

		least = left < least ? left : least;
	}
	return least;
}

/*
 * Is choice k, whose shortfall is s, better than the choice in *d?  One that
 * fits beats one that does not; of two that fit a healthy one beats one marked
 * last, then more left (left of k, best of *d's) beats less; of two that do not
 * fit, the one that does sooner.
 */
static bool
is_better(const struct bill *b, size_t k, const struct decision *d,
    const struct shortfall *s, double left, double best)
{
	const bool last = choice_at(b, k)->last;

	if (k == 0)
		return true;
	if (s->what != SHORT_NOTHING)
		return !d->fits && s->again < d->shortfall.again;
	if (!d->fits || last != choice_at(b, d->choice)->last)
		return !d->fits || !last;
	return left > best;
}

void
quota_decide(const struct bill *bill, struct counter *const *counter,
    struct decision *d_r)
{
	double best = 0;

	memset(d_r, 0, sizeof(*d_r));
	for (size_t k = 0; k == 0 || k < bill->nchoice; k++) {
		const struct bill_choice *ch = choice_at(bill, k);
		struct shortfall s = quota_judge(bill, counter, ch, false);
		double left = bill->spread ? budget_left(bill, counter, ch) : 0;

		if (!is_better(bill, k, d_r, &s, left, best))
			continue;
		best = left;
		d_r->choice = k;
		d_r->shortfall = s;
		d_r->fits = s.what == SHORT_NOTHING;
		if (d_r->fits && !bill->spread && !ch->last)
			break;
	}
	d_r->observed =
	    quota_judge(bill, counter, choice_at(bill, d_r->choice), true);
}

/* --- what a bill leaves behind ------------------------------------------- */

/* used in percent of max; over an empty limit everything is too much. */
static uint64_t
percent(uint64_t used, uint64_t max)
{
	uint64_t n;

	if (max == 0)
		return used > 0 ? UINT64_MAX : 0;
	if (__builtin_mul_overflow(used, UINT64_C(100), &n))
		return max < 100 ? UINT64_MAX : used / (max / 100);
	return n / max;
}

/* A warning is told again only after use fell this far below its level. */
#define WARN_SLACK 5

static void
forget_warnings(const struct policy *policy, struct slot *s, uint64_t now)
{
	if (s->warned > policy->nwarn)
		s->warned = (uint8_t)policy->nwarn;
	while (s->warned > 0 &&
	       (now == 0 ||
		   sat_add(now, WARN_SLACK) < policy->warn_at[s->warned - 1]))
		s->warned--;
}

static void
warn(const struct policy *policy, struct slot *s, struct warning *w,
    struct decision *d)
{
	uint8_t reached = s->warned;
	uint64_t now = percent(w->used, w->max);

	while (reached < policy->nwarn && policy->warn_at[reached] <= now)
		reached++;
	if (reached == s->warned || d->nwarning == BILL_WARNINGS)
		return;
	s->warned = reached;
	w->percent = policy->warn_at[reached - 1];
	d->warning[d->nwarning++] = *w;
}

static void
spend_slot(const struct bill *b, const struct bill_line *l, struct slot *s)
{
	if (s->dim == DIM_UNIQUE)
		recipient_set_add(
		    &s->uniq, l->rcpt, nlisted(l), b->now, b->zone);
	else
		window_add(&s->sum, l->cost[s->dim], b->now, b->zone);
}

static void
spend_line(
    const struct bill *b, size_t line, struct counter *c, struct decision *d)
{
	const struct policy *policy = b->line[line].policy;

	for (size_t i = 0; i < policy->nlimit; i++) {
		struct slot *s = &c->slot[i];
		struct warning w = { .line = line, .limit = i };
		uint64_t used, max;

		quota_usage(policy, c, i, b->now, &used, &max);
		forget_warnings(policy, s, percent(used, max));
		spend_slot(b, &b->line[line], s);
		s->named = b->now > s->named ? b->now : s->named;
		quota_usage(policy, c, i, b->now, &w.used, &w.max);
		warn(policy, s, &w, d);
	}
	for (size_t i = policy->nlimit; i < c->nslot; i++)
		spend_slot(b, &b->line[line], &c->slot[i]);
	c->updated = b->now > c->updated ? b->now : c->updated;
}

void
quota_spend(
    const struct bill *bill, struct counter *const *counter, struct decision *d)
{
	const struct bill_choice *ch = choice_at(bill, d->choice);

	d->nwarning = 0;
	for (size_t i = 0; i < bill->ncommon + ch->n; i++) {
		size_t n = quota_line_of(bill, ch, i);

		if (is_charged(&bill->line[n]))
			spend_line(bill, n, counter[n], d);
	}
}

/* True if a limit of the line would be passed, though it could hold the line.
 */
static bool
would_pass(const struct bill_line *l, const struct counter *c, int64_t now)
{
	for (size_t i = 0; i < l->policy->nlimit; i++) {
		uint64_t max = max_at(l->policy, c, i, now);
		int64_t t = fits_under(l, c, i, max, now);

		if (t != now && t != NEVER)
			return true;
	}
	return false;
}

/* How many lines of the bill can apply, whatever is chosen. */
static size_t
lines(const struct bill *bill)
{
	return bill->nchoice == 0 ? bill->ncommon : bill->nline;
}

void
quota_lock(
    const struct bill *bill, struct counter *const *counter, struct decision *d)
{
	struct decision locked;

	for (size_t i = 0; i < lines(bill); i++) {
		const struct bill_line *l = &bill->line[i];
		struct counter *c = counter[i];

		if (c == NULL || !is_charged(l))
			continue;
		c->locked_until = locked_until(l, c, bill->now) > bill->now
				      ? locked_until(l, c, bill->now)
				      : c->locked_until;
		if (l->policy->lockout > 0 && !is_observed(l) &&
		    c->locked_until <= bill->now && would_pass(l, c, bill->now))
			c->locked_until = bill->now + l->policy->lockout;
	}
	quota_decide(bill, counter, &locked);
	d->shortfall.again = locked.shortfall.again;
}
