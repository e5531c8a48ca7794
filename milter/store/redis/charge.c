/*
 * charge.c - a bill: decided on copies, swapped as a whole.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

/* What a person is told is what his clock will show. */
static void
redis_clock_times(const struct redis_work *w, struct decision *d)
{
	d->shortfall.again =
	    redis_clock_at(w->store, w->clock, d->shortfall.again);
	d->observed.again =
	    redis_clock_at(w->store, w->clock, d->observed.again);
}

/* --- a bill in hand ----------------------------------------------------- */

enum store_answer
redis_gather(struct redis_work *w, const struct bill *b, struct redis_hand *h,
    struct why *why)
{
	h->bill = *b;
	h->bill.now = work_now(w, b->now);
	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];

		h->record[i] = NULL;
		h->counter[i] = NULL;
		/* What costs nothing goes by the account with more left, too.
		 */
		if (quota_is_free(l) && (!b->spread || i < b->ncommon))
			continue;
		if (work_counter(w, l->policy, l->key, &h->record[i], why) ==
			STORE_FAILED ||
		    work_adapt(h->record[i], l->policy, h->bill.now, b->zone,
			why) == STORE_FAILED)
			return STORE_FAILED;
	}
	/* Only now: to adapt one may have made another of it. */
	for (size_t i = 0; i < b->nline; i++)
		if (h->record[i] != NULL)
			h->counter[i] = h->record[i]->counter;
	return STORE_OK;
}

/* --- bindings: "TIME SMARTHOST" ----------------------------------------- */

static const char *
binding_key(char dst[REDIS_KEY], const char *bound)
{
	snprintf(dst, REDIS_KEY, REDIS_BINDINGS "%s", bound);
	return dst;
}

static bool
redis_charge_bind_to(
    struct redis_work *w, const char *bound, const char *smarthost, int64_t now)
{
	char key[REDIS_KEY], text[STORE_NAME + 32];

	snprintf(text, sizeof(text), "%" PRId64 " %s", now, smarthost);
	return work_set(w, binding_key(key, bound), text, strlen(text));
}

/* --- spending ----------------------------------------------------------- */

/* The counter of line i, made if it was never used, with room for it. */
static bool
redis_charge_make_counter(struct redis_hand *h, size_t i)
{
	const struct bill_line *l = &h->bill.line[i];
	struct redis_record *r = h->record[i];

	/* NOLINTNEXTLINE(clang-analyzer-core*): what is spent was gathered */
	if (r->counter == NULL)
		r->counter = counter_new(l->policy);
	h->counter[i] = r->counter;
	return r->counter != NULL &&
	       counter_reserve(r->counter, l->rcpt == NULL ? 0 : l->nrcpt,
		   h->bill.now) == 0;
}

/* What a refused bill leaves behind: lockouts. */
static void
lock(struct redis_work *w, struct redis_hand *h, struct decision *d)
{
	int64_t before[BILL_LINES] = { 0 };

	for (size_t i = 0; i < h->bill.nline; i++)
		if (h->counter[i] != NULL)
			before[i] = h->counter[i]->locked_until;
	quota_lock(&h->bill, h->counter, d);
	for (size_t i = 0; i < h->bill.nline; i++)
		if (h->counter[i] != NULL &&
		    h->counter[i]->locked_until != before[i])
			work_changed(w, h->record[i]);
}

/* Makes what spending needs: nothing fails once it has begun. */
static bool
redis_charge_prepare(struct redis_work *w, struct redis_hand *h,
    const struct decision *d, const char *bound)
{
	const struct bill *b = &h->bill;
	const struct bill_choice *ch;

	for (size_t i = 0; i < b->nline; i++)
		if (quota_is_spent(b, d, i) && !redis_charge_make_counter(h, i))
			return false;
	if (b->nchoice == 0)
		return true;
	ch = &b->choice[d->choice];
	bound = ch->bound != NULL ? ch->bound : bound;
	return bound[0] == '\0' ||
	       redis_charge_bind_to(w, bound, ch->smarthost, b->now);
}

enum store_answer
redis_spend(struct redis_work *w, struct redis_hand *h, const char *bound,
    struct decision *d, struct why *why)
{
	const struct bill *b = &h->bill;

	quota_decide(b, h->counter, d);
	if (d->fits && !redis_charge_prepare(w, h, d, bound)) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	work_time(w, b->now);
	if (d->fits)
		quota_spend(b, h->counter, d);
	else
		lock(w, h, d);
	for (size_t i = 0; d->fits && i < b->nline; i++)
		if (quota_is_spent(b, d, i))
			work_changed(w, h->record[i]);
	redis_clock_times(w, d);
	return STORE_OK;
}

/* --- who is bound to what ----------------------------------------------- */

struct binding {
	const char *bound;
	int64_t now;
	char *smarthost_r;
};

static enum store_answer
read_binding(struct redis_work *w, void *arg, struct why *why)
{
	const struct binding *b = arg;
	char key[REDIS_KEY], text[STORE_NAME + 32];
	struct redis_record *r = work_record(w, binding_key(key, b->bound));
	const char *content;
	int64_t when;
	size_t len;
	int at = 0;

	if (r == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	if ((content = work_content(r, &len)) == NULL)
		return STORE_NONE;
	snprintf(text, sizeof(text), "%.*s", (int)len, content);
	if (sscanf(text, "%" SCNd64 " %n", &when, &at) != 1 || at == 0 ||
	    work_now(w, b->now) - when >= REDIS_BINDING_LIFE)
		return STORE_NONE;
	snprintf(b->smarthost_r, STORE_NAME, "%s", text + at);
	return STORE_OK;
}

enum store_answer
redis_bound(struct store *s, const char *bound, int64_t now, char *smarthost_r,
    struct why *why)
{
	struct binding b = { bound, now, smarthost_r };

	return redis_call(
	    redis_of(s), read_binding, &b, redis_of(s)->timeout, why);
}

/* --- asking ------------------------------------------------------------- */

struct charge {
	const struct bill *bill;
	const char *bound;
	struct decision *d_r;
};

static enum store_answer
redis_charge_once(struct redis_work *w, void *arg, struct why *why)
{
	const struct charge *c = arg;
	struct redis_hand h;
	enum store_answer a = redis_gather(w, c->bill, &h, why);

	return a == STORE_OK ? redis_spend(w, &h, c->bound, c->d_r, why) : a;
}

/* A copy in the form of policy: what others work on stays as it is. */
static struct counter *
copy_for(
    const struct counter *c, const struct bill_line *l, const struct bill *b)
{
	struct counter *copy = counter_copy(c);

	if (copy != NULL &&
	    counter_adapt(&copy, l->policy, b->now, b->zone) == -1)
		counter_free(&copy);
	return copy;
}

/*
 * The records in work are those of charges in the same batch, too, maybe under
 * another configuration: a question adapts copies of its own.
 */
static enum store_answer
preview(struct redis_work *w, void *arg, struct why *why)
{
	const struct charge *c = arg;
	struct bill b = *c->bill;
	struct counter *counter[BILL_LINES] = { NULL },
		       *own[BILL_LINES] = { NULL };
	enum store_answer a = STORE_OK;

	b.now = work_now(w, c->bill->now);
	for (size_t i = 0; a == STORE_OK && i < b.nline; i++) {
		const struct bill_line *l = &b.line[i];
		struct redis_record *r;

		if (work_counter(w, l->policy, l->key, &r, why) ==
		    STORE_FAILED) {
			a = STORE_FAILED;
		} else if (r->counter == NULL ||
			   counter_fits(r->counter, l->policy)) {
			counter[i] = r->counter;
		} else if ((own[i] = copy_for(r->counter, l, &b)) == NULL) {
			why_set(why, "out of memory");
			a = STORE_FAILED;
		} else {
			counter[i] = own[i];
		}
	}
	if (a == STORE_OK) {
		quota_decide(&b, counter, c->d_r);
		redis_clock_times(w, c->d_r);
	}
	for (size_t i = 0; i < b.nline; i++)
		counter_free(&own[i]);
	return a;
}

void
redis_count(
    struct redis_store *s, enum store_answer a, const struct decision *d)
{
	pthread_mutex_lock(&s->lock);
	if (a != STORE_OK)
		s->stats.failed++;
	else if (d->fits)
		s->stats.charged++;
	else
		s->stats.declined++;
	pthread_mutex_unlock(&s->lock);
}

enum store_answer
redis_charge(struct store *st, const struct bill *b, const char *bound,
    struct decision *d_r, struct why *why)
{
	struct redis_store *s = redis_of(st);
	struct charge c = { b, bound, d_r };
	enum store_answer a =
	    redis_call(s, redis_charge_once, &c, s->timeout, why);

	redis_count(s, a, d_r);
	return a;
}

/* Yes is said on what was seen last; no is asked for. */
enum store_answer
redis_preview(struct store *st, const struct bill *b, struct decision *d_r,
    struct why *why)
{
	struct redis_store *s = redis_of(st);
	struct charge c = { b, "", d_r };

	if (redis_answer_seen(s, preview, &c, REDIS_FRESH) && d_r->fits)
		return STORE_OK;
	return redis_call(s, preview, &c, s->timeout, why);
}
