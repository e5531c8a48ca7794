/*
 * charge.c - bills of the embedded store: decided, journaled, then applied, in
 * that order and under one lock.
 *
 * So what is in memory was promised, what was promised is in the journal, and
 * a journal that cannot be written changes nothing.  A bill is decided on
 * copies of its counters; only what is spent is put back.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* Beyond this what waits to be flushed is refused: the disk is full for long.
 */
#define WAITING_BYTES (CACHE_BYTES + CACHE_BYTES / 2)

/* --- a bill in hand ------------------------------------------------------- */

/* What is known of each line of a bill. */
struct hand {
	struct item *item[BILL_LINES];
	struct counter *counter[BILL_LINES]; /* item->live, or a copy */
	bool twin[BILL_LINES]; /* the counter is that of a line before */
	bool made[BILL_LINES]; /* by this bill */
	struct lease *lease;   /* to be made with the charge, or NULL */
};

/*
 * Finds the items of all lines at one time.  Reading one may let another go,
 * so we look again until all are there or known not to be.
 */
static enum store_answer
gather_items(
    struct local *l, const struct bill *b, struct hand *h, struct why *why)
{
	uint64_t generation[BILL_LINES];
	bool absent[BILL_LINES] = { false };
	bool again = true;

	for (size_t round = 0; again; round++) {
		again = false;
		for (size_t i = 0; i < b->nline; i++) {
			const char *policy = b->line[i].policy->name;
			const char *key = b->line[i].key;
			enum store_answer a;

			h->item[i] = cache_find(l->table, policy, key);
			if (h->item[i] != NULL)
				continue;
			if (absent[i] &&
			    generation[i] ==
				cache_generation(l->table, policy, key))
				continue;
			generation[i] = cache_generation(l->table, policy, key);
			a = local_fetch(
			    l, policy, key, round > 2, &h->item[i], why);
			if (a != STORE_OK && a != STORE_NONE)
				return a;
			absent[i] = a == STORE_NONE;
			again = true;
		}
	}
	return STORE_OK;
}

/* The line before i that has the same counter; i if there is none. */
static size_t
first_twin(const struct hand *h, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (h->item[k] == h->item[i])
			return k;
	return i;
}

static void
hand_free(struct local *l, struct hand *h, size_t nline)
{
	for (size_t i = 0; i < nline; i++)
		if (!h->twin[i])
			local_shut(h->item[i], &h->counter[i]);
	for (size_t i = 0; i < nline; i++)
		if (h->item[i] != NULL)
			local_used(l, h->item[i]);
}

static enum store_answer
gather(struct local *l, const struct bill *b, struct hand *h, struct why *why)
{
	enum store_answer a;

	if (l->gone.text[0] != '\0') {
		*why = l->gone;
		return STORE_FAILED;
	}
	a = gather_items(l, b, h, why);
	if (a != STORE_OK) /* the lock was let go: they may have left */
		memset(h->item, 0, sizeof(h->item));
	for (size_t i = 0; a == STORE_OK && i < b->nline; i++) {
		size_t k;

		if (h->item[i] == NULL)
			continue;
		k = first_twin(h, i);
		h->twin[i] = k < i;
		if (k < i)
			h->counter[i] = h->counter[k];
		else
			a = local_open(l, h->item[i], b->line[i].policy, b->now,
			    &h->counter[i], why);
	}
	return a;
}

/* The counter of line i, made if it was never used, with room for it. */
static int
make_counter(struct local *l, const struct bill *b, struct hand *h, size_t i)
{
	const struct bill_line *line = &b->line[i];
	size_t k;

	if (h->item[i] == NULL)
		h->item[i] =
		    cache_find(l->table, line->policy->name, line->key);
	if (h->item[i] == NULL) {
		h->item[i] = cache_add(l->table, line->policy->name, line->key);
		if (h->item[i] == NULL)
			return -1;
		h->made[i] = true;
	}
	if (h->counter[i] == NULL) {
		k = first_twin(h, i);
		h->twin[i] = k < i;
		h->counter[i] =
		    k < i ? h->counter[k] : counter_new(line->policy);
	}
	return h->counter[i] == NULL
		   ? -1
		   : counter_reserve(h->counter[i],
			 line->rcpt == NULL ? 0 : line->nrcpt, b->now);
}

static void
unmake(struct local *l, struct hand *h)
{
	for (size_t i = 0; i < BILL_LINES; i++) {
		if (!h->made[i])
			continue;
		local_shut(h->item[i], &h->counter[i]);
		for (size_t k = i + 1; k < BILL_LINES; k++)
			if (h->item[k] == h->item[i]) {
				h->item[k] = NULL;
				h->counter[k] = NULL;
			}
		cache_remove(l->table, h->item[i]);
		h->item[i] = NULL;
		h->made[i] = false;
	}
}

static enum store_answer
make_counters(struct local *l, const struct bill *b, const struct decision *d,
    struct hand *h, struct why *why)
{
	if (cache_bytes(l->table) > WAITING_BYTES) {
		why_set(why, "too much waits to be written to the database");
		return STORE_FAILED;
	}
	for (size_t i = 0; i < b->nline; i++) {
		if (quota_is_spent(b, d, i) && make_counter(l, b, h, i) == -1) {
			unmake(l, h);
			why_set(why, "out of memory");
			return STORE_FAILED;
		}
	}
	return STORE_OK;
}

/* Puts the changed counters back: l->seq is the operation that changed them. */
static void
put_back(struct local *l, const struct bill *b, struct hand *h,
    const bool changed[BILL_LINES])
{
	for (size_t i = 0; i < b->nline; i++) {
		if (!changed[i] || h->twin[i])
			continue;
		l->born += h->made[i];
		h->made[i] = false;
		local_put(l, h->item[i], &h->counter[i]);
	}
}

/* --- spending ------------------------------------------------------------- */

/* The recipients matter to a set, whoever's limit it is of. */
static bool
has_unique(const struct counter *c)
{
	for (size_t i = 0; c != NULL && i < c->nslot; i++)
		if (c->slot[i].dim == DIM_UNIQUE)
			return true;
	return false;
}

static struct wal_record_line
record_of(const struct bill_line *line, const struct counter *c)
{
	struct wal_record_line r = { .policy = line->policy->name,
		.key = line->key,
		.observed = line->observed };

	memcpy(r.cost, line->cost, sizeof(r.cost));
	if (line->rcpt != NULL && has_unique(c)) {
		r.rcpt = line->rcpt;
		r.nrcpt = line->nrcpt;
	}
	return r;
}

/* A binding on its way to what it shall be. */
struct rebinding {
	struct item *item; /* NULL: nothing to bind */
	bool made;
};

/* Would binding bound to this smarthost say anything new? */
static bool
is_news(struct local *l, const char *bound, const char *smarthost, int64_t now)
{
	const struct item *item = cache_find(l->table, "", bound);
	int64_t when;

	if (item == NULL || strcmp(local_binding(item, &when), smarthost) != 0)
		return true;
	return now < when || now - when >= BINDING_FRESH;
}

/* The item of a binding, and memory for what it shall be.  -1: none. */
static int
prepare_binding(struct local *l, const struct bill *b, const struct decision *d,
    const char *bound, struct rebinding *r)
{
	const char *smarthost = b->choice[d->choice].smarthost;

	if (!is_news(l, bound, smarthost, b->now))
		return 0;
	r->item = cache_find(l->table, "", bound);
	r->made = r->item == NULL;
	if (r->made && (r->item = cache_add(l->table, "", bound)) == NULL)
		return -1;
	return 0;
}

static enum store_answer
spend_fails(struct local *l, struct hand *h, struct rebinding *r)
{
	unmake(l, h);
	if (r->made)
		cache_remove(l->table, r->item);
	if (h->lease != NULL)
		lease_table_end(l->lease, l->seq + 1);
	return STORE_FAILED;
}

static bool
prepare_lease(struct local *l, const struct bill *b, struct hand *h,
    struct wal_record *rec)
{
	if (h->lease == NULL)
		return true;
	rec->kind = WAL_LEASE;
	rec->lease = *h->lease;
	rec->lease.id = l->seq + 1;
	rec->lease.when = b->now;
	rec->lease_until = settlement_until(b);
	return lease_table_add(
		   l->lease, &rec->lease, rec->lease_until, false) == 0;
}

static enum store_answer
spend(struct local *l, const struct bill *b, const char *bound,
    struct decision *d, struct hand *h, struct why *why)
{
	struct wal_record rec = {
		.kind = WAL_CHARGE, .now = b->now, .bound = "", .smarthost = ""
	};
	bool spent[BILL_LINES] = { false };
	struct rebinding r = { NULL, false };

	if (b->nchoice > 0) {
		rec.smarthost = b->choice[d->choice].smarthost;
		if (b->choice[d->choice].bound != NULL)
			bound = b->choice[d->choice].bound;
	}
	if (make_counters(l, b, d, h, why) == STORE_FAILED)
		return STORE_FAILED;
	if ((bound[0] != '\0' && b->nchoice > 0 &&
		prepare_binding(l, b, d, bound, &r) == -1) ||
	    !prepare_lease(l, b, h, &rec)) {
		why_set(why, "out of memory");
		return spend_fails(l, h, &r);
	}
	if (r.item != NULL)
		rec.bound = bound;
	for (size_t i = 0; i < b->nline; i++) {
		spent[i] = quota_is_spent(b, d, i);
		if (spent[i])
			rec.line[rec.nline++] =
			    record_of(&b->line[i], h->counter[i]);
	}
	if (rec.nline == 0 && r.item == NULL && h->lease == NULL)
		return STORE_OK;
	if (local_record(l, &rec, why) == STORE_FAILED)
		return spend_fails(l, h, &r);
	quota_spend(b, h->counter, d);
	put_back(l, b, h, spent);
	if (r.item != NULL && local_bind(l, r.item, rec.smarthost, b->now))
		local_changed(l, r.item);
	else if (r.made) /* it is in the journal; the next message binds anew */
		cache_remove(l->table, r.item);
	if (h->lease != NULL) {
		h->lease->id = rec.lease.id;
		h->lease->when = b->now;
	}
	return STORE_OK;
}

/* Sets the lockout of a counter, in the form that it has, and nothing else. */
static enum store_answer
put_lock(struct local *l, struct item *item, int64_t until, struct why *why)
{
	struct counter *c;

	if (local_open(l, item, NULL, l->time.highest, &c, why) != STORE_OK)
		return STORE_FAILED;
	c->locked_until = until;
	local_put(l, item, &c);
	return STORE_OK;
}

/* What a refused bill starts: lockouts, journaled like anything else. */
static enum store_answer
decline(struct local *l, const struct bill *b, struct decision *d,
    struct hand *h, struct why *why)
{
	struct wal_record rec = { .kind = WAL_LOCK, .now = b->now };
	int64_t before[BILL_LINES] = { 0 };
	bool changed[BILL_LINES] = { false };
	enum store_answer a = STORE_OK;

	for (size_t i = 0; i < b->nline; i++)
		before[i] =
		    h->counter[i] == NULL ? 0 : h->counter[i]->locked_until;
	quota_lock(b, h->counter, d);
	for (size_t i = 0; i < b->nline; i++) {
		changed[i] = h->counter[i] != NULL && !h->twin[i] &&
			     h->counter[i]->locked_until != before[i];
		if (changed[i])
			rec.line[rec.nline++] = (struct wal_record_line){
				.policy = b->line[i].policy->name,
				.key = b->line[i].key,
				.until = h->counter[i]->locked_until,
			};
	}
	if (rec.nline > 0)
		a = local_record(l, &rec, why);
	for (size_t i = 0; i < b->nline; i++) {
		int64_t until = changed[i] ? h->counter[i]->locked_until : 0;

		if (!changed[i])
			continue;
		h->counter[i]->locked_until = before[i];
		if (a == STORE_OK)
			a = put_lock(l, h->item[i], until, why);
	}
	return a;
}

/* The bill at that time of the store. */
static const struct bill *
bill_at(const struct bill *b, int64_t now, struct bill *copy)
{
	if (b->now == now)
		return b;
	*copy = *b;
	copy->now = now;
	return copy;
}

/* What a person is told is what his clock will show. */
static void
clock_times(const struct local *l, int64_t clock, struct decision *d)
{
	d->shortfall.again =
	    time_floor_clock(&l->time, clock, d->shortfall.again);
	d->observed.again =
	    time_floor_clock(&l->time, clock, d->observed.again);
}

static enum store_answer
decide_and_spend(struct local *l, const struct bill *asked, const char *bound,
    struct decision *d_r, struct hand *h, struct why *why)
{
	struct bill copy;
	const struct bill *bill =
	    bill_at(asked, local_pass(l, asked->now), &copy);
	enum store_answer a = gather(l, bill, h, why);

	if (a == STORE_OK) {
		quota_decide(bill, h->counter, d_r);
		a = d_r->fits ? spend(l, bill, bound, d_r, h, why)
			      : decline(l, bill, d_r, h, why);
		clock_times(l, asked->now, d_r);
	}
	hand_free(l, h, bill->nline);
	if (a != STORE_OK)
		l->stats.failed++;
	else if (d_r->fits)
		l->stats.charged++;
	else
		l->stats.declined++;
	return local_leave(l, a, l->seq, why);
}

enum store_answer
local_charge(struct store *s, const struct bill *bill, const char *bound,
    struct decision *d_r, struct why *why)
{
	struct local *l = local_of(s);
	struct hand hand = { 0 };

	pthread_mutex_lock(&l->lock);
	return decide_and_spend(l, bill, bound, d_r, &hand, why);
}

enum store_answer
local_preview(struct store *s, const struct bill *asked, struct decision *d_r,
    struct why *why)
{
	struct local *l = local_of(s);
	struct hand hand = { 0 };
	const struct bill *bill;
	enum store_answer a;
	struct bill copy;

	pthread_mutex_lock(&l->lock);
	bill = bill_at(asked, local_time(l, asked->now), &copy);
	a = gather(l, bill, &hand, why);
	if (a == STORE_OK) {
		quota_decide(bill, hand.counter, d_r);
		clock_times(l, asked->now, d_r);
	}
	hand_free(l, &hand, bill->nline);
	return local_leave(l, a, 0, why);
}

/* --- leases --------------------------------------------------------------- */

enum store_answer
local_lease(struct store *s, const struct bill *bill, struct lease *lease,
    struct decision *d_r, struct why *why)
{
	struct local *l = local_of(s);
	struct hand hand = { .lease = lease };

	pthread_mutex_lock(&l->lock);
	lease_table_sweep(l->lease, l->time.highest);
	return decide_and_spend(l, bill, "", d_r, &hand, why);
}

/*
 * b: the lines with what exceeded the lease as their costs.  A counter that
 * was forgotten since is made anew only if there is something to charge.
 */
static enum store_answer
charge_settle(struct local *l, const struct bill *b, struct wal_record *rec,
    struct hand *h, struct why *why)
{
	struct decision d = { .fits = true };
	bool changed[BILL_LINES] = { false };
	enum store_answer a;

	if ((a = gather(l, b, h, why)) != STORE_OK ||
	    (a = make_counters(l, b, &d, h, why)) != STORE_OK)
		return a;
	for (size_t i = 0; i < b->nline; i++) {
		changed[i] = h->counter[i] != NULL;
		if (changed[i])
			rec->line[rec->nline++] =
			    record_of(&b->line[i], h->counter[i]);
	}
	if (local_record(l, rec, why) == STORE_FAILED) {
		unmake(l, h);
		return STORE_FAILED;
	}
	for (size_t i = 0; i < b->nline; i++)
		if (changed[i])
			counter_return(h->counter[i], rec->returned,
			    rec->lease.when, b->zone);
	quota_spend(b, h->counter, &d);
	put_back(l, b, h, changed);
	lease_table_end(l->lease, rec->lease.id);
	return STORE_OK;
}

enum store_answer
local_settle(struct store *s, const struct bill *bill,
    const struct lease *lease, const struct settlement *left, struct why *why)
{
	struct local *l = local_of(s);
	struct wal_record rec = { .kind = WAL_SETTLE };
	struct hand hand = { 0 };
	enum store_answer a = STORE_NONE;
	struct bill b = *bill;

	pthread_mutex_lock(&l->lock);
	rec.now = b.now = local_pass(l, b.now);
	if (lease_table_get(l->lease, lease->id, b.now, &rec.lease)) {
		settlement_bill(&b, &rec.lease, left, rec.returned);
		a = charge_settle(l, &b, &rec, &hand, why);
		hand_free(l, &hand, b.nline);
	}
	return local_leave(l, a, l->seq, why);
}
