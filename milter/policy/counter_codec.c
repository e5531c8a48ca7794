/*
 * counter_codec.c - a counter as bytes, and back.
 *
 * They outlive the process and come from disks and servers, so nothing in them
 * is believed.
 */
#include <stdlib.h>
#include <string.h>

#include "big_endian.h"
#include "counter.h"

#define VERSION 3

/* No honest clock is beyond: sums of two such times cannot overflow. */
#define MOMENT_MAX (INT64_MAX / 4)

/* --- bytes: out ---------------------------------------------------------- */

/* Counts what it is given, and writes it where there is somewhere to write. */
struct writer {
	uint8_t *dst;
	size_t len;
};

static void
put_byte(struct writer *w, uint64_t byte)
{
	if (w->dst != NULL)
		w->dst[w->len] = (uint8_t)byte;
	w->len++;
}

static void
counter_codec_put_be64(struct writer *w, uint64_t n)
{
	if (w->dst != NULL)
		be64_put(w->dst + w->len, n);
	w->len += sizeof(n);
}

/* LEB128: seven bits a byte, the lowest first, the top bit says "more". */
static void
put_varint(struct writer *w, uint64_t n)
{
	for (; n > 127; n >>= 7)
		put_byte(w, (n & 127) | 128);
	put_byte(w, n);
}

static void
put_spec(struct writer *w, const struct window_spec *spec)
{
	put_byte(w, spec->calendar);
	put_varint(w,
	    spec->calendar ? (uint64_t)spec->period : (uint64_t)spec->length);
}

static void
put_window(struct writer *w, const struct window *win)
{
	uint64_t before = 0;

	put_spec(w, &win->spec);
	put_varint(w, win->n);
	for (size_t i = 0; i < win->n; i++) {
		const struct bucket *b =
		    &win->bucket[(win->head + i) % (WINDOW_BUCKETS + 1)];

		put_varint(w, (uint64_t)b->last - before);
		put_varint(w, b->count);
		before = (uint64_t)b->last;
	}
}

static void
put_uniq(struct writer *w, const struct recipient_set *u)
{
	put_spec(w, &u->spec);
	put_varint(w, (uint64_t)u->end);
	put_varint(w, (uint64_t)u->oldest);
	put_varint(w, u->used);
	for (size_t i = 0; i < u->size; i++) {
		if (u->slot[i].last == RECIPIENT_SET_FREE)
			continue;
		counter_codec_put_be64(w, u->slot[i].digest);
		put_varint(w, (uint64_t)u->slot[i].last - (uint64_t)u->oldest);
	}
}

static void
put_counter(struct writer *w, const struct counter *c)
{
	put_byte(w, VERSION);
	put_varint(w, (uint64_t)c->locked_until);
	put_varint(w, (uint64_t)c->updated);
	put_varint(w, (uint64_t)c->reset);
	put_byte(w, c->ngrant);
	for (size_t i = 0; i < c->ngrant; i++) {
		put_byte(w, c->grant[i].dim);
		put_varint(w, c->grant[i].extra);
		put_varint(w, (uint64_t)c->grant[i].until);
		put_varint(w, (uint64_t)c->grant[i].window);
	}
	put_byte(w, c->nslot);
	for (size_t i = 0; i < c->nslot; i++) {
		put_byte(w, c->slot[i].dim);
		put_byte(w, c->slot[i].warned);
		/* Nearly always 0: no slot was named after that. */
		put_varint(
		    w, (uint64_t)c->updated - (uint64_t)c->slot[i].named);
		if (c->slot[i].dim == DIM_UNIQUE)
			put_uniq(w, &c->slot[i].uniq);
		else
			put_window(w, &c->slot[i].sum);
	}
}

size_t
counter_pack(const struct counter *c, uint8_t *dst, size_t size)
{
	struct writer w = { 0 };

	put_counter(&w, c);
	if (w.len <= size) {
		w = (struct writer){ .dst = dst };
		put_counter(&w, c);
	}
	return w.len;
}

/* --- bytes: in ----------------------------------------------------------- */

/* Once bad, every further number is 0 and it stays bad. */
struct reader {
	const uint8_t *p;
	size_t len;
	const char *bad; /* why, or NULL */
};

static uint64_t
fail(struct reader *r, const char *why)
{
	if (r->bad == NULL)
		r->bad = why;
	r->len = 0;
	return 0;
}

static uint64_t
damaged(struct reader *r)
{
	return fail(r, "the stored counter is damaged");
}

/* A byte that is at most max. */
static uint64_t
get_byte(struct reader *r, uint64_t max)
{
	if (r->len == 0 || *r->p > max)
		return damaged(r);
	r->len--;
	return *r->p++;
}

static uint64_t
counter_codec_get_be64(struct reader *r)
{
	uint64_t n;

	if (r->len < sizeof(n))
		return damaged(r);
	n = be64_get(r->p);
	r->p += sizeof(n);
	r->len -= sizeof(n);
	return n;
}

static uint64_t
get_varint(struct reader *r)
{
	uint64_t n = 0, byte;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		byte = get_byte(r, shift == 63 ? 1 : 255);
		n |= (byte & 127) << shift;
		if (byte < 128)
			return n;
	}
	return damaged(r);
}

/* A time, given as what it is more than another. */
static int64_t
get_time(struct reader *r, int64_t before)
{
	int64_t t = (int64_t)(get_varint(r) + (uint64_t)before);

	if (t > MOMENT_MAX || t < -MOMENT_MAX)
		return (int64_t)damaged(r);
	return t;
}

static struct window_spec
get_spec(struct reader *r)
{
	struct window_spec spec = { .calendar = get_byte(r, 1) };
	uint64_t n = get_varint(r);

	if (spec.calendar && n <= PERIOD_MONTH)
		spec.period = (enum period)n;
	else if (!spec.calendar && n >= WINDOW_MIN && n <= WINDOW_MAX)
		spec.length = (int64_t)n;
	else
		damaged(r);
	return spec;
}

static void
get_window(struct reader *r, struct window *w)
{
	struct window_spec spec = get_spec(r);
	uint64_t n = get_varint(r);
	int64_t last = 0;

	window_init(w, &spec);
	if (n > (spec.calendar ? 1 : WINDOW_BUCKETS + 1))
		damaged(r);
	for (; n > 0 && r->bad == NULL; n--) {
		struct bucket *b = &w->bucket[w->n];

		b->last = get_time(r, last);
		b->count = get_varint(r);
		if (w->n > 0 && b->last <= last)
			damaged(r);
		last = b->last;
		w->n++;
	}
}

/* An entry takes at least 9 bytes, so the input bounds the memory. */
static void
get_uniq(struct reader *r, struct recipient_set *u)
{
	struct window_spec spec = get_spec(r);
	int64_t end = get_time(r, 0);
	int64_t oldest = get_time(r, 0);
	uint64_t n = get_varint(r);

	recipient_set_init(u, &spec);
	u->end = end;
	if (n > r->len / 9)
		damaged(r);
	if (n == 0 || r->bad != NULL)
		return;
	if (recipient_set_reserve(u, (size_t)n, oldest) == -1) {
		fail(r, "out of memory");
		return;
	}
	for (; n > 0 && r->bad == NULL; n--) {
		uint64_t digest = counter_codec_get_be64(r);
		int64_t last = get_time(r, oldest);

		if (last < oldest || !recipient_set_restore(u, digest, last))
			damaged(r);
	}
	u->oldest = oldest;
}

static void
get_slot(struct reader *r, struct slot *s, int64_t updated)
{
	s->dim = (enum dimension)get_byte(r, DIM_COUNT - 1);
	s->warned = (uint8_t)get_byte(r, POLICY_WARNINGS);
	s->named = (int64_t)((uint64_t)updated - get_varint(r));
	if (s->named > MOMENT_MAX || s->named < -MOMENT_MAX)
		s->named = (int64_t)damaged(r);
	if (s->dim == DIM_UNIQUE)
		get_uniq(r, &s->uniq);
	else
		get_window(r, &s->sum);
}

static void
get_grants(struct reader *r, struct counter *c)
{
	c->ngrant = get_byte(r, COUNTER_GRANTS);
	for (size_t i = 0; i < c->ngrant; i++) {
		c->grant[i].dim = (enum dimension)get_byte(r, DIM_COUNT - 1);
		c->grant[i].extra = get_varint(r);
		c->grant[i].until = (int64_t)get_varint(r);
		c->grant[i].window = (int64_t)get_varint(r);
	}
}

struct counter *
counter_unpack(const uint8_t *src, size_t len, struct why *why)
{
	struct reader r = { .p = src, .len = len };
	struct counter head = { 0 }, *c = NULL;
	size_t nslot;

	if (get_byte(&r, 255) != VERSION)
		fail(&r, "the stored counter is of an unknown version");
	head.locked_until = (int64_t)get_varint(&r);
	head.updated = get_time(&r, 0);
	head.reset = get_time(&r, 0);
	get_grants(&r, &head);
	nslot = get_byte(&r, COUNTER_SLOTS);
	if (r.bad == NULL && (c = counter_alloc(nslot)) == NULL)
		fail(&r, "out of memory");
	if (c != NULL) {
		head.nslot = nslot;
		memcpy(c, &head, sizeof(head));
		for (size_t i = 0; i < nslot; i++)
			get_slot(&r, &c->slot[i], head.updated);
		if (r.len > 0)
			damaged(&r);
	}
	if (r.bad != NULL) {
		why_set(why, "%s", r.bad);
		counter_free(&c);
	}
	return c;
}
