/*
 * window.c - a strict promise in a kilobyte.
 *
 * To be exact we would keep every event of the window; a mailing of 10,000
 * would then cost as much to remember as to send.  Events of one slice are
 * kept as one, at the time of the latest: they leave together, the earlier
 * ones a little late, none of them early.  Slices are rounded up to whole
 * milliseconds, so a window never touches more than WINDOW_BUCKETS + 1.
 */
#include <string.h>

#include "window.h"

#define RING (WINDOW_BUCKETS + 1)

static int64_t
slice_of(const struct window_spec *spec, int64_t t)
{
	int64_t slice = (spec->length + WINDOW_BUCKETS - 1) / WINDOW_BUCKETS;

	return t / slice - (t % slice < 0);
}

static size_t
ring_index(const struct window *w, size_t i)
{
	return (w->head + i) % RING;
}

/* The i-th bucket, the oldest first. */
static const struct bucket *
bucket_at(const struct window *w, size_t i)
{
	return &w->bucket[ring_index(w, i)];
}

static struct bucket *
newest(struct window *w)
{
	return &w->bucket[ring_index(w, w->n - 1U)];
}

static void
drop_oldest(struct window *w)
{
	w->head = (uint16_t)ring_index(w, 1);
	w->n--;
}

/* A bucket leaves at its end, or one window after its last event. */
static int64_t
leaves(const struct window_spec *spec, const struct bucket *b)
{
	return spec->calendar ? b->last : b->last + spec->length;
}

static bool
window_has_left(
    const struct window_spec *spec, const struct bucket *b, int64_t now)
{
	return leaves(spec, b) <= now;
}

static void
merge_two_oldest(struct window *w)
{
	uint64_t count = bucket_at(w, 0)->count;

	drop_oldest(w);
	w->bucket[w->head].count = sat_add(w->bucket[w->head].count, count);
}

static bool
joins(const struct window_spec *spec, const struct bucket *b, int64_t last)
{
	return spec->calendar ||
	       slice_of(spec, b->last) == slice_of(spec, last);
}

/*
 * Puts cost into the newest bucket or a new one.  What is spent while the
 * clock is behind the newest bucket is dated as that one is.
 */
static void
window_put(struct window *w, uint64_t cost, int64_t last)
{
	if (w->n > 0 && last < newest(w)->last)
		last = newest(w)->last;
	if (w->n > 0 && joins(&w->spec, newest(w), last)) {
		newest(w)->count = sat_add(newest(w)->count, cost);
		newest(w)->last = last;
		return;
	}
	if (w->n == RING)
		merge_two_oldest(w);
	w->n++;
	*newest(w) = (struct bucket){ .last = last, .count = cost };
}

static int64_t
period_end(const struct window_spec *spec, int64_t now, const struct zone *zone)
{
	int64_t start, end;

	zone_period(zone, spec->period, now, &start, &end);
	return end;
}

void
window_init(struct window *w, const struct window_spec *spec)
{
	memset(w, 0, sizeof(*w));
	w->spec = *spec;
}

int64_t
window_spec_code(const struct window_spec *spec)
{
	return spec->calendar ? 1 + (int64_t)spec->period : spec->length;
}

bool
window_spec_equal(const struct window_spec *a, const struct window_spec *b)
{
	if (a->calendar != b->calendar)
		return false;
	return a->calendar ? a->period == b->period : a->length == b->length;
}

uint64_t
window_used(const struct window *w, int64_t now)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!window_has_left(&w->spec, bucket_at(w, i), now))
			sum = sat_add(sum, bucket_at(w, i)->count);
	return sum;
}

void
window_add(
    struct window *w, uint64_t cost, int64_t now, const struct zone *zone)
{
	while (w->n > 0 && window_has_left(&w->spec, bucket_at(w, 0), now))
		drop_oldest(w);
	if (cost > 0)
		window_put(w, cost,
		    w->spec.calendar ? period_end(&w->spec, now, zone) : now);
}

void
window_return(
    struct window *w, uint64_t n, int64_t when, const struct zone *zone)
{
	int64_t at = w->spec.calendar ? period_end(&w->spec, when, zone) : when;

	for (size_t i = 0; i < w->n; i++) {
		struct bucket *b = &w->bucket[ring_index(w, i)];

		if (w->spec.calendar ? b->last == at : joins(&w->spec, b, at)) {
			b->count -= n < b->count ? n : b->count;
			return;
		}
	}
}

int64_t
window_fits_at(const struct window *w, uint64_t remaining, int64_t now)
{
	uint64_t sum = 0;

	for (size_t i = w->n; i-- > 0;) {
		const struct bucket *b = bucket_at(w, i);

		if (window_has_left(&w->spec, b, now))
			break;
		sum = sat_add(sum, b->count);
		if (sum > remaining)
			return leaves(&w->spec, b);
	}
	return now;
}

bool
window_idle(const struct window *w, int64_t now)
{
	return window_used(w, now) == 0;
}

/* One source of window_inherit, read from its newest bucket backwards. */
struct source {
	const struct window *w;
	size_t left;  /* buckets not yet read */
	uint64_t sum; /* of those read */
};

/* When the next bucket was spent; a calendar window knows not: at updated. */
static int64_t
source_date(const struct source *s, int64_t updated)
{
	return s->w->spec.calendar ? updated
				   : bucket_at(s->w, s->left - 1)->last;
}

static bool
source_has_more(const struct source *s, int64_t now)
{
	return s->left > 0 &&
	       !window_has_left(&s->w->spec, bucket_at(s->w, s->left - 1), now);
}

/*
 * The latest date that a source has still to tell, and the most that any knows
 * to have been spent since then.  False if they have told all.
 */
static bool
next_date(struct source *source, size_t n, int64_t now, int64_t updated,
    struct bucket *b_r)
{
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		if (!source_has_more(&source[i], now))
			continue;
		if (!found || source_date(&source[i], updated) > b_r->last)
			b_r->last = source_date(&source[i], updated);
		found = true;
	}
	b_r->count = 0;
	for (size_t i = 0; found && i < n; i++) {
		struct source *s = &source[i];

		while (source_has_more(s, now) &&
		       source_date(s, updated) == b_r->last)
			s->sum =
			    sat_add(s->sum, bucket_at(s->w, --s->left)->count);
		b_r->count = s->sum > b_r->count ? s->sum : b_r->count;
	}
	return found;
}

void
window_inherit(struct window *w, const struct window *const *from, size_t n,
    int64_t now, int64_t updated, const struct zone *zone)
{
	struct bucket step[WINDOW_SOURCES * RING];
	struct source source[WINDOW_SOURCES] = { 0 };
	int64_t start = now - w->spec.length + 1, end = now;
	size_t nstep = 0;

	for (size_t i = 0; i < n; i++)
		source[i] = (struct source){ .w = from[i], .left = from[i]->n };
	if (w->spec.calendar)
		zone_period(zone, w->spec.period, now > updated ? now : updated,
		    &start, &end);
	while (next_date(source, n, now, updated, &step[nstep]) &&
	       step[nstep].last >= start)
		nstep++;
	for (size_t i = nstep; i-- > 0;) {
		uint64_t since = i > 0 ? step[i - 1].count : 0;
		uint64_t cost = step[i].count - since;

		if (cost > 0)
			window_put(
			    w, cost, w->spec.calendar ? end : step[i].last);
	}
}

/* Two queues in order of time become one. */
void
window_merge(struct window *w, const struct window *from, int64_t now)
{
	struct window sum;

	window_init(&sum, &w->spec);
	for (size_t i = 0, k = 0; i < w->n || k < from->n;) {
		bool own =
		    k == from->n || (i < w->n && bucket_at(w, i)->last <=
						     bucket_at(from, k)->last);
		const struct bucket *b =
		    own ? bucket_at(w, i++) : bucket_at(from, k++);

		if (!window_has_left(&w->spec, b, now))
			window_put(&sum, b->count, b->last);
	}
	*w = sum;
}
