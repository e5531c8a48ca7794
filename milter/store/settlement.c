/*
 * settlement.c - what a lease held, against what left.
 *
 * The provider counts a message when it has taken it, which is at some time
 * between lease and settlement.  So it counts from the lease on, and until its
 * window has passed since the settlement: what left is dated anew.
 */
#include <string.h>

#include "backend.h"

int64_t
settlement_until(const struct bill *b)
{
	int64_t until = b->now, start, end;

	for (size_t i = 0; i < b->nline; i++) {
		const struct policy *p = b->line[i].policy;

		for (size_t k = 0; k < p->nlimit; k++) {
			const struct window_spec *w = &p->limit[k].window;

			end = b->now + w->length;
			if (w->calendar)
				zone_period(
				    b->zone, w->period, b->now, &start, &end);
			until = end > until ? end : until;
		}
	}
	return until;
}

void
settlement_bill(struct bill *b, const struct lease *l,
    const struct settlement *left, uint64_t returned_r[DIM_COUNT])
{
	const uint64_t had[DIM_COUNT] = { [DIM_MESSAGES] = l->messages,
		[DIM_RECIPIENTS] = l->recipients,
		[DIM_BYTES] = l->bytes };
	const uint64_t is[DIM_COUNT] = { [DIM_MESSAGES] = left->messages,
		[DIM_RECIPIENTS] = left->recipients,
		[DIM_BYTES] = left->bytes };

	memcpy(returned_r, had, sizeof(had));
	b->ncommon = b->nline;
	b->nchoice = 0;
	for (size_t i = 0; i < b->nline; i++) {
		struct bill_line *line = &b->line[i];

		memcpy(line->cost, is, sizeof(is));
		line->rcpt = NULL;
		line->nrcpt = 0;
	}
}
