/*
 * gate_account.c - is the account shut, and for how long?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate_core.h"
#include "log.h"
#include "sent.h"
#include "verdict.h"

static struct account *
account_find(const struct gate *g, const char *name)
{
	struct account *a = g->account;

	while (a != NULL && strcmp(a->name, name) != 0)
		a = a->next;
	return a;
}

static struct account *
account_of(struct gate *g, const char *name)
{
	struct account *a = account_find(g, name);

	if (a != NULL || (a = calloc(1, sizeof(*a))) == NULL)
		return a;
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->next = g->account;
	g->account = a;
	return a;
}

/* --- what an outcome says ------------------------------------------------- */

static void
note_event(
    const struct desk *d, const char *account, const char *text, int64_t now)
{
	struct store_event e = { .when = now, .kind = "gate" };

	snprintf(e.key, sizeof(e.key), "%s", account);
	snprintf(e.text, sizeof(e.text), "%s", text);
	store_note(d->store, &e);
}

void
gate_learn(const struct desk *d, const struct delivery *del, int64_t now)
{
	static const char *const bad[] = {
		[OUTCOME_DOUBTFUL] = "nobody knows whether the provider has it",
		[OUTCOME_LOGIN_REFUSED] = "the provider refused the login",
	};
	const enum delivery_outcome outcome = delivery_outcome(del);
	struct account *a = account_of(d->gate, del->account);
	bool was;

	if (a == NULL || outcome == OUTCOME_NONE)
		return;
	was = a->breaker.pause > 0;
	if (outcome == OUTCOME_GOOD) {
		breaker_good(&a->breaker);
	} else {
		breaker_bad(&a->breaker, GATE_PAUSE, GATE_LONGEST, now);
		why_set(&a->why, "%s, %u times in a row", bad[outcome],
		    a->breaker.failures);
	}
	if (was == (a->breaker.pause > 0))
		return;
	if (was) {
		log_info("gate: account=%s opened", a->name);
		note_event(
		    d, a->name, "the gate opened: it takes mail again", now);
	} else {
		log_warn("gate: account=%s closed: %s", a->name, a->why.text);
		note_event(d, a->name, a->why.text, now);
	}
}

/* --- what is known of an account ----------------------------------------- */

bool
gate_is_shut(const struct desk *d, const char *account, bool take, int64_t now,
    struct why *why)
{
	const struct account *a = account_find(d->gate, account);
	struct holds *holds = &d->gate->holds;
	char when[80];

	if (a != NULL && breaker_state(&a->breaker, now) == BREAKER_OPEN) {
		verdict_time(
		    a->breaker.until, now, d->conf->zone, when, sizeof(when));
		why_set(why, "account %s is closed until %s: %s", account, when,
		    a->why.text);
		return true;
	}
	holds_learn(holds, d, account, now);
	return holds_shut(
	    holds, d, &(struct hold_question){ account, "", take }, now, why);
}

/* closed - and why */
static bool
closed(const struct desk *d, const struct smarthost *sh, const char *sender,
    int64_t now, struct why *why)
{
	bool is;

	if (d->gate == NULL)
		return false;
	pthread_mutex_lock(&d->gate->lock);
	is = gate_is_shut(d, sh->name, false, now, why) ||
	     (sender[0] != '\0' &&
		 holds_shut(&d->gate->holds, d,
		     &(struct hold_question){ sh->name, sender, false }, now,
		     why));
	pthread_mutex_unlock(&d->gate->lock);
	return is;
}

bool
gate_is_closed(const struct desk *d, const struct smarthost *sh,
    const char *sender, int64_t now)
{
	struct why why;

	return closed(d, sh, sender, now, &why);
}

bool
gate_preview(const struct desk *d, const struct smarthost *sh,
    const char *sender, int64_t now, struct why *why)
{
	return closed(d, sh, sender, now, why) ||
	       (d->gate != NULL && sent_is_full(d, sh, now, why));
}

/* report_hold - what the provider refuses comes before what we saw ourselves */
static void
report_hold(const struct hold *h, int64_t now, struct gate_report *r_r)
{
	if (h == NULL || hold_state(h, now) == HOLD_OPEN)
		return;
	r_r->closed = true;
	r_r->until = h->until;
	r_r->class = h->class;
	why_set(&r_r->why, "%s", h->why);
}

enum store_answer
gate_by_hand(const struct desk *d, const char *account,
    const struct hold_order *order, int64_t now, struct why *why)
{
	struct gate *g = d->gate;
	enum store_answer done;
	struct account *a;

	pthread_mutex_lock(&g->lock);
	a = account_find(g, account);
	if (order->until == 0 && a != NULL)
		breaker_good(&a->breaker);
	done = holds_by_hand(&g->holds, d, account, order, now, why);
	pthread_mutex_unlock(&g->lock);
	return done;
}

bool
gate_login_refused(struct gate *g, const char *account)
{
	bool refused;

	pthread_mutex_lock(&g->lock);
	refused = holds_login_refused(&g->holds, account);
	pthread_mutex_unlock(&g->lock);
	return refused;
}

void
gate_try_now(struct gate *g, const char *account, int64_t now)
{
	struct account *a;

	pthread_mutex_lock(&g->lock);
	a = account_find(g, account);
	if (a != NULL && breaker_state(&a->breaker, now) == BREAKER_OPEN)
		a->breaker.until = now;
	holds_try_now(&g->holds, account, now);
	pthread_mutex_unlock(&g->lock);
}

void
gate_report(
    struct gate *g, const char *account, int64_t now, struct gate_report *r_r)
{
	const struct account *a;

	*r_r = (struct gate_report){ .closed = false };
	pthread_mutex_lock(&g->lock);
	a = account_find(g, account);
	if (a != NULL && breaker_state(&a->breaker, now) == BREAKER_OPEN) {
		r_r->closed = true;
		r_r->until = a->breaker.until;
		r_r->why = a->why;
	}
	report_hold(holds_find(&g->holds, account), now, r_r);
	for (const struct visitor *v = g->visitor; v != NULL; v = v->next)
		r_r->leases += v->delivery.stage >= DELIVERY_OPEN &&
			       strcmp(v->delivery.account, account) == 0;
	pthread_mutex_unlock(&g->lock);
}
