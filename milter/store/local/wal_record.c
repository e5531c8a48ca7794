/*
 * wal_record.c - one applied operation as bytes.
 *
 * Several lines of a bill often count the same recipients.  A list is written
 * once and lines name it by number, so a message costs its recipients once in
 * the journal, however many limits it touches.
 */
#include <string.h>

#include "big_endian.h"
#include "wal_record.h"

#define NO_LIST 255

/* --- out ----------------------------------------------------------------- */

struct out {
	uint8_t *p;
	size_t left;
	bool full;
};

static void
wal_record_put(struct out *o, const void *bytes, size_t n)
{
	if (o->full || n > o->left) {
		o->full = true;
		return;
	}
	memcpy(o->p, bytes, n);
	o->p += n;
	o->left -= n;
}

static void
put_u8(struct out *o, size_t v)
{
	uint8_t b = (uint8_t)v;

	wal_record_put(o, &b, 1);
}

static void
put_be64(struct out *o, uint64_t v)
{
	uint8_t big[sizeof(v)];

	be64_put(big, v);
	wal_record_put(o, big, sizeof(big));
}

static void
put_text(struct out *o, const char *s)
{
	wal_record_put(o, s, strlen(s) + 1);
}

/* Does line i bring a list that no line before it brought? */
static bool
is_new_list(const struct wal_record *rec, size_t i)
{
	if (rec->line[i].nrcpt == 0)
		return false;
	for (size_t k = 0; k < i; k++)
		if (rec->line[k].rcpt == rec->line[i].rcpt &&
		    rec->line[k].nrcpt == rec->line[i].nrcpt)
			return false;
	return true;
}

static size_t
list_of(const struct wal_record *rec, size_t i)
{
	size_t n = 0;

	if (rec->line[i].nrcpt == 0)
		return NO_LIST;
	for (size_t k = 0; k < i; k++) {
		if (rec->line[k].rcpt == rec->line[i].rcpt &&
		    rec->line[k].nrcpt == rec->line[i].nrcpt)
			break;
		n += is_new_list(rec, k);
	}
	return n;
}

static void
put_lists(struct out *o, const struct wal_record *rec)
{
	size_t n = 0;

	for (size_t i = 0; i < rec->nline; i++)
		n += is_new_list(rec, i);
	put_u8(o, n);
	for (size_t i = 0; i < rec->nline; i++) {
		if (!is_new_list(rec, i))
			continue;
		put_be64(o, rec->line[i].nrcpt);
		for (size_t k = 0; k < rec->line[i].nrcpt; k++)
			put_be64(o, rec->line[i].rcpt[k]);
	}
}

static bool
has_costs(enum wal_record_kind kind)
{
	return kind == WAL_CHARGE || kind == WAL_LEASE || kind == WAL_SETTLE;
}

static void
put_lease(struct out *o, const struct wal_record *rec)
{
	const struct lease *l = &rec->lease;

	put_be64(o, (uint64_t)rec->lease_until);
	put_text(o, l->smarthost);
	put_text(o, l->owner);
	put_text(o, l->sender);
	put_be64(o, l->messages);
	put_be64(o, l->recipients);
	put_be64(o, l->bytes);
}

static void
put_settlement(struct out *o, const struct wal_record *rec)
{
	put_be64(o, rec->lease.id);
	put_be64(o, (uint64_t)rec->lease.when);
	for (size_t i = 0; i < DIM_COUNT; i++)
		put_be64(o, rec->returned[i]);
}

static void
put_line(struct out *o, const struct wal_record *rec, size_t i)
{
	const struct wal_record_line *l = &rec->line[i];

	put_text(o, l->policy);
	put_text(o, l->key);
	if (has_costs(rec->kind)) {
		put_u8(o, l->observed);
		put_be64(o, l->cost[DIM_MESSAGES]);
		put_be64(o, l->cost[DIM_RECIPIENTS]);
		put_be64(o, l->cost[DIM_BYTES]);
		put_u8(o, list_of(rec, i));
	} else if (rec->kind == WAL_LOCK) {
		put_be64(o, (uint64_t)l->until);
	}
}

size_t
wal_record_pack(const struct wal_record *rec, uint8_t *dst, size_t size)
{
	struct out o = { .p = dst, .left = size };

	put_u8(&o, rec->kind);
	put_be64(&o, (uint64_t)rec->now);
	if (rec->kind == WAL_CHARGE) {
		put_text(&o, rec->bound);
		put_text(&o, rec->smarthost);
	} else if (rec->kind == WAL_LEASE) {
		put_lease(&o, rec);
	} else if (rec->kind == WAL_SETTLE) {
		put_settlement(&o, rec);
	} else if (rec->kind == WAL_GRANT) {
		put_u8(&o, rec->grant.dim);
		put_be64(&o, rec->grant.extra);
		put_be64(&o, (uint64_t)rec->grant.until);
		put_be64(&o, (uint64_t)rec->grant.window);
	}
	if (has_costs(rec->kind))
		put_lists(&o, rec);
	put_u8(&o, rec->nline);
	for (size_t i = 0; i < rec->nline; i++)
		put_line(&o, rec, i);
	return o.full ? 0 : size - o.left;
}

/* --- in ------------------------------------------------------------------ */

/* Once bad, everything further is 0 and it stays bad. */
struct in {
	const uint8_t *p;
	size_t left;
	bool bad;
};

/* The next n bytes; NULL if so many are not left. */
static const uint8_t *
wal_record_get(struct in *in, size_t n)
{
	const uint8_t *p = in->p;

	if (in->bad || n > in->left) {
		in->bad = true;
		return NULL;
	}
	in->p += n;
	in->left -= n;
	return p;
}

static uint64_t
get_be64(struct in *in)
{
	const uint8_t *p = wal_record_get(in, sizeof(uint64_t));

	return p != NULL ? be64_get(p) : 0;
}

/* A byte that is at most max. */
static size_t
get_u8(struct in *in, size_t max)
{
	const uint8_t *p = wal_record_get(in, 1);
	const size_t v = p != NULL ? *p : 0;

	if (v <= max)
		return v;
	in->bad = true;
	return 0;
}

static const char *
get_text(struct in *in)
{
	const char *s = (const char *)in->p;
	const uint8_t *end =
	    in->bad || in->left == 0 ? NULL : memchr(in->p, 0, in->left);

	if (end == NULL) {
		in->bad = true;
		return "";
	}
	in->left -= (size_t)(end + 1 - in->p);
	in->p = end + 1;
	return s;
}

struct list {
	const uint64_t *digest;
	size_t n;
};

static size_t
get_lists(struct in *in, struct list list[BILL_LINES], uint64_t *digest)
{
	size_t n = get_u8(in, BILL_LINES);

	for (size_t i = 0; i < n; i++) {
		uint64_t len = get_be64(in);

		if (len > in->left / 8) {
			in->bad = true;
			return 0;
		}
		list[i] = (struct list){ digest, (size_t)len };
		while (len-- > 0)
			*digest++ = get_be64(in);
	}
	return n;
}

static void
get_charge(struct in *in, struct wal_record_line *l, const struct list *list,
    size_t nlist)
{
	size_t k;

	l->observed = get_u8(in, 1) == 1;
	l->cost[DIM_MESSAGES] = get_be64(in);
	l->cost[DIM_RECIPIENTS] = get_be64(in);
	l->cost[DIM_BYTES] = get_be64(in);
	k = get_u8(in, NO_LIST);
	if (k == NO_LIST)
		return;
	if (k >= nlist) {
		in->bad = true;
		return;
	}
	l->rcpt = list[k].digest;
	l->nrcpt = list[k].n;
}

/* A text that must fit a field of that size. */
static void
get_field(struct in *in, char *dst, size_t size)
{
	const char *s = get_text(in);
	size_t n = strlen(s) + 1;

	if (n > size) {
		in->bad = true;
		return;
	}
	memcpy(dst, s, n);
}

static void
get_lease(struct in *in, struct wal_record *rec)
{
	struct lease *l = &rec->lease;

	rec->lease_until = (int64_t)get_be64(in);
	l->when = rec->now;
	get_field(in, l->smarthost, sizeof(l->smarthost));
	get_field(in, l->owner, sizeof(l->owner));
	get_field(in, l->sender, sizeof(l->sender));
	l->messages = get_be64(in);
	l->recipients = get_be64(in);
	l->bytes = get_be64(in);
}

static void
get_settlement(struct in *in, struct wal_record *rec)
{
	rec->lease.id = get_be64(in);
	rec->lease.when = (int64_t)get_be64(in);
	for (size_t i = 0; i < DIM_COUNT; i++)
		rec->returned[i] = get_be64(in);
}

bool
wal_record_unpack(
    struct wal_record *rec_r, const uint8_t *src, size_t len, uint64_t *digest)
{
	struct in in = { .p = src, .left = len };
	struct list list[BILL_LINES];
	size_t nlist = 0;

	memset(rec_r, 0, sizeof(*rec_r));
	rec_r->bound = rec_r->smarthost = "";
	rec_r->kind = (enum wal_record_kind)get_u8(&in, WAL_SETTLE);
	rec_r->now = (int64_t)get_be64(&in);
	if (rec_r->kind == WAL_CHARGE) {
		rec_r->bound = get_text(&in);
		rec_r->smarthost = get_text(&in);
	} else if (rec_r->kind == WAL_LEASE) {
		get_lease(&in, rec_r);
	} else if (rec_r->kind == WAL_SETTLE) {
		get_settlement(&in, rec_r);
	} else if (rec_r->kind == WAL_GRANT) {
		rec_r->grant.dim = (enum dimension)get_u8(&in, DIM_COUNT - 1);
		rec_r->grant.extra = get_be64(&in);
		rec_r->grant.until = (int64_t)get_be64(&in);
		rec_r->grant.window = (int64_t)get_be64(&in);
	}
	if (has_costs(rec_r->kind))
		nlist = get_lists(&in, list, digest);
	rec_r->nline = get_u8(&in, BILL_LINES);
	for (size_t i = 0; i < rec_r->nline; i++) {
		struct wal_record_line *l = &rec_r->line[i];

		l->policy = get_text(&in);
		l->key = get_text(&in);
		if (has_costs(rec_r->kind))
			get_charge(&in, l, list, nlist);
		else if (rec_r->kind == WAL_LOCK)
			l->until = (int64_t)get_be64(&in);
	}
	return !in.bad && in.left == 0 && rec_r->kind >= WAL_CHARGE;
}
