/*
 * gate.c - an account is metered where its mail leaves.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "breaker.h"
#include "delivery.h"
#include "escape.h"
#include "gate.h"
#include "holds.h"
#include "limit.h"
#include "log.h"
#include "verdict.h"

/* An owner and its delivery. */
struct visitor {
	struct visitor *next;
	bool adopted; /* from before a restart: it may ask once more */
	struct delivery delivery;
	char owner[LEASE_OWNER];
};

struct account {
	struct account *next;
	struct breaker breaker;
	struct why why; /* of the last failure */
	char name[STORE_NAME];
};

/* What was taken for one delivery of a message. */
struct taken {
	struct lease lease, sender_lease;
	uint64_t rcpts; /* so far */
	uint64_t first; /* digest of its first recipient */
	int64_t since;
	char process[LEASE_OWNER];
};

/* A message of a mail server that tells no outcome. */
struct message {
	struct message *next;
	struct taken now, before; /* its last delivery, and the one before */
	int64_t when;             /* last asked about */
	char account[STORE_NAME];
	char sender[MAILADDR_MAX + 1];
	char id[LEASE_OWNER];
};

struct gate {
	pthread_mutex_t lock;
	/* guarded by lock */
	struct visitor *visitor;
	struct message *message;
	struct account *account;
	struct holds holds;
};

/* The lines of a bill, and the keys that it points to. */
struct work {
	struct bill bill;
	char key[BILL_LINES][MAILADDR_MAX + 1];
};

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

void
gate_key(const char *name, char *dst, size_t size)
{
	snprintf(dst, size, "sent %s", name);
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

static struct account *
account_of(struct gate *g, const char *name)
{
	struct account *a = g->account;

	while (a != NULL && strcmp(a->name, name) != 0)
		a = a->next;
	if (a != NULL || (a = calloc(1, sizeof(*a))) == NULL)
		return a;
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->next = g->account;
	g->account = a;
	return a;
}

/* --- what it costs ------------------------------------------------------- */

/*
 * sent_bill - the lines of an account (sender NULL), or those that it keeps
 * for each sender.  Bytes and different recipients are promised only: the exit
 * sees neither.
 */
static void
sent_bill(const struct config *conf, const struct smarthost *sh,
    const char *sender, const struct settlement *cost, int64_t now,
    struct work *w)
{
	struct bill *b = &w->bill;

	memset(b, 0, sizeof(*b));
	b->now = now;
	b->zone = conf->zone;
	for (size_t i = 0; i < sh->policies.n; i++) {
		const struct policy *p = sh->policies.v[i];

		if ((p->per == PER_SENDER) != (sender != NULL))
			continue;
		gate_key(sender != NULL ? sender : sh->name, w->key[b->nline],
		    sizeof(w->key[0]));
		b->line[b->nline] = (struct bill_line){
			.policy = p,
			.key = w->key[b->nline],
			.cost = { [DIM_MESSAGES] = cost->messages,
			    [DIM_RECIPIENTS] = cost->recipients },
			.observed = conf->observe,
		};
		b->nline++;
	}
	b->ncommon = b->nline;
}

/* capacity_of - what a bill that does not fit says of its account */
static struct gate_capacity
capacity_of(const struct bill *b, const struct shortfall *s)
{
	const struct policy *p = b->line[s->line].policy;

	return (struct gate_capacity){
		.full = true,
		.again = s->again,
		.policy = p,
		.limit = s->what == SHORT_LOCKED ? NULL : &p->limit[s->limit],
		.used = s->used,
		.max = s->max,
	};
}

/* capacity_words - which limit is used up, and when it is not */
static void
capacity_words(const struct config *conf, const char *account,
    const struct gate_capacity *c, int64_t now, struct why *why)
{
	char text[LIMIT_TEXT], when[80] = "never";
	struct limit limit;

	if (c->again != NEVER)
		verdict_time(c->again, now, conf->zone, when, sizeof(when));
	if (c->limit == NULL) {
		why_set(
		    why, "account %s: locked out, next at %s", account, when);
		return;
	}
	limit = *c->limit;
	limit.max = c->max;
	why_set(why, "account %s: %" PRIu64 " of %s, next at %s", account,
	    c->used, limit_text(&limit, text, sizeof(text)), when);
}

/*
 * take - a lease of as much as *lease says, if the account has the capacity.
 * With on-store-failure = accept a store that cannot answer leases nothing and
 * stops nobody.
 */
static enum gate_answer
take(const struct desk *d, const struct smarthost *sh, const char *owner,
    const char *sender, int64_t now, struct lease *lease, struct why *why)
{
	const struct settlement most = { lease->messages, lease->recipients,
		0 };
	struct decision decision;
	struct gate_capacity full;
	struct work w;

	sent_bill(d->conf, sh, sender, &most, now, &w);
	snprintf(lease->smarthost, sizeof(lease->smarthost), "%s", sh->name);
	snprintf(lease->owner, sizeof(lease->owner), "%s", owner);
	snprintf(lease->sender, sizeof(lease->sender), "%s",
	    sender != NULL ? sender : "");
	if (w.bill.nline == 0)
		return GATE_OPEN; /* no policy: nothing is counted */
	switch (store_lease(d->store, &w.bill, lease, &decision, why)) {
	case STORE_OK:
		break;
	case STORE_NONE:
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		if (d->conf->on_store_failure != STORE_FAILURE_ACCEPT)
			return GATE_UNKNOWN;
		log_warn("exit: account=%s unmetered=yes why=%s", sh->name,
		    why->text);
		return GATE_OPEN;
	}
	if (decision.fits)
		return GATE_OPEN;
	full = capacity_of(&w.bill, &decision.shortfall);
	capacity_words(d->conf, sh->name, &full, now, why);
	return GATE_SHUT;
}

/* settle_one - what left, where a lease was taken or nothing had been */
static void
settle_one(const struct desk *d, const struct smarthost *sh, const char *sender,
    const struct lease *lease, const struct settlement *left, int64_t now)
{
	const struct settlement nothing = { 0, 0, 0 };
	struct lease none = *lease;
	struct decision decision;
	struct why why = WHY_NONE;
	enum store_answer a = STORE_OK;
	struct work w;

	sent_bill(d->conf, sh, sender, &nothing, now, &w);
	if (w.bill.nline == 0)
		return;
	if (lease->id == 0) {
		if (left->messages + left->recipients == 0)
			return;
		/* It left without a lease: nothing is leased, all is beyond. */
		none.messages = none.recipients = none.bytes = 0;
		snprintf(
		    none.smarthost, sizeof(none.smarthost), "%s", sh->name);
		snprintf(none.owner, sizeof(none.owner), "none");
		a = store_lease(d->store, &w.bill, &none, &decision, &why);
	}
	if (a == STORE_OK)
		a = store_settle(d->store, &w.bill, &none, left, &why);
	if (a == STORE_FAILED || a == STORE_UNCERTAIN)
		log_error(
		    "exit: account=%s: what was sent could not be settled, the whole lease counts: %s",
		    sh->name, why.text);
}

/* --- the breaker --------------------------------------------------------- */

static void
note_event(
    const struct desk *d, const char *account, const char *text, int64_t now)
{
	struct store_event e = { .when = now, .kind = "gate" };

	snprintf(e.key, sizeof(e.key), "%s", account);
	snprintf(e.text, sizeof(e.text), "%s", text);
	store_note(d->store, &e);
}

/* learn - what an outcome says of its account; told once when it turns */
static void
learn(const struct desk *d, const struct delivery *del, int64_t now)
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

static enum gate_answer
is_closed(
    const struct desk *d, const char *account, int64_t now, struct why *why)
{
	const struct account *a = account_of(d->gate, account);
	char when[80];

	if (a == NULL || breaker_state(&a->breaker, now) != BREAKER_OPEN)
		return GATE_OPEN;
	verdict_time(a->breaker.until, now, d->conf->zone, when, sizeof(when));
	why_set(why, "account %s is closed until %s: %s", account, when,
	    a->why.text);
	return GATE_SHUT;
}

/* --- deliveries ---------------------------------------------------------- */

/* finish - the delivery of v is over: settled, and learnt from */
static void
finish(const struct desk *d, struct visitor *v, int64_t now)
{
	struct delivery *del = &v->delivery;
	const struct smarthost *sh = config_smarthost(d->conf, del->account);
	const struct settlement left = delivery_settle(del);
	char sender[MAILADDR_MAX + 8];

	if (del->stage >= DELIVERY_OPEN && sh != NULL) {
		settle_one(d, sh, NULL, &del->lease, &left, now);
		if (del->sender[0] != '\0')
			settle_one(
			    d, sh, del->sender, &del->sender_lease, &left, now);
	}
	if (del->stage >= DELIVERY_OPEN)
		log_info(
		    "exit: account=%s owner=%s sender=<%s> messages=%" PRIu64
		    " recipients=%" PRIu64 " unknown=%" PRIu64 " outcome=%s",
		    del->account, v->owner,
		    escape_str(sender, sizeof(sender), del->sender),
		    left.messages, left.recipients,
		    del->statuses == 0 ? left.recipients : del->unknown,
		    del->statuses == 0 ? "unknown"
				       : delivery_status_name(del->worst));
	if (del->lease.id == 0 && del->sent > 0 && sh != NULL &&
	    sh->policies.n > 0)
		log_error(
		    "exit: account=%s: %" PRIu64
		    " recipients left without a lease: they were charged; look with `postmeterctl check --mta` for a way around the gate",
		    del->account, del->sent);
	learn(d, del, now);
	*del = (struct delivery){ .stage = DELIVERY_NONE };
	v->adopted = false;
}

/* whole_delivery - as much as one delivery can send */
static struct lease
whole_delivery(const struct smarthost *sh)
{
	return (
	    struct lease){ .messages = 1, .recipients = sh->recipient_limit };
}

/* begin - a new delivery of v; what went before is over */
static enum gate_answer
begin(const struct desk *d, struct visitor *v, const struct smarthost *sh,
    int64_t now, struct why *why)
{
	struct delivery *del = &v->delivery;
	enum gate_answer a;

	finish(d, v, now);
	snprintf(del->account, sizeof(del->account), "%s", sh->name);
	del->lease = whole_delivery(sh);
	a = is_closed(d, sh->name, now, why);
	if (a == GATE_OPEN &&
	    holds_shut(&d->gate->holds, d, sh->name, "", true, now, why))
		a = GATE_SHUT;
	if (a == GATE_OPEN)
		a = take(d, sh, v->owner, NULL, now, &del->lease, why);
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
	if (v == NULL) {
		why_set(why, "out of memory");
	} else if (v->adopted && strcmp(v->delivery.account, sh->name) == 0) {
		/* Asked before the daemon was restarted, and not answered. */
		v->adopted = false;
		a = GATE_OPEN;
	} else {
		a = begin(d, v, sh, now, why);
	}
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

/* is_probe - the mail server's own question for an address (verify(8)) */
static bool
is_probe(const struct mailaddr *sender)
{
	return strncmp(sender->text, "double-bounce@", 14) == 0;
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
		del->probe = is_probe(&sender);
		del->sender_lease = whole_delivery(sh);
		if (holds_shut(&d->gate->holds, d, sh->name, del->sender, true,
			now, &why) ||
		    take(d, sh, owner, del->sender, now, &del->sender_lease,
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

bool
gate_status(const struct desk *d, const char *owner, const struct smarthost *sh,
    const char *text, size_t len, int64_t now, struct why *better)
{
	const enum delivery_status s = delivery_status(text, len);
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
		delivery_note(del, s);
		said = s == STATUS_WAITED && del->why.text[0] != '\0';
		if (said)
			*better = del->why;
		else if (s == STATUS_SENT)
			holds_delivered(holds, d, sh, del->sender, now);
		else
			said = holds_heard(
			    holds, d, sh, del->sender, text, now, better);
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
	pthread_mutex_unlock(&d->gate->lock);
}

bool
gate_is_busy(const struct gate *g, const char *owner)
{
	struct gate *own = (struct gate *)(uintptr_t)g;
	const struct visitor *v;
	bool busy;

	pthread_mutex_lock(&own->lock);
	v = visitor_find(g, owner);
	busy = v != NULL && v->delivery.stage >= DELIVERY_OPEN;
	pthread_mutex_unlock(&own->lock);
	return busy;
}

/* --- messages, of a server that tells no outcome ------------------------- */

/* end_taken - left of what was taken for m; without leases: nothing was */
static void
end_taken(const struct desk *d, const struct message *m, struct taken *t,
    const struct settlement *left, int64_t now)
{
	const struct smarthost *sh = config_smarthost(d->conf, m->account);

	if (sh != NULL && t->lease.id != 0)
		settle_one(d, sh, NULL, &t->lease, left, now);
	if (sh != NULL && t->sender_lease.id != 0)
		settle_one(d, sh, m->sender, &t->sender_lease, left, now);
	*t = (struct taken){ .rcpts = 0 };
}

static const struct settlement nothing_left = { 0, 0, 0 };
static const struct settlement one_left = { 1, 1, 0 };

/*
 * end_delivery - of m, for another begins.  Where it came to no recipient
 * nothing left; where it had one, the next delivery will say.
 */
static void
end_delivery(const struct desk *d, struct message *m, int64_t now)
{
	if (m->now.rcpts == 1)
		m->before = m->now;
	else
		end_taken(d, m, &m->now,
		    m->now.rcpts == 0 ? &nothing_left : &one_left, now);
	m->now = (struct taken){ .rcpts = 0 };
}

/* message_of - the message of that id; those that are long gone leave */
static struct message *
message_of(const struct desk *d, const char *id, int64_t now)
{
	struct message *found = NULL, **at = &d->gate->message, *m;

	while ((m = *at) != NULL) {
		if (strcmp(m->id, id) == 0) {
			found = m;
		} else if (m->when < now - GATE_MESSAGE) {
			*at = m->next;
			end_delivery(d, m, now);
			end_taken(d, m, &m->before, &one_left, now);
			free(m);
			continue;
		}
		at = &m->next;
	}
	if (found == NULL && (found = calloc(1, sizeof(*found))) != NULL) {
		snprintf(found->id, sizeof(found->id), "%s", id);
		*at = found;
	}
	if (found != NULL)
		found->when = now;
	return found;
}

/* deliver - a delivery of m begins: one message and its first recipient */
static enum gate_answer
deliver(const struct desk *d, struct message *m, const struct smarthost *sh,
    const char *sender, int64_t now, struct why *why)
{
	const struct lease first = { .messages = 1, .recipients = 1 };
	enum gate_answer a;

	end_delivery(d, m, now);
	if (strcmp(m->account, sh->name) != 0 || strcmp(m->sender, sender) != 0)
		end_taken(d, m, &m->before, &one_left, now);
	snprintf(m->account, sizeof(m->account), "%s", sh->name);
	snprintf(m->sender, sizeof(m->sender), "%s", sender);
	a = is_closed(d, sh->name, now, why);
	if (a == GATE_OPEN &&
	    (holds_shut(&d->gate->holds, d, sh->name, "", true, now, why) ||
		(sender[0] != '\0' && holds_shut(&d->gate->holds, d, sh->name,
					  sender, true, now, why))))
		a = GATE_SHUT;
	if (a == GATE_OPEN) {
		m->now.lease = first;
		a = take(d, sh, m->id, NULL, now, &m->now.lease, why);
	}
	if (a == GATE_OPEN && sender[0] != '\0') {
		m->now.sender_lease = first;
		a = take(
		    d, sh, m->id, m->sender, now, &m->now.sender_lease, why);
	}
	if (a != GATE_OPEN)
		end_taken(d, m, &m->now, &nothing_left, now);
	log_info("exit: account=%s message=%s login=%s%s%s", sh->name, m->id,
	    a == GATE_OPEN ? "given" : "refused",
	    a == GATE_OPEN ? "" : " why=", a == GATE_OPEN ? "" : why->text);
	return a;
}

enum gate_answer
gate_message(const struct desk *d, const char *id, const char *sender,
    const struct smarthost *sh, int64_t now, struct why *why)
{
	enum gate_answer a = GATE_UNKNOWN;
	struct message *m;

	pthread_mutex_lock(&d->gate->lock);
	m = message_of(d, id, now);
	if (m == NULL)
		why_set(why, "out of memory");
	else
		a = deliver(d, m, sh, sender, now, why);
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

/* one_more - a recipient beside the first; nobody will give it back */
static enum gate_answer
one_more(const struct desk *d, const struct message *m,
    const struct smarthost *sh, const char *sender, int64_t now,
    struct why *why)
{
	const struct settlement one = { 0, 1, 0 };
	struct lease lease = { .recipients = 1 };
	enum gate_answer a = take(d, sh, m->id, sender, now, &lease, why);

	if (a == GATE_OPEN && lease.id != 0)
		settle_one(d, sh, sender, &lease, &one, now);
	return a;
}

/*
 * first_of - r is the first of a delivery of m: did it go out before?  Two
 * processes can deliver the same at the same time: a queue run beside the
 * session that took the message.
 */
static void
first_of(const struct desk *d, struct message *m, const struct gate_rcpt *r,
    int64_t now)
{
	const bool again = m->before.first == r->digest &&
			   now - m->before.since >= GATE_AGAIN &&
			   strcmp(m->before.process, r->process) != 0;

	end_taken(d, m, &m->before, again ? &nothing_left : &one_left, now);
	m->now.first = r->digest;
	m->now.since = now;
	snprintf(m->now.process, sizeof(m->now.process), "%s", r->process);
}

enum gate_answer
gate_recipient(const struct desk *d, const struct gate_rcpt *r,
    const struct smarthost *sh, int64_t now, struct why *why)
{
	enum gate_answer a = GATE_OPEN;
	struct message *m;

	pthread_mutex_lock(&d->gate->lock);
	m = message_of(d, r->id, now);
	if (m == NULL) {
		why_set(why, "out of memory");
		a = GATE_UNKNOWN;
	} else if (strcmp(m->account, sh->name) != 0) {
		/* It needs no login, or the daemon was restarted since. */
		a = deliver(d, m, sh, r->sender, now, why);
	} else if (m->now.rcpts > 0) {
		a = one_more(d, m, sh, NULL, now, why);
		if (a == GATE_OPEN && r->sender[0] != '\0')
			a = one_more(d, m, sh, r->sender, now, why);
	}
	if (a == GATE_OPEN && m->now.rcpts++ == 0)
		first_of(d, m, r, now);
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

/* --- questions ----------------------------------------------------------- */

void
gate_preview(const struct desk *d, const struct smarthost *sh, int64_t now,
    struct gate_capacity *c_r)
{
	const struct settlement most = { 1, sh->recipient_limit, 0 };
	const struct account *a;
	struct decision decision;
	struct why why;
	struct work w;

	*c_r = (struct gate_capacity){ .full = false };
	if (d->gate == NULL)
		return;
	pthread_mutex_lock(&d->gate->lock);
	a = account_of(d->gate, sh->name);
	if (a != NULL && breaker_state(&a->breaker, now) == BREAKER_OPEN) {
		c_r->closed = true;
		c_r->again = a->breaker.until;
	} else if (holds_shut(
		       &d->gate->holds, d, sh->name, "", false, now, &why)) {
		c_r->closed = true;
		c_r->again = holds_find(&d->gate->holds, sh->name)->until;
	}
	pthread_mutex_unlock(&d->gate->lock);
	sent_bill(d->conf, sh, NULL, &most, now, &w);
	if (w.bill.nline == 0 ||
	    store_preview(d->store, &w.bill, &decision, &why) != STORE_OK ||
	    decision.fits)
		return;
	*c_r = capacity_of(&w.bill, &decision.shortfall);
}

bool
gate_preview_words(const struct desk *d, const struct smarthost *sh,
    int64_t now, struct why *why)
{
	struct gate_capacity c;

	gate_preview(d, sh, now, &c);
	if (c.full) {
		capacity_words(d->conf, sh->name, &c, now, why);
	} else if (c.closed) {
		pthread_mutex_lock(&d->gate->lock);
		if (is_closed(d, sh->name, now, why) == GATE_OPEN)
			(void)holds_shut(
			    &d->gate->holds, d, sh->name, "", false, now, why);
		pthread_mutex_unlock(&d->gate->lock);
	}
	return c.full || c.closed;
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

bool
gate_by_hand(struct gate *g, const char *account, int64_t until,
    const char *why, int64_t now)
{
	struct account *a;
	bool done;

	pthread_mutex_lock(&g->lock);
	a = account_of(g, account);
	if (until == 0 && a != NULL)
		breaker_good(&a->breaker);
	done = holds_by_hand(&g->holds, account, until, why, now);
	pthread_mutex_unlock(&g->lock);
	return done;
}

void
gate_report(
    struct gate *g, const char *account, int64_t now, struct gate_report *r_r)
{
	const struct account *a;

	*r_r = (struct gate_report){ .closed = false };
	pthread_mutex_lock(&g->lock);
	a = account_of(g, account);
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

/* --- after a restart ----------------------------------------------------- */

struct adoption {
	const struct desk *desk;
	enum gate_owner (*owner_is)(const char *owner);
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

enum gate_answer
gate_adopt(const struct desk *d, enum gate_owner (*owner_is)(const char *owner),
    int64_t now, struct why *why)
{
	struct adoption ad = { .desk = d, .owner_is = owner_is };
	struct visitor *v, *next;
	enum store_answer a;

	pthread_mutex_lock(&d->gate->lock);
	a = store_leases(d->store, adopt_one, &ad, why);
	for (v = d->gate->visitor; v != NULL; v = next) {
		next = v->next;
		if (owner_is(v->owner) == OWNER_GONE) {
			finish(d, v, now);
			visitor_remove(d->gate, v);
		}
	}
	pthread_mutex_unlock(&d->gate->lock);
	if (ad.failed)
		why_set(why, "out of memory");
	return ad.failed || (a != STORE_OK && a != STORE_NONE) ? GATE_UNKNOWN
							       : GATE_OPEN;
}
