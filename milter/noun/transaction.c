/*
 * transaction.c - one mail transaction, as the mail server told it.
 *
 * Digests are kept sorted and without doubles as recipients come, so a bill
 * points at them as they are: what a message costs at RCPT does not grow with
 * the recipients before.
 */
#include <stdlib.h>
#include <string.h>

#include "transaction.h"

void
txn_begin(struct txn *t)
{
	t->login[0] = '\0';
	memset(&t->sender, 0, sizeof(t->sender));
	t->submitted = t->relayed = t->by_id = t->was_held = false;
	t->queue_id[0] = t->mark[0] = '\0';
	t->bytes = 0;
	for (int way = 0; way < TXN_WAYS; way++)
		t->rcpts[way].count = t->rcpts[way].n = 0;
}

void
txn_end(struct txn *t)
{
	for (int way = 0; way < TXN_WAYS; way++) {
		free(t->rcpts[way].digest);
		t->rcpts[way] = (struct txn_rcpts){ 0 };
	}
}

/* txn_place - index of the first digest that is not below digest */
static size_t
txn_place(const struct txn_rcpts *r, uint64_t digest)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->digest[mid] < digest)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int
reserve_one(struct txn_rcpts *r)
{
	size_t capacity = r->capacity == 0 ? 8 : 2 * r->capacity;
	uint64_t *more;

	if (r->n < r->capacity)
		return 0;
	more = reallocarray(r->digest, capacity, sizeof(*more));
	if (more == NULL)
		return -1;
	r->digest = more;
	r->capacity = capacity;
	return 0;
}

/* insert - true if the digest was not there before */
static bool
insert(struct txn_rcpts *r, uint64_t digest)
{
	size_t i = txn_place(r, digest);

	r->count++;
	if (i < r->n && r->digest[i] == digest)
		return false;
	memmove(&r->digest[i + 1], &r->digest[i],
	    (r->n - i) * sizeof(r->digest[0]));
	r->digest[i] = digest;
	r->n++;
	return true;
}

int
txn_add(struct txn *t, uint64_t digest, enum txn_way way)
{
	for (int w = 0; w <= (int)way; w++)
		if (reserve_one(&t->rcpts[w]) == -1)
			return -1;
	for (int w = 0; w <= (int)way; w++)
		t->last_was_new[w] = insert(&t->rcpts[w], digest);
	t->last = digest;
	t->last_way = way;
	return 0;
}

void
txn_undo(struct txn *t)
{
	for (int w = 0; w <= (int)t->last_way; w++) {
		struct txn_rcpts *r = &t->rcpts[w];
		size_t i = txn_place(r, t->last);

		r->count--;
		if (!t->last_was_new[w])
			continue;
		r->n--;
		memmove(&r->digest[i], &r->digest[i + 1],
		    (r->n - i) * sizeof(r->digest[0]));
	}
}

size_t
txn_count(const struct txn *t, enum txn_way way)
{
	return t->rcpts[way].count;
}
