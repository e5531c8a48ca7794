/*
 * recipient_set.c - different recipients are counted one by one.
 *
 * A sketch such as HyperLogLog would be smaller and a few percent wrong; a
 * provider that locks the account at recipient 1001 is not.  The limit bounds
 * how many must be known, so knowing them all is affordable.
 */
#include <stdlib.h>
#include <string.h>

#include "recipient_set.h"

#define SIZE_MIN ((size_t)16)

static bool
has_left(const struct recipient_set *u, int64_t last, int64_t now)
{
	if (u->spec.calendar)
		return u->end <= now;
	return now > last && now - last >= u->spec.length;
}

/* How long until it leaves; 0: it has left.  NEVER cannot be. */
static uint64_t
stays(const struct recipient_set *u, int64_t last, int64_t now)
{
	int64_t end = last + u->spec.length;

	return end > now ? (uint64_t)(end - now) : 0;
}

static size_t
home(const struct recipient_set *u, uint64_t digest)
{
	return (size_t)digest & (u->size - 1);
}

/* The slot of digest, or the free one where it would go. */
static struct recipient_slot *
probe(const struct recipient_set *u, uint64_t digest)
{
	size_t i = home(u, digest);

	while (u->slot[i].last != RECIPIENT_SET_FREE &&
	       u->slot[i].digest != digest)
		i = (i + 1) & (u->size - 1);
	return &u->slot[i];
}

/* When digest was last written to; RECIPIENT_SET_FREE if it does not count. */
static int64_t
known(const struct recipient_set *u, uint64_t digest, int64_t now)
{
	int64_t last;

	if (u->used == 0)
		return RECIPIENT_SET_FREE;
	last = probe(u, digest)->last;
	return last == RECIPIENT_SET_FREE || has_left(u, last, now)
		   ? RECIPIENT_SET_FREE
		   : last;
}

void
recipient_set_init(struct recipient_set *u, const struct window_spec *spec)
{
	memset(u, 0, sizeof(*u));
	u->spec = *spec;
}

void
recipient_set_free(struct recipient_set *u)
{
	free(u->slot);
	u->slot = NULL;
	u->used = u->size = 0;
}

static void
clear(struct recipient_set *u)
{
	for (size_t i = 0; i < u->size; i++)
		u->slot[i].last = RECIPIENT_SET_FREE;
	u->used = 0;
}

/* Empties slot i; what probed past it moves up, so every probe still ends. */
static void
delete_at(struct recipient_set *u, size_t i)
{
	size_t mask = u->size - 1;

	for (size_t j = (i + 1) & mask; u->slot[j].last != RECIPIENT_SET_FREE;
	     j = (j + 1) & mask) {
		size_t h = home(u, u->slot[j].digest);

		if (((j - h) & mask) >= ((j - i) & mask)) {
			u->slot[i] = u->slot[j];
			i = j;
		}
	}
	u->slot[i].last = RECIPIENT_SET_FREE;
	u->used--;
}

static void
sweep(struct recipient_set *u, int64_t now)
{
	if (u->used == 0 || !has_left(u, u->oldest, now))
		return;
	if (u->spec.calendar) {
		clear(u);
		return;
	}
	u->oldest = now;
	for (size_t i = 0; i < u->size;) {
		int64_t last = u->slot[i].last;

		if (last != RECIPIENT_SET_FREE && has_left(u, last, now)) {
			delete_at(u, i);
			continue;
		}
		if (last != RECIPIENT_SET_FREE && last < u->oldest)
			u->oldest = last;
		i++;
	}
}

static void
put(struct recipient_set *u, uint64_t digest, int64_t last)
{
	struct recipient_slot *s;

	if (u->size == 0)
		return;
	s = probe(u, digest);
	if (s->last == RECIPIENT_SET_FREE) {
		if (u->used + 1 == u->size) /* one stays free: probes end */
			return;
		if (u->used == 0)
			u->oldest = u->newest = last;
		u->used++;
	}
	*s = (struct recipient_slot){ .digest = digest, .last = last };
	u->oldest = last < u->oldest ? last : u->oldest;
	u->newest = last > u->newest ? last : u->newest;
}

static int
resize(struct recipient_set *u, size_t size)
{
	struct recipient_set old = *u;

	u->slot = reallocarray(NULL, size, sizeof(*u->slot));
	if (u->slot == NULL) {
		u->slot = old.slot;
		return -1;
	}
	u->size = size;
	clear(u);
	for (size_t i = 0; i < old.size; i++)
		if (old.slot[i].last != RECIPIENT_SET_FREE)
			put(u, old.slot[i].digest, old.slot[i].last);
	free(old.slot);
	return 0;
}

int
recipient_set_reserve(struct recipient_set *u, size_t more, int64_t now)
{
	size_t want = SIZE_MIN;

	sweep(u, now);
	if (more > SIZE_MAX / sizeof(*u->slot) / 8)
		return -1;
	while (want / 2 < u->used + more)
		want *= 2;
	if (u->size / 2 >= u->used + more && u->size / 8 <= want)
		return 0;
	return resize(u, want);
}

uint64_t
recipient_set_used(const struct recipient_set *u, int64_t now)
{
	uint64_t n = 0;

	if (u->used == 0 || !has_left(u, u->oldest, now))
		return u->used;
	for (size_t i = 0; i < u->size; i++)
		if (u->slot[i].last != RECIPIENT_SET_FREE &&
		    !has_left(u, u->slot[i].last, now))
			n++;
	return n;
}

uint64_t
recipient_set_new(const struct recipient_set *u, const uint64_t *digest,
    size_t n, int64_t now)
{
	uint64_t fresh = 0;

	for (size_t i = 0; i < n; i++)
		if (known(u, digest[i], now) == RECIPIENT_SET_FREE)
			fresh++;
	return fresh;
}

void
recipient_set_add(struct recipient_set *u, const uint64_t *digest, size_t n,
    int64_t now, const struct zone *zone)
{
	int64_t start, end, at = now;

	sweep(u, now);
	if (u->used > 0 && u->newest > at)
		at = u->newest;
	for (size_t i = 0; i < n; i++)
		put(u, digest[i], at);
	if (!u->spec.calendar || n == 0)
		return;
	zone_period(zone, u->spec.period, now, &start, &end);
	u->end = end > u->end ? end : u->end;
}

bool
recipient_set_restore(struct recipient_set *u, uint64_t digest, int64_t last)
{
	size_t before = u->used;

	if (u->size == 0 || probe(u, digest)->last != RECIPIENT_SET_FREE)
		return false;
	put(u, digest, last);
	return u->used > before;
}

/* A radix search, from the highest byte to the lowest. */
struct radix {
	uint64_t prefix; /* the bytes above shift, which are known */
	unsigned shift;
	uint64_t bin[256]; /* how many go on with which byte */
};

/*
 * Counts, by the byte at shift, who stays for a time whose higher bytes are
 * those of prefix: one step of a radix selection, which needs no memory.
 */
static void
histogram(const struct recipient_set *u, const uint64_t *digest, size_t n,
    int64_t now, struct radix *r)
{
	uint64_t high = r->shift == 56 ? 0 : UINT64_MAX << (r->shift + 8);

	memset(r->bin, 0, sizeof(r->bin));
	for (size_t i = 0; i < u->size; i++) {
		uint64_t t = u->slot[i].last == RECIPIENT_SET_FREE
				 ? 0
				 : stays(u, u->slot[i].last, now);

		if (t != 0 && (t & high) == r->prefix)
			r->bin[t >> r->shift & 255]++;
	}
	for (size_t i = 0; i < n; i++) {
		int64_t last = known(u, digest[i], now);
		uint64_t t =
		    last == RECIPIENT_SET_FREE ? 0 : stays(u, last, now);

		if (t != 0 && (t & high) == r->prefix)
			r->bin[t >> r->shift & 255]--;
	}
}

/* How long until the k-th of those beside the n digests has left. */
static uint64_t
kth_leaves(const struct recipient_set *u, const uint64_t *digest, size_t n,
    uint64_t k, int64_t now)
{
	struct radix r = { .shift = 64 };

	while (r.shift > 0) {
		uint64_t byte = 0;

		r.shift -= 8;
		histogram(u, digest, n, now, &r);
		while (byte < 255 && r.bin[byte] < k)
			k -= r.bin[byte++];
		r.prefix |= byte << r.shift;
	}
	return r.prefix;
}

int64_t
recipient_set_fits_at(const struct recipient_set *u, const uint64_t *digest,
    size_t n, uint64_t remaining, int64_t now)
{
	uint64_t beside = recipient_set_used(u, now) -
			  (n - recipient_set_new(u, digest, n, now));

	if (beside <= remaining)
		return now;
	if (u->spec.calendar)
		return u->end;
	return now + (int64_t)kth_leaves(u, digest, n, beside - remaining, now);
}

int
recipient_set_inherit(struct recipient_set *u, const struct recipient_set *from,
    int64_t now, const struct zone *zone)
{
	int64_t start = now - u->spec.length + 1, end = u->end;

	if (recipient_set_reserve(u, from->used, now) == -1)
		return -1;
	if (u->spec.calendar)
		zone_period(zone, u->spec.period,
		    from->used > 0 && from->newest > now ? from->newest : now,
		    &start, &end);
	for (size_t i = 0; i < from->size; i++) {
		const struct recipient_slot *s = &from->slot[i];
		int64_t last;

		if (s->last == RECIPIENT_SET_FREE || s->last < start ||
		    has_left(from, s->last, now))
			continue;
		last = u->used == 0 ? RECIPIENT_SET_FREE
				    : probe(u, s->digest)->last;
		put(u, s->digest, last > s->last ? last : s->last);
		u->end = end > u->end ? end : u->end;
	}
	return 0;
}

int
recipient_set_merge(
    struct recipient_set *u, const struct recipient_set *from, int64_t now)
{
	if (recipient_set_reserve(u, from->used, now) == -1)
		return -1;
	for (size_t i = 0; i < from->size; i++) {
		const struct recipient_slot *s = &from->slot[i];
		int64_t last;

		if (s->last == RECIPIENT_SET_FREE ||
		    has_left(from, s->last, now))
			continue;
		last = known(u, s->digest, now);
		put(u, s->digest, last > s->last ? last : s->last);
	}
	if (from->end > u->end)
		u->end = from->end;
	return 0;
}
