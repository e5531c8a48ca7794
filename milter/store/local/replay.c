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

/* The item of a line, if this record is news to it; NULL in *i_r if not. */
static enum store_answer
item_of(struct replay *r, uint64_t seq, const struct wal_record_line *line,
    const struct policy **p_r, int64_t now, struct item **i_r)
{
	struct local *l = r->l;
	struct counter *c;
	enum store_answer a;

	*i_r = NULL;
	if ((*p_r = config_policy(l->conf, line->policy)) == NULL) {
		r->lost++;
		return STORE_OK;
	}
	a = local_fetch(l, line->policy, line->key, true, i_r, &r->why);
	if (a == STORE_NONE && (c = counter_new(*p_r)) != NULL) {
		*i_r = cache_add(l->table, line->policy, line->key, &c);
		counter_free(&c);
	}
	if (a == STORE_FAILED)
		return STORE_FAILED;
	if (*i_r == NULL || local_adapt(l, *i_r, *p_r, now) == -1) {
		why_set(&r->why, "out of memory");
		return STORE_FAILED;
	}
	if ((*i_r)->seq >= seq)
		*i_r = NULL;
	return STORE_OK;
}

static enum store_answer
replay_binding(struct replay *r, const struct wal_record *rec)
{
	struct local *l = r->l;
	struct item *item = cache_find(l->table, "", rec->bound);

	if (item == NULL)
		item = cache_add(l->table, "", rec->bound, NULL);
	if (item == NULL) {
		why_set(&r->why, "out of memory");
		return STORE_FAILED;
	}
	snprintf(
	    item->smarthost, sizeof(item->smarthost), "%s", rec->smarthost);
	item->bound_at = rec->now;
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

static enum store_answer
replay_charge(struct replay *r, uint64_t seq, const struct wal_record *rec)
{
	struct bill b = { .now = rec->now, .zone = r->l->conf->zone };
	struct decision d = { .fits = true };
	struct counter *counter[BILL_LINES] = { NULL };

	for (size_t i = 0; i < rec->nline; i++) {
		const struct wal_record_line *line = &rec->line[i];
		struct bill_line *to = &b.line[b.nline];
		struct item *item;

		if (item_of(r, seq, line, &to->policy, rec->now, &item) ==
		    STORE_FAILED)
			return STORE_FAILED;
		if (item == NULL)
			continue;
		if (counter_reserve(item->counter, line->nrcpt, rec->now) ==
		    -1) {
			why_set(&r->why, "out of memory");
			return STORE_FAILED;
		}
		to->key = line->key;
		to->observed = line->observed;
		to->rcpt = line->rcpt;
		to->nrcpt = line->nrcpt;
		memcpy(to->cost, line->cost, sizeof(to->cost));
		counter[b.nline++] = item->counter;
		local_changed(r->l, item);
	}
	b.ncommon = b.nline;
	if (rec->kind == WAL_SETTLE)
		for (size_t i = 0; i < b.nline; i++)
			counter_return(
			    counter[i], rec->returned, rec->lease.when, b.zone);
	quota_spend(&b, counter, &d);
	if (rec->kind == WAL_SETTLE)
		lease_table_end(r->l->lease, rec->lease.id);
	if (rec->kind == WAL_LEASE)
		return replay_lease(r, seq, rec);
	return rec->bound[0] == '\0' ? STORE_OK : replay_binding(r, rec);
}

static void
replay_admin_line(const struct wal_record *rec,
    const struct wal_record_line *line, struct counter *c)
{
	if (rec->kind == WAL_LOCK)
		c->locked_until = line->until;
	else if (rec->kind == WAL_RESET)
		counter_reset(c);
	else
		counter_grant(c, &rec->grant, rec->now);
}

static enum store_answer
replay_admin(struct replay *r, uint64_t seq, const struct wal_record *rec)
{
	for (size_t i = 0; i < rec->nline; i++) {
		const struct policy *policy;
		struct item *item;

		if (item_of(r, seq, &rec->line[i], &policy, rec->now, &item) ==
		    STORE_FAILED)
			return STORE_FAILED;
		if (item == NULL)
			continue;
		replay_admin_line(rec, &rec->line[i], item->counter);
		local_changed(r->l, item);
	}
	return STORE_OK;
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
	if (rec.now > r->l->highest)
		r->l->highest = rec.now;
	a = rec.kind == WAL_LOCK || rec.kind == WAL_RESET ||
		    rec.kind == WAL_GRANT
		? replay_admin(r, seq, &rec)
		: replay_charge(r, seq, &rec);
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
	fault = wal_replay(l->path, meta->journal, meta->flushed, replay_record,
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
