/*
 * settlement.c - what a lease held, against what left.
 */
#include <string.h>

#include "backend.h"

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
	uint64_t excess[DIM_COUNT];

	for (size_t i = 0; i < DIM_COUNT; i++) {
		returned_r[i] = had[i] > is[i] ? had[i] - is[i] : 0;
		excess[i] = is[i] > had[i] ? is[i] - had[i] : 0;
	}
	b->ncommon = b->nline;
	b->nchoice = 0;
	for (size_t i = 0; i < b->nline; i++) {
		struct bill_line *line = &b->line[i];

		memcpy(line->cost, excess, sizeof(excess));
		line->rcpt = NULL;
		line->nrcpt = 0;
	}
}
