/*
 * transaction.c - one mail transaction, as the mail server told it.
 *
 * Recipients are kept in the order of their digests: so the same one named
 * twice is found without a table, and the meter gets them without a double.
 */
#include <stdlib.h>
#include <string.h>

#include "transaction.h"

void
txn_begin(struct txn *t)
{
	t->login[0] = '\0';
	memset(&t->sender, 0, sizeof(t->sender));
	t->submitted = t->by_id = false;
	t->queue_id[0] = '\0';
	t->bytes = 0;
	t->nrcpt = 0;
	t->nexternal = 0;
}

void
txn_end(struct txn *t)
{
	free(t->rcpt);
	t->rcpt = NULL;
	t->nrcpt = t->room = t->nexternal = 0;
}

/* place - index of the first recipient whose digest is not below digest */
static size_t
place(const struct txn *t, uint64_t digest)
{
	size_t low = 0, high = t->nrcpt;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->rcpt[mid].digest < digest)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
txn_has(const struct txn *t, uint64_t digest)
{
	size_t i = place(t, digest);

	return i < t->nrcpt && t->rcpt[i].digest == digest;
}

int
txn_add(struct txn *t, uint64_t digest, bool external)
{
	size_t i = place(t, digest);

	if (i < t->nrcpt && t->rcpt[i].digest == digest)
		return 0;
	if (t->nrcpt == t->room) {
		size_t room = t->room == 0 ? 8 : 2 * t->room;
		struct txn_rcpt *more;

		more = reallocarray(t->rcpt, room, sizeof(*more));
		if (more == NULL)
			return -1;
		t->rcpt = more;
		t->room = room;
	}
	memmove(
	    &t->rcpt[i + 1], &t->rcpt[i], (t->nrcpt - i) * sizeof(t->rcpt[0]));
	t->rcpt[i] = (struct txn_rcpt){ digest, external };
	t->nrcpt++;
	if (external)
		t->nexternal++;
	return 0;
}
