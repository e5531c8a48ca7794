/*
 * store.c - the contract, passed on to the backend.
 *
 * What no backend should have to doubt is checked here, once.
 */
#include <stdio.h>
#include <string.h>

#include "backend.h"

void
store_close(struct store **sp)
{
	const struct config *conf;

	if (*sp == NULL)
		return;
	conf = (*sp)->conf;
	(*sp)->backend->close(*sp);
	config_release(&conf);
	*sp = NULL;
}

const char *
store_kind(const struct store *s)
{
	return s->backend->kind;
}

/* --- what may be asked --------------------------------------------------- */

static bool
store_is_name(const char *s)
{
	return s[0] != '\0' && strlen(s) < STORE_NAME;
}

static bool
is_key(const char *s)
{
	return strlen(s) <= MAILADDR_MAX;
}

static enum store_answer
store_refuse(struct why *why, const char *what)
{
	why_set(why, "%s is longer than a store takes", what);
	return STORE_FAILED;
}

static bool
is_bill(const struct bill *b)
{
	if (b->nline > BILL_LINES || b->ncommon > b->nline ||
	    b->nchoice > BILL_CHOICES)
		return false;
	for (size_t i = 0; i < b->nline; i++)
		if (!store_is_name(b->line[i].policy->name) ||
		    !is_key(b->line[i].key))
			return false;
	for (size_t i = 0; i < b->nchoice; i++)
		if (!store_is_name(b->choice[i].smarthost) ||
		    (b->choice[i].bound != NULL &&
			!is_key(b->choice[i].bound)) ||
		    b->choice[i].first > b->nline ||
		    b->choice[i].n > b->nline - b->choice[i].first)
			return false;
	return true;
}

/* Different recipients that a record of one bill can hold (journal: 1 MiB). */
#define RECIPIENTS_MAX 120000

static size_t
unique_limit(const struct policy *p)
{
	size_t i = 0;

	while (i < p->nlimit && p->limit[i].dim != DIM_UNIQUE)
		i++;
	return i;
}

/* Does a line before i bring the same list? */
static bool
store_is_listed(const struct bill *b, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (b->line[k].rcpt == b->line[i].rcpt &&
		    b->line[k].nrcpt == b->line[i].nrcpt)
			return true;
	return false;
}

/*
 * A sender may name more recipients than any store can remember.  That is a
 * message that never fits, not a store that failed.
 */
static bool
never_fits(const struct bill *b, struct decision *d_r)
{
	size_t n = 0;

	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];
		size_t limit = unique_limit(l->policy);

		if (limit == l->policy->nlimit || l->rcpt == NULL ||
		    store_is_listed(b, i))
			continue;
		if ((n += l->nrcpt) <= RECIPIENTS_MAX)
			continue;
		*d_r =
		    (struct decision){ .shortfall = { .what = SHORT_NEVER,
					   .line = i,
					   .limit = limit,
					   .max = l->policy->limit[limit].max,
					   .again = NEVER } };
		return true;
	}
	return false;
}

/* --- the contract, passed on --------------------------------------------- */

enum store_answer
store_charge(struct store *s, const struct bill *bill, const char *bound,
    struct decision *d_r, struct why *why)
{
	bound = bound == NULL ? "" : bound;
	if (!is_bill(bill) || !is_key(bound))
		return store_refuse(why, "a name or key of this bill");
	if (never_fits(bill, d_r))
		return STORE_OK;
	return s->backend->charge(s, bill, bound, d_r, why);
}

enum store_answer
store_preview(struct store *s, const struct bill *bill, struct decision *d_r,
    struct why *why)
{
	if (!is_bill(bill))
		return store_refuse(why, "a name or key of this bill");
	if (never_fits(bill, d_r))
		return STORE_OK;
	return s->backend->preview(s, bill, d_r, why);
}

enum store_answer
store_bound(struct store *s, const char *bound, int64_t now, char *smarthost_r,
    struct why *why)
{
	if (!is_key(bound))
		return STORE_NONE;
	return s->backend->bound(s, bound, now, smarthost_r, why);
}

static bool
is_lease(const struct bill *b, const struct lease *l)
{
	return is_bill(b) && b->nchoice == 0 && store_is_name(l->smarthost) &&
	       memchr(l->owner, '\0', sizeof(l->owner)) != NULL &&
	       is_key(l->sender);
}

enum store_answer
store_lease(struct store *s, const struct bill *bill, struct lease *lease,
    struct decision *d_r, struct why *why)
{
	lease->id = 0;
	if (!is_lease(bill, lease))
		return store_refuse(why, "a name or key of this lease");
	lease->when = bill->now;
	return s->backend->lease(s, bill, lease, d_r, why);
}

enum store_answer
store_settle(struct store *s, const struct bill *bill,
    const struct lease *lease, const struct settlement *left, struct why *why)
{
	if (!is_lease(bill, lease))
		return store_refuse(why, "a name or key of this lease");
	return s->backend->settle(s, bill, lease, left, why);
}

enum store_answer
store_leases(struct store *s, store_lease_fn *each, void *arg, struct why *why)
{
	return s->backend->leases(s, each, arg, why);
}

/* What a backend does not answer, the store that it wraps does. */
#define ANSWERER(s, op) ((s)->backend->op != NULL ? (s) : (s)->wrapped)

enum store_answer
store_reset(struct store *s, const struct policy *policy, const char *key,
    const struct audit *by, struct why *why)
{
	if (!store_is_name(policy->name) || !is_key(key))
		return store_refuse(why, "the key");
	s = ANSWERER(s, reset);
	return s->backend->reset(s, policy, key, by, why);
}

enum store_answer
store_grant(struct store *s, const struct policy *policy, const char *key,
    const struct grant *g, const struct audit *by, struct why *why)
{
	if (!store_is_name(policy->name) || !is_key(key))
		return store_refuse(why, "the key");
	s = ANSWERER(s, grant);
	return s->backend->grant(s, policy, key, g, by, why);
}

enum store_answer
store_block(struct store *s, const char *who, int64_t until,
    const struct audit *by, struct why *why)
{
	if (!is_key(who))
		return store_refuse(why, "the name");
	s = ANSWERER(s, block);
	return s->backend->block(s, who, until, by, why);
}

enum store_answer
store_unblock(
    struct store *s, const char *who, const struct audit *by, struct why *why)
{
	if (!is_key(who))
		return STORE_NONE;
	s = ANSWERER(s, unblock);
	return s->backend->unblock(s, who, by, why);
}

enum store_answer
store_blocked(struct store *s, const char *who, int64_t now, char *text_r,
    struct why *why)
{
	if (!is_key(who))
		return STORE_NONE;
	return s->backend->blocked(s, who, now, text_r, why);
}

void
store_note(struct store *s, const struct store_event *e)
{
	s = ANSWERER(s, note);
	s->backend->note(s, e);
}

enum store_answer
store_read(struct store *s, const struct policy *policy, const char *key,
    int64_t now, struct counter **c_r, struct why *why)
{
	*c_r = NULL;
	if (!store_is_name(policy->name) || !is_key(key))
		return STORE_NONE;
	s = ANSWERER(s, read);
	return s->backend->read(s, policy, key, now, c_r, why);
}

enum store_answer
store_walk(struct store *s, int64_t now, store_each_fn *each, void *arg,
    struct why *why)
{
	s = ANSWERER(s, walk);
	return s->backend->walk(s, now, each, arg, why);
}

enum store_answer
store_events(struct store *s, const char *key, size_t n, store_event_fn *each,
    void *arg, struct why *why)
{
	s = ANSWERER(s, events);
	return s->backend->events(s, key, n, each, arg, why);
}

enum store_answer
store_blocks(struct store *s, int64_t now, store_block_fn *each, void *arg,
    struct why *why)
{
	s = ANSWERER(s, blocks);
	return s->backend->blocks(s, now, each, arg, why);
}

void
store_stats(struct store *s, struct store_stats *st_r)
{
	s->backend->stats(s, st_r);
}

void
store_reconfigure(struct store *s, const struct config *conf)
{
	const struct config *before = s->conf;

	s->conf = config_hold(conf);
	s->backend->reconfigure(s, conf);
	config_release(&before);
}

enum store_answer
store_flush(struct store *s, struct why *why)
{
	s = ANSWERER(s, flush);
	return s->backend->flush(s, why);
}
