/*
 * lease_table.c - the open leases, in order of id.
 *
 * Postfix has as many as it has deliveries under way; Sendmail tells no
 * outcome, so its leases stay until they expire, and there may be very many.
 */
#include <stdlib.h>
#include <string.h>

#include "lease_table.h"

/* A lease without the slack of its texts. */
struct kept {
	int64_t when, until;
	uint64_t messages, recipients, bytes;
	char text[]; /* smarthost, owner, sender, each with its NUL */
};

enum writing { WRITING_NOTHING, WRITING_PUT, WRITING_DROP };

struct entry {
	uint64_t id;
	struct kept *kept;    /* NULL: ended */
	bool stored;          /* the database has a row of it */
	enum writing writing; /* by the flush under way */
};

struct lease_table {
	struct entry *entry; /* ascending id */
	size_t n, capacity;
	size_t nended;   /* among them */
	size_t hand;     /* of lease_table_sweep */
	size_t nchanged; /* added or ended since the last flush, at least */
};

struct lease_table *
lease_table_new(void)
{
	return calloc(1, sizeof(struct lease_table));
}

void
lease_table_free(struct lease_table **tp)
{
	struct lease_table *t = *tp;

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->entry[i].kept);
	free(t->entry);
	free(t);
	*tp = NULL;
}

/* Lets entries go that nobody needs, when they are most of the array. */
static void
compact(struct lease_table *t)
{
	size_t n = 0;

	if (t->nended < 16 || t->nended < t->n / 2)
		return;
	for (size_t i = 0; i < t->n; i++) {
		const struct entry *e = &t->entry[i];

		if (e->kept != NULL || e->stored ||
		    e->writing != WRITING_NOTHING)
			t->entry[n++] = *e;
	}
	t->nended -= t->n - n;
	t->n = n;
	t->hand = 0;
}

/* Index of the first entry that is not below id. */
static size_t
lease_table_place(const struct lease_table *t, uint64_t id)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->entry[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct kept *
kept_new(const struct lease *l, int64_t until)
{
	size_t nsmarthost = strlen(l->smarthost) + 1;
	size_t nowner = strlen(l->owner) + 1, nsender = strlen(l->sender) + 1;
	struct kept *k = malloc(sizeof(*k) + nsmarthost + nowner + nsender);

	if (k == NULL)
		return NULL;
	k->when = l->when;
	k->until = until;
	k->messages = l->messages;
	k->recipients = l->recipients;
	k->bytes = l->bytes;
	memcpy(k->text, l->smarthost, nsmarthost);
	memcpy(k->text + nsmarthost, l->owner, nowner);
	memcpy(k->text + nsmarthost + nowner, l->sender, nsender);
	return k;
}

static struct lease
lease_of(const struct entry *e)
{
	const struct kept *k = e->kept;
	struct lease l = { .id = e->id };
	const char *owner, *sender;

	if (k == NULL)
		return l;
	l.when = k->when;
	l.messages = k->messages;
	l.recipients = k->recipients;
	l.bytes = k->bytes;
	owner = k->text + strlen(k->text) + 1;
	sender = owner + strlen(owner) + 1;
	memcpy(l.smarthost, k->text, (size_t)(owner - k->text));
	memcpy(l.owner, owner, (size_t)(sender - owner));
	memcpy(l.sender, sender, strlen(sender) + 1);
	return l;
}

int
lease_table_add(
    struct lease_table *t, const struct lease *l, int64_t until, bool stored)
{
	struct kept *k = kept_new(l, until);

	compact(t);
	if (k != NULL && t->n == t->capacity) {
		size_t capacity = t->capacity == 0 ? 64 : 2 * t->capacity;
		struct entry *e = reallocarray(t->entry, capacity, sizeof(*e));

		if (e == NULL) {
			free(k);
			return -1;
		}
		t->entry = e;
		t->capacity = capacity;
	}
	if (k == NULL)
		return -1;
	t->entry[t->n++] =
	    (struct entry){ .id = l->id, .kept = k, .stored = stored };
	t->nchanged += !stored;
	return 0;
}

bool
lease_table_next(
    const struct lease_table *t, uint64_t id, int64_t now, struct lease *l_r)
{
	for (size_t i = lease_table_place(t, id + 1); i < t->n; i++) {
		const struct entry *e = &t->entry[i];

		if (e->kept == NULL || e->kept->until <= now)
			continue;
		*l_r = lease_of(e);
		return true;
	}
	return false;
}

bool
lease_table_get(
    const struct lease_table *t, uint64_t id, int64_t now, struct lease *l_r)
{
	size_t i = lease_table_place(t, id);
	const struct entry *e = &t->entry[i];

	if (i == t->n || e->id != id || e->kept == NULL ||
	    e->kept->until <= now)
		return false;
	*l_r = lease_of(e);
	return true;
}

static void
entry_end(struct lease_table *t, struct entry *e)
{
	free(e->kept);
	e->kept = NULL;
	t->nended++;
	t->nchanged++;
}

void
lease_table_end(struct lease_table *t, uint64_t id)
{
	size_t i = lease_table_place(t, id);

	if (i < t->n && t->entry[i].id == id && t->entry[i].kept != NULL)
		entry_end(t, &t->entry[i]);
}

void
lease_table_sweep(struct lease_table *t, int64_t now)
{
	for (int i = 0; i < 2 && t->n > 0; i++) {
		struct entry *e = &t->entry[t->hand++ % t->n];

		if (e->kept != NULL && e->kept->until <= now)
			entry_end(t, e);
	}
}

bool
lease_table_flush(struct lease_table *t, uint64_t id, struct lease_change *c_r)
{
	if (t->nchanged == 0)
		return false;
	for (size_t i = lease_table_place(t, id + 1); i < t->n; i++) {
		struct entry *e = &t->entry[i];

		if ((e->kept != NULL) == e->stored)
			continue;
		e->writing = e->stored ? WRITING_DROP : WRITING_PUT;
		c_r->drop = e->stored;
		c_r->until = e->stored ? 0 : e->kept->until;
		c_r->lease = lease_of(e);
		return true;
	}
	return false;
}

void
lease_table_flushed(struct lease_table *t, bool written)
{
	size_t nchanged = 0;

	if (t->nchanged == 0)
		return;
	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = &t->entry[i];

		if (written && e->writing != WRITING_NOTHING)
			e->stored = e->writing == WRITING_PUT;
		e->writing = WRITING_NOTHING;
		nchanged += (e->kept != NULL) != e->stored;
	}
	t->nchanged = nchanged;
}
