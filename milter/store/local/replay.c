/*
 * replay.c - what the journal knows and the rows do not.
 *
 * A counter that missed an operation gets it now, by the same policy and at
 * the time that it was done; one that has it is left alone.  So each is
 * counted once, whatever was flushed, removed or half written before the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "log.h"

struct replay {
	struct local *l;
	uint64_t *digest; /* room for the recipients of one record */
	size_t ndigest;
	uint64_t n, lost; /* records; lines of a policy that is gone */
	struct why why;
};

/*
 * The item of a line and its counter in the form of the policy of today; NULL
 * in *i_r if the row has this operation already, or the policy is gone.
 */
static enum store_answer
item_of(struct replay *r, uint64_t seq, const struct wal_record_line *line,
    int64_t now, struct item **i_r, struct counter **c_r)
{
	struct local *l = r->l;
	const struct policy *p = config_policy(l->conf, line->policy);
	enum store_answer a;

	*i_r = NULL;
	*c_r = NULL;
	if (p == NULL) {
		r->lost++;
		return STORE_OK;
	}
	a = local_fetch(l, line->policy, line->key, true, i_r, &r->why);
	if (a == STORE_FAILED)
		return STORE_FAILED;
	if (a == STORE_OK && (*i_r)->seq >= seq) {
		*i_r = NULL;
		return STORE_OK;
	}
	if (a == STORE_OK)
		return local_open(l, *i_r, p, now, c_r, &r->why);
	*c_r = counter_new(p);
	*i_r = cache_add(l->table, line->policy, line->key);
	if (*i_r != NULL && *c_r != NULL)
		return STORE_OK;
	if (*i_r != NULL)
		cache_remove(l->table, *i_r);
	counter_free(c_r);
	why_set(&r->why, "out of memory");
	return STORE_FAILED;
}

static enum store_answer
replay_binding(struct replay *r, const struct wal_record *rec)
{
	struct local *l = r->l;
	struct item *item = cache_find(l->table, "", rec->bound);

	if (item == NULL)
		item = cache_add(l->table, "", rec->bound);
	if (item == NULL || !local_bind(l, item, rec->smarthost, rec->now)) {
		if (item != NULL)
			cache_remove(l->table, item);
		why_set(&r->why, "out of memory");
		return STORE_FAILED;
	}
	local_changed(l, item);
	return STORE_OK;
}

/* The database has it already if it was flushed after the record was. */
static enum store_answer
replay_lease(struct replay *r, uint64_t seq, const struct wal_record *rec)
{
	struct lease lease = rec->lease;

	if (lease_table_get(r->l->lease, seq, rec->now, &lease))
		return STORE_OK;
	lease.id = seq;
	if (lease_table_add(r->l->lease, &lease, rec->lease_until, false) == 0)
		return STORE_OK;
	why_set(&r->why, "out of memory");
	return STORE_FAILED;
}

/* What an operation does to one counter. */
static enum store_answer
apply(struct replay *r, const struct wal_record *rec,
    const struct wal_record_line *line, struct counter *c)
{
	const struct policy *p = config_policy(r->l->conf, line->policy);
	struct bill b = { .now = rec->now,
		.zone = r->l->conf->zone,
		.nline = 1,
		.ncommon = 1,
		.line = { { .policy = p,
		    .key = line->key,
		    .observed = line->observed,
		    .rcpt = line->rcpt,
		    .nrcpt = line->nrcpt } } };
	struct decision d = { .fits = true };

	switch (rec->kind) {
	case WAL_LOCK:
		c->locked_until = line->until;
		break;
	case WAL_RESET:
		counter_reset(c, rec->now);
		break;
	case WAL_GRANT:
		counter_grant(c, &rec->grant, rec->now);
		break;
	case WAL_CHARGE:
	case WAL_LEASE:
	case WAL_SETTLE:
		if (rec->kind == WAL_SETTLE)
			counter_return(
			    c, rec->returned, rec->lease.when, b.zone);
		memcpy(b.line[0].cost, line->cost, sizeof(line->cost));
		if (counter_reserve(c, line->nrcpt, rec->now) == -1) {
			why_set(&r->why, "out of memory");
			return STORE_FAILED;
		}
		quota_spend(&b, &c, &d);
	}
	return STORE_OK;
}

static enum store_answer
replay_line(struct replay *r, uint64_t seq, const struct wal_record *rec,
    const struct wal_record_line *line)
{
	struct counter *c;
	struct item *item;
	enum store_answer a = item_of(r, seq, line, rec->now, &item, &c);

	if (a == STORE_OK && item != NULL)
		a = apply(r, rec, line, c);
	if (a != STORE_OK || item == NULL) {
		local_shut(item, &c);
		return a;
	}
	local_put(r->l, item, &c);
	local_used(r->l, item);
	return STORE_OK;
}

/* Does a line before i name the same counter?  Then i is news if that was. */
static size_t
first_named(const struct wal_record *rec, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(rec->line[k].key, rec->line[i].key) == 0 &&
		    strcmp(rec->line[k].policy, rec->line[i].policy) == 0)
			return k;
	return i;
}

static enum store_answer
replay_lines(struct replay *r, uint64_t seq, const struct wal_record *rec)
{
	enum store_answer a = STORE_OK;
	uint64_t had[BILL_LINES];

	for (size_t i = 0; a == STORE_OK && i < rec->nline; i++) {
		const struct wal_record_line *line = &rec->line[i];
		size_t k = first_named(rec, i);
		struct item *item;

		if (k < i && had[k] < seq &&
		    (item = cache_peek(r->l->table, line->policy, line->key)) !=
			NULL)
			item->seq = had[k];
		a = local_fetch(
		    r->l, line->policy, line->key, true, &item, &r->why);
		had[i] = a == STORE_OK ? item->seq : 0;
		if (a != STORE_FAILED)
			a = replay_line(r, seq, rec, line);
	}
	return a;
}

/* All of it but the counters. */
static enum store_answer
replay_rest(struct replay *r, uint64_t seq, const struct wal_record *rec)
{
	if (rec->kind == WAL_SETTLE)
		lease_table_end(r->l->lease, rec->lease.id);
	if (rec->kind == WAL_LEASE)
		return replay_lease(r, seq, rec);
	return rec->bound[0] == '\0' ? STORE_OK : replay_binding(r, rec);
}

static bool
replay_record(void *arg, uint64_t seq, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct replay *r = arg;
	struct wal_record rec;
	enum store_answer a;

	if (r->ndigest < len / 8 + 1) {
		free(r->digest);
		r->ndigest = len / 8 + 1;
		r->digest = calloc(r->ndigest, sizeof(r->digest[0]));
	}
	if (r->digest == NULL)
		return false;
	if (!wal_record_unpack(&rec, payload, len, r->digest)) {
		why_set(why, "an unknown operation");
		return false;
	}
	r->n++;
	r->l->seq = seq;
	if (rec.now > r->l->time.highest)
		r->l->time.highest = rec.now;
	a = replay_lines(r, seq, &rec);
	if (a == STORE_OK)
		a = replay_rest(r, seq, &rec);
	if (a == STORE_FAILED)
		why_set(why, "%s", r->why.text);
	return a != STORE_FAILED;
}

enum store_fault
local_replay(struct local *l, const struct db_meta *meta, struct wal_end *end_r,
    struct why *why)
{
	struct replay r = { .l = l };
	enum store_fault fault;

	pthread_mutex_lock(&l->lock);
	fault = wal_replay(l->path,
	    &(struct wal_start){ meta->journal, meta->flushed }, replay_record,
	    &r, end_r, why);
	pthread_mutex_unlock(&l->lock);
	free(r.digest);
	if (r.n > 0)
		log_info(
		    "store: replayed %llu operations", (unsigned long long)r.n);
	if (r.lost > 0)
		log_warn("store: left out %llu of policies that are gone",
		    (unsigned long long)r.lost);
	if (end_r->torn > 0)
		log_warn(
		    "store: cut %zu bytes of the journal that were never finished or had not reached the disk",
		    end_r->torn);
	if (fault == STORE_OPENED && end_r->seq < meta->seq)
		log_warn(
		    "store: cut %llu operations: they had not reached the disk",
		    (unsigned long long)(meta->seq - end_r->seq));
	return fault;
}
