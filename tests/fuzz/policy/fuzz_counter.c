/*
 * fuzz_counter.c - bytes from a disk may be anything; what is taken for a
 * counter must answer every question and pack to bytes that say the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "counter.h"

#define NOW (INT64_C(1774742400) * SECOND)

static void
expect(bool truth)
{
	if (!truth)
		abort();
}

static void
pack_and_back(const struct counter *c)
{
	size_t len = counter_pack(c, NULL, 0);
	uint8_t *bytes = malloc(len);
	struct counter *back;
	struct why why;

	expect(bytes != NULL);
	expect(counter_pack(c, bytes, len) == len);
	back = counter_unpack(bytes, len, &why);
	expect(back != NULL && back->nslot == c->nslot);
	expect(counter_pack(back, NULL, 0) == len);
	expect(counter_idle(back, NOW) == counter_idle(c, NOW));
	counter_free(&back);
	free(bytes);
}

static void
use_slot(struct slot *s, const struct zone *zone)
{
	uint64_t digest[] = { 1, 2, 3 };

	if (s->dim == DIM_UNIQUE) {
		expect(recipient_set_used(&s->uniq, NOW) <= s->uniq.used);
		expect(
		    recipient_set_fits_at(&s->uniq, digest, 3, 1, NOW) >= NOW);
		recipient_set_add(&s->uniq, digest, 3, NOW, zone);
		expect(recipient_set_new(&s->uniq, digest, 3, NOW) == 0);
		return;
	}
	expect(window_fits_at(&s->sum, 1, NOW) >= NOW);
	window_add(&s->sum, 1, NOW, zone);
	expect(window_used(&s->sum, NOW) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct zone *utc;
	struct why why = WHY_NONE;
	struct counter *c;

	if (utc == NULL)
		utc = zone_load("UTC", &why);
	expect(utc != NULL);
	if ((c = counter_unpack(data, size, &why)) == NULL) {
		expect(why.text[0] != '\0');
		return 0;
	}
	pack_and_back(c);
	expect(counter_reserve(c, 3, NOW) == 0);
	for (size_t i = 0; i < c->nslot; i++)
		use_slot(&c->slot[i], utc);
	pack_and_back(c);
	counter_free(&c);
	return 0;
}
