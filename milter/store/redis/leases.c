/*
 * leases.c - what exits were given: a record each, and one set that names the
 * open ones in order of time.
 *
 * Whoever settles a lease swaps its record away together with the counters: so
 * of two daemons one settles it, and the other hears that there is none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "work.h"

#define BATCH 100 /* leases that one reply brings */
#define ID_TEXT 17

static const char *
lease_key(char dst[REDIS_KEY], uint64_t id)
{
	snprintf(dst, REDIS_KEY, REDIS_LEASES "%016" PRIx64, id);
	return dst;
}

/* --- "UNTIL WHEN MESSAGES RECIPIENTS BYTES NUL SMARTHOST NUL OWNER NUL SENDER"
 */

struct lease_text {
	size_t len;
	char bytes[sizeof(struct lease) + 128];
};

static void
lease_pack(const struct lease *l, int64_t until, struct lease_text *t)
{
	t->len = (size_t)snprintf(t->bytes, sizeof(t->bytes),
	    "%" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	    "%c%s%c%s%c%s",
	    until, l->when, l->messages, l->recipients, l->bytes, 0,
	    l->smarthost, 0, l->owner, 0, l->sender);
}

/* False: that is no lease. */
static bool
lease_unpack(const char *bytes, size_t len, struct lease *l_r, int64_t *until_r)
{
	struct lease_text t;
	const char *part[4] = { t.bytes };
	size_t at = 0;

	if (len >= sizeof(t.bytes))
		return false;
	memcpy(t.bytes, bytes, len);
	t.bytes[len] = '\0';
	for (size_t i = 1; i < 4; i++) {
		at += strlen(t.bytes + at) + 1;
		if (at > len)
			return false;
		part[i] = t.bytes + at;
	}
	memset(l_r, 0, sizeof(*l_r));
	snprintf(l_r->smarthost, sizeof(l_r->smarthost), "%s", part[1]);
	snprintf(l_r->owner, sizeof(l_r->owner), "%s", part[2]);
	snprintf(l_r->sender, sizeof(l_r->sender), "%s", part[3]);
	return sscanf(part[0],
		   "%" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   until_r, &l_r->when, &l_r->messages, &l_r->recipients,
		   &l_r->bytes) == 5;
}

/* The lease of a record, if it has not ended. */
static bool
read_lease(const struct redis_record *r, int64_t now, struct lease *l_r)
{
	size_t len;
	const char *content = work_content(r, &len);
	int64_t until;

	if (content == NULL || !lease_unpack(content, len, l_r, &until))
		return false;
	l_r->id = strtoull(r->key + strlen(REDIS_LEASES), NULL, 16);
	return until > now;
}

static bool
list_lease(struct redis_work *w, const struct lease *l)
{
	char member[ID_TEXT], score[24];
	struct redis_word words[4] = { { "ZADD", 4, NULL },
		{ REDIS_OPEN, strlen(REDIS_OPEN), NULL }, { score, 0, NULL },
		{ member, ID_TEXT - 1, NULL } };

	snprintf(member, sizeof(member), "%016" PRIx64, l->id);
	words[2].len =
	    (size_t)snprintf(score, sizeof(score), "%" PRId64, l->when);
	return work_command(w, 4, words);
}

bool
redis_unlist_lease(struct redis_work *w, const char *id)
{
	const struct redis_word words[3] = { { "ZREM", 4, NULL },
		{ REDIS_OPEN, strlen(REDIS_OPEN), NULL },
		{ id, strlen(id), NULL } };

	return work_command(w, 3, words);
}

/* --- making one --------------------------------------------------------- */

struct leasing {
	const struct bill *bill;
	struct lease *lease;
	uint64_t id;
	struct decision *d_r;
};

static enum store_answer
make_lease(struct redis_work *w, void *arg, struct why *why)
{
	const struct leasing *l = arg;
	struct lease_text text;
	struct redis_hand h;
	enum store_answer a = redis_gather(w, l->bill, &h, why);
	char key[REDIS_KEY];
	int64_t until;

	l->lease->id = 0;
	if (a != STORE_OK ||
	    (a = redis_spend(w, &h, "", l->d_r, why)) != STORE_OK)
		return a;
	if (!l->d_r->fits)
		return STORE_OK;
	l->lease->id = l->id;
	l->lease->when = h.bill.now;
	until = settlement_until(&h.bill);
	lease_pack(l->lease, until, &text);
	if (work_set(w, lease_key(key, l->id), text.bytes, text.len) &&
	    list_lease(w, l->lease))
		return STORE_OK;
	/* What is spent stays spent: nobody was given anything for it. */
	l->lease->id = 0;
	why_set(why, "out of memory");
	return STORE_FAILED;
}

enum store_answer
redis_lease(struct store *st, const struct bill *b, struct lease *lease,
    struct decision *d_r, struct why *why)
{
	struct redis_store *s = redis_of(st);
	struct leasing l = { b, lease, 0, d_r };
	enum store_answer a;

	while (l.id == 0)
		if (getrandom(&l.id, sizeof(l.id), 0) != sizeof(l.id)) {
			why_set(why, "the system has no random numbers");
			return STORE_FAILED;
		}
	a = redis_call(s, make_lease, &l, s->timeout, why);
	if (a != STORE_OK)
		lease->id = 0;
	redis_count(s, a, d_r);
	return a;
}

/* --- settling it -------------------------------------------------------- */

struct settling {
	const struct bill *bill;
	uint64_t id;
	const struct settlement *left;
};

/* All counters of the bill; one that was forgotten is made if it is charged. */
static bool
gather_all(struct redis_work *w, const struct bill *b, struct redis_hand *h,
    struct why *why)
{
	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];

		if (work_counter(w, l->policy, l->key, &h->record[i], why) ==
			STORE_FAILED ||
		    work_adapt(h->record[i], l->policy, b->now, b->zone, why) ==
			STORE_FAILED)
			return false;
		if (h->record[i]->counter == NULL && !quota_is_free(l)) {
			h->record[i]->counter = counter_new(l->policy);
			if (h->record[i]->counter == NULL) {
				why_set(why, "out of memory");
				return false;
			}
		}
	}
	for (size_t i = 0; i < b->nline; i++)
		h->counter[i] = h->record[i]->counter;
	return true;
}

static enum store_answer
settle_lease(struct redis_work *w, void *arg, struct why *why)
{
	const struct settling *s = arg;
	struct decision d = { .fits = true };
	struct redis_hand h = { .bill = *s->bill };
	uint64_t returned[DIM_COUNT];
	char key[REDIS_KEY];
	struct redis_record *r = work_record(w, lease_key(key, s->id));
	struct lease lease;

	h.bill.now = work_now(w, s->bill->now);
	if (r == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	if (!read_lease(r, h.bill.now, &lease))
		return STORE_NONE;
	settlement_bill(&h.bill, &lease, s->left, returned);
	if (!gather_all(w, &h.bill, &h, why))
		return STORE_FAILED;
	if (!redis_unlist_lease(w, key + strlen(REDIS_LEASES)) ||
	    !work_delete(w, key)) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	work_time(w, h.bill.now);
	for (size_t i = 0; i < h.bill.nline; i++)
		if (h.counter[i] != NULL) {
			counter_return(
			    h.counter[i], returned, lease.when, h.bill.zone);
			work_changed(w, h.record[i]);
		}
	quota_spend(&h.bill, h.counter, &d);
	return STORE_OK;
}

enum store_answer
redis_settle(struct store *st, const struct bill *b, const struct lease *lease,
    const struct settlement *left, struct why *why)
{
	struct settling s = { b, lease->id, left };

	return redis_call(
	    redis_of(st), settle_lease, &s, redis_of(st)->timeout, why);
}

/* --- all of them -------------------------------------------------------- */

/* What is in the set and is no lease any more leaves it. */
static void
redis_leases_unlist(struct redis_store *s, const char *member)
{
	const char *argv[] = { "ZREM", REDIS_OPEN, member };
	redisReply *r = NULL;
	struct why why;

	if (redis_pool_ask(s->pool, REDIS_PATIENCE,
		&(struct redis_command){ 3, argv, NULL }, &r, &why) == STORE_OK)
		freeReplyObject(r);
}

/* Who is shown them, until he says that it is enough. */
struct shown {
	store_lease_fn *each;
	void *arg;
	bool enough;
};

static enum store_answer
each_of(struct redis_store *s, redisReply *const *member, size_t n,
    struct shown *to, struct why *why)
{
	enum store_answer a = STORE_OK;
	enum work_outcome o;
	struct redis_work w;
	struct lease lease;
	int64_t now;

	work_begin(&w, s);
	for (size_t i = 0; i < n; i++) {
		char key[REDIS_KEY];

		snprintf(key, sizeof(key), REDIS_LEASES "%s", member[i]->str);
		if (work_record(&w, key) == NULL) {
			why_set(why, "out of memory");
			a = STORE_FAILED;
		}
	}
	now = redis_time_highest(s);
	if (a == STORE_OK)
		a = work_swap(&w, WORK_FIRST, REDIS_PATIENCE, &o, why);
	for (size_t i = 0; a == STORE_OK && !to->enough && i < w.nrecord; i++) {
		if (read_lease(w.record[i], now, &lease))
			to->enough = !to->each(to->arg, &lease);
		else
			redis_leases_unlist(
			    s, w.record[i]->key + strlen(REDIS_LEASES));
	}
	work_end(&w);
	return a;
}

/* All names at once: each may settle what it is shown. */
enum store_answer
redis_leases(struct store *st, store_lease_fn *each, void *arg, struct why *why)
{
	const char *argv[] = { "ZRANGE", REDIS_OPEN, "0", "-1" };
	struct redis_store *s = redis_of(st);
	redisReply *r = NULL;
	struct shown to = { each, arg, false };
	enum store_answer a = redis_pool_ask(s->pool, REDIS_PATIENCE,
	    &(struct redis_command){ 4, argv, NULL }, &r, why);

	if (a != STORE_OK)
		return a;
	for (size_t at = 0; a == STORE_OK && !to.enough && at < r->elements;
	     at += BATCH) {
		size_t n = r->elements - at;

		a = each_of(
		    s, r->element + at, n < BATCH ? n : BATCH, &to, why);
	}
	freeReplyObject(r);
	return a;
}
