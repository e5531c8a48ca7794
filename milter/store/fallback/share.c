/*
 * share.c - the part of each limit that is this server's while the shared store
 * is out.
 *
 * The shares of all servers together are one limit, so an outage costs at most
 * that much more.
 */
#include "share.h"

struct share {
	struct bill bill;
	struct policy policy[BILL_LINES];
};

uint64_t
fallback_part(const struct fallback *f, uint64_t max)
{
	if (f->conf->store_share > 0)
		return max / 100 * f->conf->store_share +
		       max % 100 * f->conf->store_share / 100;
	return max / f->servers;
}

bool
fallback_is_usable(const struct fallback *f, struct why *why)
{
	if (!f->is_wanted || f->local == NULL)
		return false;
	if (f->servers > 0 || f->conf->store_share > 0)
		return true;
	why_set(why,
	    "the shared store is out, and how many servers share it is not known: write store-share");
	return false;
}

static void
take_share(const struct fallback *f, const struct bill *b, struct share *s)
{
	s->bill = *b;
	for (size_t i = 0; i < b->nline; i++) {
		s->policy[i] = *b->line[i].policy;
		s->bill.line[i].policy = &s->policy[i];
		for (size_t k = 0; k < s->policy[i].nlimit; k++)
			s->policy[i].limit[k].max =
			    fallback_part(f, s->policy[i].limit[k].max);
	}
}

enum store_answer
fallback_ask(struct fallback *f, const struct fallback_question *q,
    const struct bill *b, struct decision *d_r, struct why *why)
{
	enum store_answer a = STORE_FAILED;
	struct share s;

	pthread_rwlock_rdlock(&f->lock);
	if (fallback_is_usable(f, why)) {
		take_share(f, b, &s);
		if (q->kind != ASK_PREVIEW)
			atomic_store(&f->is_used, true);
		switch (q->kind) {
		case ASK_CHARGE:
			a = store_charge(f->local, &s.bill, q->bound, d_r, why);
			break;
		case ASK_PREVIEW:
			a = store_preview(f->local, &s.bill, d_r, why);
			break;
		case ASK_LEASE:
			a = store_lease(f->local, &s.bill, q->lease, d_r, why);
			break;
		}
	}
	pthread_rwlock_unlock(&f->lock);
	return a;
}
