/*
 * backend.c - the embedded store: counters in memory, a journal so that
 * none is lost, a database so that they come back.
 *
 * A charge decides, journals, then applies, in that order and under one lock.
 * So what is in memory was promised, what was promised is in the journal, and
 * a journal that cannot be written changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "local.h"
#include "log.h"
#include "thread.h"

/* Items that leave memory in one step, so that no charge waits for many. */
#define TRIM_STEP 8

/* Beyond this what waits to be flushed is refused: the disk is full for long.
 */
#define WAITING_BYTES (2 * TABLE_BYTES)

static struct local *
local_of(struct store *s)
{
	return (struct local *)s;
}

/* --- parts that others use ------------------------------------------------ */

static enum store_answer
read_row(struct local *l, const char *policy, const char *key, struct row *row,
    struct why *why)
{
	if (policy[0] == '\0')
		return db_binding(l->db, key, row, why);
	return db_counter(l->db, policy, key, row, why);
}

/* A row becomes an item. */
static enum store_answer
adopt(struct local *l, const char *policy, const char *key,
    const struct row *row, struct item **i_r, struct why *why)
{
	struct why reason = { "out of memory" };
	struct counter *c = NULL;

	if (policy[0] != '\0' &&
	    (c = counter_unpack(row->bytes, row->len, &reason)) == NULL)
		goto fail;
	*i_r = cache_add(l->table, policy, key, c == NULL ? NULL : &c);
	if (*i_r == NULL)
		goto fail;
	(*i_r)->seq = row->seq;
	(*i_r)->bound_at = row->updated;
	memcpy((*i_r)->smarthost, row->smarthost, sizeof(row->smarthost));
	return STORE_OK;
fail:
	counter_free(&c);
	why_set(why, "counter of policy %s: %s", policy, reason.text);
	return STORE_FAILED;
}

enum store_answer
local_fetch(struct local *l, const char *policy, const char *key, bool hold,
    struct item **i_r, struct why *why)
{
	enum store_answer a;
	uint64_t generation;
	struct row row;

	if ((*i_r = cache_find(l->table, policy, key)) != NULL)
		return STORE_OK;
	if (l->db == NULL)
		return STORE_NONE;
	if (!hold) {
		generation = cache_generation(l->table, policy, key);
		pthread_mutex_unlock(&l->lock);
		a = read_row(l, policy, key, &row, why);
		pthread_mutex_lock(&l->lock);
		*i_r = cache_find(l->table, policy, key);
		hold = cache_generation(l->table, policy, key) != generation;
		if (*i_r == NULL && hold)
			row_free(&row);
	}
	if (*i_r == NULL && hold)
		a = read_row(l, policy, key, &row, why);
	if (*i_r != NULL)
		a = STORE_OK;
	else if (a == STORE_OK)
		a = adopt(l, policy, key, &row, i_r, why);
	row_free(&row);
	return a;
}

static int64_t
floor_time(const struct local *l, int64_t now)
{
	return now > l->highest ? now : l->highest;
}

/*
 * The bill at the store's time: never before that of an operation that was
 * done, so a clock that steps back frees nothing when it comes again.
 */
static const struct bill *
bill_at(const struct local *l, const struct bill *b, struct bill *copy)
{
	if (b->now >= l->highest)
		return b;
	*copy = *b;
	copy->now = l->highest;
	return copy;
}

static enum store_answer
append_record(struct local *l, const struct wal_record *rec, struct why *why)
{
	size_t n;

	if (l->journal == NULL) {
		l->seq++;
		return STORE_OK;
	}
	n = wal_record_pack(rec, wal_payload(l->journal), WAL_PAYLOAD);
	if (n == 0) {
		why_set(why, "more recipients than a journal record holds");
		return STORE_FAILED;
	}
	if (wal_append(l->journal, n, &l->seq, why) == -1)
		return STORE_FAILED;
	l->unflushed += n + WAL_FRAME;
	return STORE_OK;
}

enum store_answer
local_record(struct local *l, const struct wal_record *rec, struct why *why)
{
	enum store_answer a = append_record(l, rec, why);

	if (a == STORE_OK)
		l->highest = floor_time(l, rec->now);
	return a;
}

enum store_answer
local_leave(struct local *l, enum store_answer a, uint64_t seq, struct why *why)
{
	if (l->db != NULL)
		cache_evict(l->table, TRIM_STEP);
	pthread_mutex_unlock(&l->lock);
	if (a != STORE_OK || l->journal == NULL || wal_wait(l->journal, seq))
		return a;
	why_set(why, "the disk has not answered for 2 s");
	return STORE_UNCERTAIN;
}

void
local_changed(struct local *l, struct item *item)
{
	item->seq = l->seq;
	cache_dirty(l->table, item);
}

int
local_adapt(struct local *l, struct item *item, const struct policy *policy,
    int64_t now)
{
	return counter_adapt(&item->counter, policy, now, l->conf->zone);
}

/* --- a bill --------------------------------------------------------------- */

/* A bill in hand: what is known of each of its lines. */
struct hand {
	struct item *item[BILL_LINES];
	struct counter *counter[BILL_LINES];
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

/* find_counters - those of a bill, in whatever form they have */
static enum store_answer
find_counters(
    struct local *l, const struct bill *b, struct hand *h, struct why *why)
{
	enum store_answer a;

	if (l->gone.text[0] != '\0') {
		*why = l->gone;
		return STORE_FAILED;
	}
	if ((a = gather_items(l, b, h, why)) != STORE_OK)
		return a;
	for (size_t i = 0; i < b->nline; i++)
		h->counter[i] = h->item[i] != NULL ? h->item[i]->counter : NULL;
	return STORE_OK;
}

/* gather - the counters of a bill, in the form of its policies: to spend */
static enum store_answer
gather(struct local *l, const struct bill *b, struct hand *h, struct why *why)
{
	enum store_answer a;

	l->now = b->now;
	if ((a = find_counters(l, b, h, why)) != STORE_OK)
		return a;
	for (size_t i = 0; i < b->nline; i++) {
		if (h->item[i] == NULL)
			continue;
		if (local_adapt(l, h->item[i], b->line[i].policy, b->now) ==
		    -1) {
			why_set(why, "out of memory");
			return STORE_FAILED;
		}
		h->counter[i] = h->item[i]->counter;
	}
	return STORE_OK;
}

/* The counter of line i, made if it was never used, with room for it. */
static int
make_counter(struct local *l, const struct bill *b, struct hand *h, size_t i)
{
	const struct bill_line *line = &b->line[i];
	struct counter *c;

	if (h->item[i] == NULL)
		h->item[i] =
		    cache_find(l->table, line->policy->name, line->key);
	if (h->item[i] == NULL) {
		if ((c = counter_new(line->policy)) == NULL)
			return -1;
		h->item[i] =
		    cache_add(l->table, line->policy->name, line->key, &c);
		counter_free(&c);
		if (h->item[i] == NULL)
			return -1;
		h->made[i] = true;
	}
	h->counter[i] = h->item[i]->counter;
	return counter_reserve(
	    h->counter[i], line->rcpt == NULL ? 0 : line->nrcpt, b->now);
}

static void
unmake(struct local *l, struct hand *h)
{
	for (size_t i = 0; i < BILL_LINES; i++)
		if (h->made[i])
			cache_remove(l->table, h->item[i]);
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

/* --- spending ------------------------------------------------------------- */

static bool
has_unique(const struct policy *policy)
{
	for (size_t i = 0; i < policy->nlimit; i++)
		if (policy->limit[i].dim == DIM_UNIQUE)
			return true;
	return false;
}

static struct wal_record_line
record_of(const struct bill_line *line)
{
	struct wal_record_line r = { .policy = line->policy->name,
		.key = line->key,
		.observed = line->observed };

	memcpy(r.cost, line->cost, sizeof(r.cost));
	if (line->rcpt != NULL && has_unique(line->policy)) {
		r.rcpt = line->rcpt;
		r.nrcpt = line->nrcpt;
	}
	return r;
}

/* Would binding bound to this smarthost say anything new? */
static bool
is_news(struct local *l, const char *bound, const char *smarthost, int64_t now)
{
	const struct item *item = cache_find(l->table, "", bound);

	return item == NULL || strcmp(item->smarthost, smarthost) != 0 ||
	       now < item->bound_at || now - item->bound_at >= BINDING_FRESH;
}

/* The item that will hold a binding; *made_r if it is new. */
static struct item *
make_binding(struct local *l, const char *bound, bool *made_r)
{
	struct item *item = cache_find(l->table, "", bound);

	*made_r = item == NULL;
	return item != NULL ? item : cache_add(l->table, "", bound, NULL);
}

static void
bind_to(struct local *l, struct item *item, const char *smarthost, int64_t now)
{
	snprintf(item->smarthost, sizeof(item->smarthost), "%s", smarthost);
	item->bound_at = now;
	local_changed(l, item);
}

static enum store_answer
spend(struct local *l, const struct bill *b, const char *bound,
    struct decision *d, struct hand *h, struct why *why)
{
	struct wal_record rec = {
		.kind = WAL_CHARGE, .now = b->now, .bound = "", .smarthost = ""
	};
	struct item *binding = NULL;
	bool made = false;

	if (h->lease != NULL) {
		rec.kind = WAL_LEASE;
		rec.lease = *h->lease;
		rec.lease.id = l->seq + 1;
		rec.lease_until = local_lease_until(b);
	}
	if (b->nchoice > 0) {
		rec.smarthost = b->choice[d->choice].smarthost;
		if (b->choice[d->choice].bound != NULL)
			bound = b->choice[d->choice].bound;
	}
	if (make_counters(l, b, d, h, why) == STORE_FAILED)
		return STORE_FAILED;
	if (bound[0] != '\0' && b->nchoice > 0 &&
	    is_news(l, bound, rec.smarthost, b->now)) {
		rec.bound = bound;
		if ((binding = make_binding(l, bound, &made)) == NULL) {
			unmake(l, h);
			why_set(why, "out of memory");
			return STORE_FAILED;
		}
	}
	for (size_t i = 0; i < b->nline; i++)
		if (quota_is_spent(b, d, i))
			rec.line[rec.nline++] = record_of(&b->line[i]);
	if (rec.nline == 0 && binding == NULL && h->lease == NULL)
		return STORE_OK;
	if (h->lease != NULL && lease_table_add(l->lease, &rec.lease,
				    rec.lease_until, false) == -1) {
		unmake(l, h);
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	if (local_record(l, &rec, why) == STORE_FAILED) {
		unmake(l, h);
		if (h->lease != NULL)
			lease_table_end(l->lease, rec.lease.id);
		if (made)
			cache_remove(l->table, binding);
		return STORE_FAILED;
	}
	quota_spend(b, h->counter, d);
	for (size_t i = 0; i < b->nline; i++) {
		l->born += h->made[i];
		if (quota_is_spent(b, d, i))
			local_changed(l, h->item[i]);
	}
	if (binding != NULL)
		bind_to(l, binding, rec.smarthost, b->now);
	if (h->lease != NULL)
		h->lease->id = rec.lease.id;
	return STORE_OK;
}

/* What a refused bill starts: lockouts, journaled like anything else. */
static enum store_answer
decline(struct local *l, const struct bill *b, struct decision *d,
    struct hand *h, struct why *why)
{
	struct wal_record rec = { .kind = WAL_LOCK, .now = b->now };
	int64_t before[BILL_LINES] = { 0 };

	for (size_t i = 0; i < b->nline; i++)
		before[i] =
		    h->counter[i] == NULL ? 0 : h->counter[i]->locked_until;
	quota_lock(b, h->counter, d);
	for (size_t i = 0; i < b->nline; i++)
		if (h->counter[i] != NULL &&
		    h->counter[i]->locked_until != before[i])
			rec.line[rec.nline++] = (struct wal_record_line){
				.policy = b->line[i].policy->name,
				.key = b->line[i].key,
				.until = h->counter[i]->locked_until,
			};
	if (rec.nline == 0)
		return STORE_OK;
	if (local_record(l, &rec, why) == STORE_FAILED) {
		for (size_t i = 0; i < b->nline; i++)
			if (h->counter[i] != NULL)
				h->counter[i]->locked_until = before[i];
		return STORE_FAILED;
	}
	for (size_t i = 0; i < b->nline; i++)
		if (h->counter[i] != NULL &&
		    h->counter[i]->locked_until != before[i])
			local_changed(l, h->item[i]);
	return STORE_OK;
}

static enum store_answer
decide_and_spend(struct local *l, const struct bill *bill, const char *bound,
    struct decision *d_r, struct hand *h, struct why *why)
{
	enum store_answer a = gather(l, bill, h, why);

	if (a == STORE_OK) {
		quota_decide(bill, h->counter, d_r);
		a = d_r->fits ? spend(l, bill, bound, d_r, h, why)
			      : decline(l, bill, d_r, h, why);
	}
	if (a != STORE_OK)
		l->stats.failed++;
	else if (d_r->fits)
		l->stats.charged++;
	else
		l->stats.declined++;
	return local_leave(l, a, l->seq, why);
}

static enum store_answer
local_charge(struct store *s, const struct bill *bill, const char *bound,
    struct decision *d_r, struct why *why)
{
	struct local *l = local_of(s);
	struct hand hand = { 0 };
	struct bill copy;

	pthread_mutex_lock(&l->lock);
	return decide_and_spend(
	    l, bill_at(l, bill, &copy), bound, d_r, &hand, why);
}

static enum store_answer
local_lease(struct store *s, const struct bill *bill, struct lease *lease,
    struct decision *d_r, struct why *why)
{
	struct local *l = local_of(s);
	struct hand hand = { .lease = lease };
	struct bill copy;

	pthread_mutex_lock(&l->lock);
	bill = bill_at(l, bill, &copy);
	lease->when = bill->now;
	lease_table_sweep(l->lease, bill->now);
	return decide_and_spend(l, bill, "", d_r, &hand, why);
}

/* --- settling a lease ----------------------------------------------------- */

/*
 * b: the lines with what exceeded the lease as their costs.  A counter that
 * was forgotten since is made anew only if there is something to charge.
 */
static enum store_answer
settle(struct local *l, const struct bill *b, struct wal_record *rec,
    struct hand *h, struct why *why)
{
	struct decision d = { .fits = true };
	enum store_answer a;

	if ((a = gather(l, b, h, why)) != STORE_OK ||
	    (a = make_counters(l, b, &d, h, why)) != STORE_OK)
		return a;
	for (size_t i = 0; i < b->nline; i++)
		if (h->counter[i] != NULL)
			rec->line[rec->nline++] = record_of(&b->line[i]);
	if (local_record(l, rec, why) == STORE_FAILED) {
		unmake(l, h);
		return STORE_FAILED;
	}
	for (size_t i = 0; i < b->nline; i++) {
		if (h->counter[i] == NULL)
			continue;
		counter_return(
		    h->counter[i], rec->returned, rec->lease.when, b->zone);
		l->born += h->made[i];
		local_changed(l, h->item[i]);
	}
	quota_spend(b, h->counter, &d);
	lease_table_end(l->lease, rec->lease.id);
	return STORE_OK;
}

static enum store_answer
local_settle(struct store *s, const struct bill *bill,
    const struct lease *lease, const struct settlement *left, struct why *why)
{
	struct local *l = local_of(s);
	struct wal_record rec = { .kind = WAL_SETTLE };
	struct hand hand = { 0 };
	enum store_answer a = STORE_NONE;
	struct bill b = *bill;

	pthread_mutex_lock(&l->lock);
	rec.now = b.now = floor_time(l, bill->now);
	if (lease_table_get(l->lease, lease->id, b.now, &rec.lease)) {
		settlement_bill(&b, &rec.lease, left, rec.returned);
		a = settle(l, &b, &rec, &hand, why);
	}
	return local_leave(l, a, l->seq, why);
}

static struct counter *
counter_copy(const struct counter *c)
{
	size_t n = counter_pack(c, NULL, 0);
	uint8_t *bytes = malloc(n);
	struct counter *copy = NULL;
	struct why reason;

	if (bytes != NULL && counter_pack(c, bytes, n) == n)
		copy = counter_unpack(bytes, n, &reason);
	free(bytes);
	return copy;
}

/*
 * copy_counters - own copies, in the form of the bill's policies, of the
 * counters that have another one
 */
static enum store_answer
copy_counters(struct local *l, const struct bill *b, struct hand *h,
    bool own[BILL_LINES], struct why *why)
{
	for (size_t i = 0; i < b->nline; i++) {
		const struct policy *p = b->line[i].policy;
		struct counter *c = h->counter[i];

		if (c == NULL || counter_fits(c, p))
			continue;
		c = counter_copy(c);
		if (c == NULL ||
		    counter_adapt(&c, p, b->now, l->conf->zone) == -1) {
			counter_free(&c);
			why_set(why, "out of memory");
			return STORE_FAILED;
		}
		h->counter[i] = c;
		own[i] = true;
	}
	return STORE_OK;
}

/*
 * A question that was begun under another configuration is asked of a copy.
 * Only what lies in the future of a clock that was set back is dated anew, as
 * by a charge that is refused.
 */
static enum store_answer
local_preview(struct store *s, const struct bill *bill, struct decision *d_r,
    struct why *why)
{
	struct local *l = local_of(s);
	bool own[BILL_LINES] = { false };
	struct hand hand = { 0 };
	enum store_answer a;
	struct bill copy;

	pthread_mutex_lock(&l->lock);
	bill = bill_at(l, bill, &copy);
	l->now = bill->now;
	a = find_counters(l, bill, &hand, why);
	if (a == STORE_OK)
		a = copy_counters(l, bill, &hand, own, why);
	if (a == STORE_OK)
		quota_decide(bill, hand.counter, d_r);
	if (a == STORE_OK && !d_r->fits) {
		quota_normalise(bill, hand.counter);
		quota_decide(bill, hand.counter, d_r);
	}
	for (size_t i = 0; i < bill->nline; i++)
		if (own[i])
			counter_free(&hand.counter[i]);
	return local_leave(l, a, 0, why);
}

static enum store_answer
local_bound(struct store *s, const char *bound, int64_t now, char *smarthost_r,
    struct why *why)
{
	struct local *l = local_of(s);
	enum store_answer a;
	struct item *item;

	pthread_mutex_lock(&l->lock);
	l->now = now;
	a = local_fetch(l, "", bound, false, &item, why);
	if (a == STORE_OK && now - item->bound_at >= BINDING_LIFE)
		a = STORE_NONE;
	if (a == STORE_OK)
		memcpy(smarthost_r, item->smarthost, STORE_NAME);
	return local_leave(l, a, 0, why);
}

/* --- looking -------------------------------------------------------------- */

static enum store_answer
local_read(struct store *s, const struct policy *policy, const char *key,
    int64_t now, struct counter **c_r, struct why *why)
{
	struct local *l = local_of(s);
	enum store_answer a;
	struct item *item;

	pthread_mutex_lock(&l->lock);
	l->now = now;
	a = local_fetch(l, policy->name, key, false, &item, why);
	if (a == STORE_OK && counter_idle(item->counter, now))
		a = STORE_NONE;
	if (a == STORE_OK) {
		*c_r = counter_copy(item->counter);
		if (*c_r == NULL ||
		    counter_adapt(c_r, policy, now, l->conf->zone) == -1) {
			counter_free(c_r);
			why_set(why, "out of memory");
			a = STORE_FAILED;
		}
	}
	return local_leave(l, a, 0, why);
}

struct walk {
	struct local *l;
	int64_t now;
	store_each_fn *each;
	void *arg;
	bool stopped, failed;
	struct why why; /* if it failed */
};

/* A counter on its way out, in the form of the policy if there still is one. */
static bool
walk_bytes(void *arg, const char *policy, const char *key, const uint8_t *bytes,
    size_t len)
{
	struct walk *w = arg;
	struct counter *c = counter_unpack(bytes, len, &w->why);
	const struct policy *p;

	if (c == NULL) {
		w->failed = true;
		return false;
	}
	pthread_mutex_lock(&w->l->lock);
	p = config_policy(w->l->conf, policy);
	if (p != NULL && counter_adapt(&c, p, w->now, w->l->conf->zone) == -1) {
		w->failed = true;
		why_set(&w->why, "out of memory");
	}
	pthread_mutex_unlock(&w->l->lock);
	if (!w->failed && !counter_idle(c, w->now))
		w->stopped = !w->each(w->arg, policy, key, c);
	counter_free(&c);
	return !w->failed && !w->stopped;
}

static enum store_answer
walk_end(const struct walk *w, enum store_answer a, struct why *why)
{
	if (!w->failed)
		return a == STORE_FAILED ? STORE_FAILED : STORE_OK;
	*why = w->why;
	return STORE_FAILED;
}

static enum store_answer
local_walk(struct store *s, int64_t now, store_each_fn *each, void *arg,
    struct why *why)
{
	struct walk w = {
		.l = local_of(s), .now = now, .each = each, .arg = arg
	};
	enum store_answer a = local_flush(w.l, false, why);
	int64_t cursor = 0;

	while (a == STORE_OK && !w.stopped && !w.failed)
		a = db_counters(w.l->db, &cursor, 64, walk_bytes, &w, why);
	return walk_end(&w, a, why);
}

/* Names in memory, so that they can be walked without the lock. */
struct names_of {
	struct {
		char policy[STORE_NAME], key[MAILADDR_MAX + 1];
	} * v;
	size_t n;
};

static void
collect_name(void *arg, const struct item *item)
{
	struct names_of *list = arg;

	if (item->counter == NULL)
		return;
	snprintf(list->v[list->n].policy, STORE_NAME, "%s", item->policy);
	snprintf(list->v[list->n].key, MAILADDR_MAX + 1, "%s", item->key);
	list->n++;
}

static enum store_answer
memory_walk(struct store *s, int64_t now, store_each_fn *each, void *arg,
    struct why *why)
{
	struct local *l = local_of(s);
	struct names_of list = { 0 };
	bool more = true;

	pthread_mutex_lock(&l->lock);
	list.v = calloc(cache_counters(l->table) + 1, sizeof(list.v[0]));
	if (list.v != NULL)
		cache_each(l->table, collect_name, &list);
	pthread_mutex_unlock(&l->lock);
	if (list.v == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	for (size_t i = 0; more && i < list.n; i++) {
		struct counter *c = NULL;
		struct item *item;

		pthread_mutex_lock(&l->lock);
		item = cache_find(l->table, list.v[i].policy, list.v[i].key);
		if (item != NULL && !counter_idle(item->counter, now))
			c = counter_copy(item->counter);
		pthread_mutex_unlock(&l->lock);
		more =
		    c == NULL || each(arg, list.v[i].policy, list.v[i].key, c);
		counter_free(&c);
	}
	free(list.v);
	return STORE_OK;
}

static void
local_stats(struct store *s, struct store_stats *st_r)
{
	struct local *l = local_of(s);

	pthread_mutex_lock(&l->lock);
	*st_r = l->stats;
	st_r->counters = cache_counters(l->table);
	st_r->has_counters = true;
	st_r->has_journal = l->journal != NULL;
	st_r->journal_bytes = l->unflushed;
	st_r->healthy = l->stats.trouble.text[0] == '\0';
	pthread_mutex_unlock(&l->lock);
}

static void
local_reconfigure(struct store *s, const struct config *conf)
{
	struct local *l = local_of(s);

	pthread_mutex_lock(&l->lock);
	l->conf = conf;
	pthread_mutex_unlock(&l->lock);
}

static enum store_answer
local_flush_now(struct store *s, struct why *why)
{
	return local_flush(local_of(s), false, why);
}

/* --- open and close ------------------------------------------------------- */

static void
local_free(struct local *l)
{
	wal_end(&l->journal);
	db_close(&l->db);
	if (l->lock_fd != -1)
		close(l->lock_fd);
	local_free_blocks(l);
	cache_free(&l->table);
	lease_table_free(&l->lease);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->flushing);
	pthread_mutex_destroy(&l->lock);
	free(l->event);
	free(l->bytes);
	free(l->path);
	free(l);
}

/* The lock is held for less than it takes to fall asleep and be woken. */
static void
lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

static struct local *
local_new(const struct store_backend *backend, const struct config *conf,
    const char *url, const struct store_env *env, struct why *why)
{
	struct local *l = calloc(1, sizeof(*l));

	if (l != NULL) {
		l->store.backend = backend;
		l->conf = conf;
		l->fatal = env->fatal;
		l->lock_fd = -1;
		lock_init(&l->lock);
		pthread_mutex_init(&l->flushing, NULL);
		cond_init(&l->wake);
		l->table = cache_new();
		l->lease = lease_table_new();
		l->event = calloc(EVENT_QUEUE, sizeof(l->event[0]));
		l->path = strdup(strchr(url, ':') + 1);
		if (l->table != NULL && l->lease != NULL && l->event != NULL &&
		    l->path != NULL)
			return l;
		local_free(l);
	}
	why_set(why, "out of memory");
	return NULL;
}

static struct store *
memory_open(const struct config *conf, const char *url,
    const struct store_env *env, struct why *why, enum store_fault *fault_r)
{
	struct local *l = local_new(&store_memory, conf, url, env, why);

	if (l != NULL)
		return &l->store;
	*fault_r = STORE_INACCESSIBLE;
	return NULL;
}

static void
memory_close(struct store *s)
{
	local_free(local_of(s));
}

/* One daemon a store, for as long as it lives. */
static enum store_fault
take_lock(struct local *l, struct why *why)
{
	char *name;

	if (asprintf(&name, "%s-lock", l->path) == -1) {
		why_set(why, "out of memory");
		return STORE_INACCESSIBLE;
	}
	l->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->lock_fd == -1) {
		why_set(why,
		    "%s: %s: see that the directory exists and postmeter's user can write in it",
		    name, strerror(errno));
		free(name);
		return STORE_INACCESSIBLE;
	}
	free(name);
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return STORE_OPENED;
	why_set(why,
	    "%s is in use by another postmeter: stop it first, or name another store",
	    l->path);
	return STORE_BUSY;
}

/*
 * The lock outlives the daemon, and says whether there was a database: one
 * that has vanished since must not be taken for a new one.
 */
static enum store_fault
check_vanished(struct local *l, struct why *why)
{
	struct stat lock, db;

	if (fstat(l->lock_fd, &lock) == -1 || lock.st_size == 0 ||
	    (stat(l->path, &db) == 0 && db.st_size > 0))
		return STORE_OPENED;
	why_set(why,
	    "%.60s has vanished: restore it, or, to begin anew, remove %.60s-*",
	    l->path, l->path);
	return STORE_DAMAGED;
}

static enum store_fault
remember_database(struct local *l, struct why *why)
{
	struct stat st;

	if (fstat(l->lock_fd, &st) == 0 && st.st_size > 0)
		return STORE_OPENED;
	if (write(l->lock_fd, "1\n", 2) == 2)
		return STORE_OPENED;
	why_set(why, "%s-lock: %s", l->path, strerror(errno));
	return STORE_INACCESSIBLE;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Replays the old chain, begins a new one, and lets the old one go. */
static enum store_fault
begin_journal(struct local *l, const struct db_meta *meta, struct why *why)
{
	bool power = l->conf->durability == DURABILITY_POWER;
	struct why reason;
	struct wal_end end;
	uint64_t number;
	enum store_fault fault;

	l->highest = meta->now;
	fault = local_replay(l, meta, &end, why);

	if (fault != STORE_OPENED)
		return fault;
	number = larger(end.number, meta->journal) + 1;
	l->seq = larger(end.seq, meta->seq);
	l->journal = wal_begin(l->path, number, l->seq, power, l->fatal, why);
	if (l->journal == NULL)
		return STORE_INACCESSIBLE;
	if (local_flush(l, false, &reason) == STORE_FAILED) {
		why_set(why, "%s", reason.text);
		return STORE_INACCESSIBLE;
	}
	/* From here on the file itself names the journal that must be there. */
	db_checkpoint(l->db);
	return STORE_OPENED;
}

static enum store_fault
start_thread(struct local *l, struct why *why)
{
	int error = thread_start(&l->thread, local_flush_run, l);

	l->started = error == 0;
	if (l->started)
		return STORE_OPENED;
	why_set(why, "cannot start a thread: %s", strerror(error));
	return STORE_INACCESSIBLE;
}

static enum store_fault
open_parts(struct local *l, struct why *why)
{
	struct db_meta meta;
	struct why reason;
	enum store_fault fault = take_lock(l, why);

	if (fault == STORE_OPENED)
		fault = check_vanished(l, why);
	if (fault != STORE_OPENED)
		return fault;
	l->db = db_open(l->path, &meta, why, &fault);
	if (l->db == NULL ||
	    (fault = remember_database(l, why)) != STORE_OPENED)
		return fault;
	if (local_load_blocks(l, &reason) == STORE_FAILED ||
	    local_load_leases(l, &reason) == STORE_FAILED) {
		why_set(why, "%s", reason.text);
		return STORE_DAMAGED;
	}
	if ((fault = begin_journal(l, &meta, why)) != STORE_OPENED)
		return fault;
	return start_thread(l, why);
}

static struct store *
sqlite_open(const struct config *conf, const char *url,
    const struct store_env *env, struct why *why, enum store_fault *fault_r)
{
	struct local *l = local_new(&store_sqlite, conf, url, env, why);

	*fault_r = l == NULL ? STORE_INACCESSIBLE : open_parts(l, why);
	if (*fault_r == STORE_OPENED)
		return &l->store;
	if (l != NULL)
		local_free(l);
	return NULL;
}

static void
sqlite_close(struct store *s)
{
	struct local *l = local_of(s);
	struct why why;

	pthread_mutex_lock(&l->lock);
	l->ending = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	if (l->started)
		pthread_join(l->thread, NULL);
	if (local_flush(l, true, &why) == STORE_OK)
		wal_remove(l->path, UINT64_MAX);
	else
		log_warn(
		    "store: %s; the next start replays the journal", why.text);
	local_free(l);
}

/* --- what it can ---------------------------------------------------------- */

/* They differ in how they open and close, and in what there is to walk. */
#define LOCAL_OPERATIONS                                                       \
	.charge = local_charge, .preview = local_preview,                      \
	.bound = local_bound, .reset = local_reset, .grant = local_grant,      \
	.block = local_block, .unblock = local_unblock,                        \
	.blocked = local_blocked, .note = local_note, .read = local_read,      \
	.events = local_events, .blocks = local_blocks, .stats = local_stats,  \
	.reconfigure = local_reconfigure, .flush = local_flush_now,            \
	.lease = local_lease, .settle = local_settle, .leases = local_leases

const struct store_backend store_sqlite = {
	.kind = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.walk = local_walk,
	LOCAL_OPERATIONS,
};

const struct store_backend store_memory = {
	.kind = "memory",
	.open = memory_open,
	.close = memory_close,
	.walk = memory_walk,
	LOCAL_OPERATIONS,
};
