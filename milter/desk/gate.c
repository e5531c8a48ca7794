/*
 * gate.c - an account is metered where its mail leaves.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "gate_core.h"
#include "log.h"
#include "record.h"
#include "sent.h"

struct gate *
gate_new(void)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (g != NULL && pthread_mutex_init(&g->lock, NULL) != 0) {
		free(g);
		g = NULL;
	}
	return g;
}

void
gate_free(struct gate **gp)
{
	struct gate *g = *gp;
	struct visitor *v;
	struct message *m;
	struct account *a;

	*gp = NULL;
	if (g == NULL)
		return;
	while ((v = g->visitor) != NULL) {
		g->visitor = v->next;
		free(v);
	}
	while ((m = g->message) != NULL) {
		g->message = m->next;
		free(m);
	}
	while ((a = g->account) != NULL) {
		g->account = a->next;
		free(a);
	}
	holds_free(&g->holds);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* --- who is there -------------------------------------------------------- */

static struct visitor *
visitor_find(const struct gate *g, const char *owner)
{
	struct visitor *v = g->visitor;

	while (v != NULL && strcmp(v->owner, owner) != 0)
		v = v->next;
	return v;
}

static struct visitor *
visitor_add(struct gate *g, const char *owner)
{
	struct visitor *v = visitor_find(g, owner);

	if (v != NULL)
		return v;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return NULL;
	snprintf(v->owner, sizeof(v->owner), "%s", owner);
	v->next = g->visitor;
	g->visitor = v;
	return v;
}

static void
visitor_remove(struct gate *g, struct visitor *v)
{
	struct visitor **at = &g->visitor;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	free(v);
}

/* --- deliveries ---------------------------------------------------------- */

/* tell_end - what became of a delivery, for the log and for the trace */
static void
tell_end(const struct desk *d, const struct visitor *v,
    const struct settlement *left, int64_t now)
{
	const struct delivery *del = &v->delivery;
	const bool known = del->statuses > 0;
	const char *outcome =
	    known ? delivery_status_name(del->worst) : "unknown";
	char sender[MAILADDR_MAX + 8];

	log_info("exit: account=%s owner=%s sender=<%s> messages=%" PRIu64
		 " recipients=%" PRIu64 " unknown=%" PRIu64 " outcome=%s",
	    del->account, v->owner,
	    escape_str(sender, sizeof(sender), del->sender), left->messages,
	    left->recipients, known ? del->unknown : left->recipients, outcome);
	record_delivery(d->conf,
	    &(struct record_delivery){ .id = "",
		.account = del->account,
		.sender = del->sender,
		.recipients = left->recipients,
		.verdict = outcome,
		.failed = del->sent == 0,
		.text = known ? del->said.text
			      : "the connection ended before Postfix told" },
	    now);
}

/* finish - the delivery of v is over: settled, told and learnt from */
static void
finish(const struct desk *d, struct visitor *v, int64_t now)
{
	struct delivery *del = &v->delivery;
	const struct smarthost *sh = config_smarthost(d->conf, del->account);
	const struct settlement left = delivery_settle(del);

	if (del->stage >= DELIVERY_OPEN && sh != NULL) {
		sent_settle(d, sh, NULL, &del->lease, &left, now);
		if (del->sender[0] != '\0')
			sent_settle(
			    d, sh, del->sender, &del->sender_lease, &left, now);
	}
	if (del->stage >= DELIVERY_OPEN)
		tell_end(d, v, &left, now);
	if (del->lease.id == 0 && del->sent > 0 && sh != NULL &&
	    sh->policies.n > 0)
		log_error(
		    "exit: account=%s: %" PRIu64
		    " recipients left without a lease: they were charged; look with `postmeterctl check --mta` for a way around the gate",
		    del->account, del->sent);
	/* What was told while the daemon was away says nothing of the account.
	 */
	if (!v->adopted || del->statuses > 0)
		gate_learn(d, del, now);
	*del = (struct delivery){ .stage = DELIVERY_NONE };
	v->adopted = false;
}

/* whole_delivery - for owner, as much as one delivery can send */
static struct lease
whole_delivery(const char *owner, const struct smarthost *sh)
{
	struct lease l = { .messages = 1, .recipients = sh->recipient_limit };

	snprintf(l.owner, sizeof(l.owner), "%s", owner);
	return l;
}

/* begin - a new delivery of v; what went before is over */
static enum gate_answer
begin(const struct desk *d, struct visitor *v, const struct smarthost *sh,
    int64_t now, struct why *why)
{
	struct delivery *del = &v->delivery;
	enum gate_answer a = GATE_SHUT;

	finish(d, v, now);
	snprintf(del->account, sizeof(del->account), "%s", sh->name);
	del->lease = whole_delivery(v->owner, sh);
	if (!gate_is_shut(d, sh->name, true, now, why))
		a = sent_take(d, sh, NULL, now, &del->lease, why);
	del->stage = a == GATE_OPEN ? DELIVERY_OPEN : DELIVERY_REFUSED;
	if (a != GATE_OPEN)
		del->why = *why;
	return a;
}

enum gate_answer
gate_begin(const struct desk *d, const char *owner, const struct smarthost *sh,
    int64_t now, struct why *why)
{
	enum gate_answer a = GATE_UNKNOWN;
	struct visitor *v;

	pthread_mutex_lock(&d->gate->lock);
	v = visitor_add(d->gate, owner);
	/*
	 * Also after a restart of the daemon: this may be an old question that
	 * was not answered, or the next delivery.  Nobody knows, so it counts.
	 */
	if (v == NULL)
		why_set(why, "out of memory");
	else
		a = begin(d, v, sh, now, why);
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

void
gate_sender(const struct desk *d, const char *owner, const struct smarthost *sh,
    const char *raw, int64_t now)
{
	struct mailaddr sender;
	struct delivery *del;
	struct visitor *v;
	struct why why = WHY_NONE;

	mailaddr_canon(&sender, raw, strlen(raw), d->conf->recipient_delimiter);
	pthread_mutex_lock(&d->gate->lock);
	v = visitor_find(d->gate, owner);
	del = v != NULL ? &v->delivery : NULL;
	/* Asked for each server that it logs in to: the first time counts. */
	if (del != NULL && del->stage >= DELIVERY_OPEN &&
	    del->sender[0] == '\0' && strcmp(del->account, sh->name) == 0) {
		memcpy(del->sender, sender.text, sizeof(del->sender));
		del->probe = mailaddr_is_probe(&sender);
		del->sender_lease = whole_delivery(owner, sh);
		if (holds_shut(&d->gate->holds, d,
			&(struct hold_question){ sh->name, del->sender, true },
			now, &why) ||
		    sent_take(d, sh, del->sender, now, &del->sender_lease,
			&why) != GATE_OPEN)
			del->why = why;
	}
	pthread_mutex_unlock(&d->gate->lock);
}

enum gate_answer
gate_login(const struct desk *d, const char *owner, const struct smarthost *sh,
    int64_t now, struct why *why)
{
	enum gate_answer a = GATE_UNKNOWN;
	struct visitor *v;

	pthread_mutex_lock(&d->gate->lock);
	v = visitor_add(d->gate, owner);
	if (v == NULL)
		why_set(why, "out of memory");
	else if (v->delivery.stage >= DELIVERY_OPEN &&
		 strcmp(v->delivery.account, sh->name) == 0)
		a = GATE_OPEN;
	else
		a = begin(d, v, sh, now, why);
	if (a == GATE_OPEN && v->delivery.why.text[0] != '\0') {
		*why = v->delivery.why; /* its sender has no capacity */
		a = GATE_SHUT;
	}
	if (a == GATE_OPEN) {
		v->delivery.stage = DELIVERY_LOGGED_IN;
		v->adopted = false;
	}
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

/* under_way - what deliveries of the account hold that have not ended */
static struct settlement
under_way(const struct gate *g, const char *account)
{
	struct settlement all = { 0, 0, 0 };

	for (const struct visitor *v = g->visitor; v != NULL; v = v->next) {
		const struct delivery *del = &v->delivery;
		struct settlement left = { 0, 0, 0 };

		if (del->stage < DELIVERY_OPEN || del->lease.id == 0 ||
		    strcmp(del->account, account) != 0)
			continue;
		if (del->statuses > 0) /* over, but for the settlement */
			left = delivery_settle(del);
		if (del->lease.messages > left.messages)
			all.messages += del->lease.messages - left.messages;
		if (del->lease.recipients > left.recipients)
			all.recipients +=
			    del->lease.recipients - left.recipients;
	}
	return all;
}

bool
gate_status(const struct desk *d, const char *owner, const struct smarthost *sh,
    const char *text, int64_t now, struct why *better)
{
	const enum delivery_status s = delivery_status(text, strlen(text));
	struct refusal_reply reply;
	struct visitor *v;
	bool said = false;

	pthread_mutex_lock(&d->gate->lock);
	v = visitor_add(d->gate, owner);
	if (v != NULL) {
		struct delivery *del = &v->delivery;
		struct holds *holds = &d->gate->holds;

		if (del->stage == DELIVERY_NONE)
			snprintf(
			    del->account, sizeof(del->account), "%s", sh->name);
		/* A success without a lease: it is charged when it ends. */
		if (s == STATUS_SENT && del->stage <= DELIVERY_REFUSED)
			del->stage = DELIVERY_LOGGED_IN;
		delivery_note(del, s, text);
		said = s == STATUS_WAITED && del->why.text[0] != '\0';
		if (said)
			*better = del->why;
		else if (s == STATUS_SENT)
			holds_delivered(holds, d, sh, del->sender, now);
		else
			said = refusal_read_postfix(text, &reply) &&
			       holds_heard(holds, d,
				   &(struct heard){ sh, del->sender, &reply,
				       under_way(d->gate, sh->name) },
				   now, better);
	}
	pthread_mutex_unlock(&d->gate->lock);
	return said;
}

void
gate_end(const struct desk *d, const char *owner, int64_t now)
{
	struct visitor *v;

	pthread_mutex_lock(&d->gate->lock);
	v = visitor_find(d->gate, owner);
	if (v != NULL) {
		finish(d, v, now);
		visitor_remove(d->gate, v);
	}
	gate_messages_end(d, owner, now);
	pthread_mutex_unlock(&d->gate->lock);
}

bool
gate_is_busy(struct gate *g, const char *owner)
{
	const struct visitor *v;
	bool busy;

	pthread_mutex_lock(&g->lock);
	v = visitor_find(g, owner);
	busy = v != NULL && v->delivery.stage >= DELIVERY_OPEN;
	pthread_mutex_unlock(&g->lock);
	return busy;
}

/* --- after a restart ----------------------------------------------------- */

struct adoption {
	const struct desk *desk;
	gate_owner_fn *owner_is;
	bool failed;
};

/* adopt_one - one lease of the store: of an account, or of a sender there */
static bool
adopt_one(void *arg, const struct lease *l)
{
	struct adoption *ad = arg;
	struct visitor *v;

	if (ad->owner_is(l->owner) == OWNER_ELSEWHERE)
		return true;
	v = visitor_add(ad->desk->gate, l->owner);
	if (v == NULL) {
		ad->failed = true;
		return false;
	}
	v->adopted = true;
	v->delivery.stage = DELIVERY_LOGGED_IN;
	memcpy(v->delivery.account, l->smarthost, sizeof(l->smarthost));
	if (l->sender[0] == '\0') {
		v->delivery.lease = *l;
	} else {
		v->delivery.sender_lease = *l;
		memcpy(v->delivery.sender, l->sender, sizeof(l->sender));
	}
	return true;
}

/* With the gate's lock: finishes what the owners that are gone had. */
static void
finish_the_gone(const struct desk *d, gate_owner_fn *owner_is, int64_t now)
{
	struct visitor *v, *next;

	for (v = d->gate->visitor; v != NULL; v = next) {
		next = v->next;
		if (owner_is(v->owner) == OWNER_GONE) {
			finish(d, v, now);
			visitor_remove(d->gate, v);
		}
	}
}

void
gate_sweep(const struct desk *d, gate_owner_fn *owner_is, int64_t now)
{
	pthread_mutex_lock(&d->gate->lock);
	finish_the_gone(d, owner_is, now);
	pthread_mutex_unlock(&d->gate->lock);
}

enum gate_answer
gate_adopt(
    const struct desk *d, gate_owner_fn *owner_is, int64_t now, struct why *why)
{
	struct adoption ad = { .desk = d, .owner_is = owner_is };
	enum store_answer a;

	pthread_mutex_lock(&d->gate->lock);
	a = store_leases(d->store, adopt_one, &ad, why);
	finish_the_gone(d, owner_is, now);
	if (a == STORE_OK || a == STORE_NONE)
		a = holds_adopt(&d->gate->holds, d, now, why);
	pthread_mutex_unlock(&d->gate->lock);
	if (ad.failed)
		why_set(why, "out of memory");
	return ad.failed || a != STORE_OK ? GATE_UNKNOWN : GATE_OPEN;
}
