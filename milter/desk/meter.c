/*
 * meter.c - the desk: a transaction on one side, policy and store on the other.
 *
 * Preview, charge and explain are one path with one difference, whether the
 * store is asked or told.  So a preview cannot promise what the charge would
 * not keep, and the tool cannot explain what the mail server would not hear.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "count.h"
#include "digest.h"
#include "log.h"
#include "match.h"
#include "meter.h"
#include "tally.h"

/* What is being asked: may this recipient join, or may the whole go? */
enum stage { STAGE_RCPT, STAGE_EXPLAIN, STAGE_CHARGE };

/* join - keys are made for every message: no formatter for plain texts */
static void
join(char *dst, size_t size, const char *first, const char *second)
{
	const size_t n = strnlen(first, size - 1);

	dst = mempcpy(dst, first, n);
	dst = mempcpy(dst, second, strnlen(second, size - 1 - n));
	*dst = '\0';
}

static void
copy(char *dst, size_t size, const char *text)
{
	join(dst, size, text, "");
}

/* The client's address, or what stands for it where there is none. */
static void
client_key(const struct txn *t, const struct policy *p, char *dst, size_t size)
{
	unsigned bits = p == NULL            ? 128
			: t->client.len == 4 ? p->prefix4
					     : p->prefix6;

	if (t->client.len == 0)
		copy(dst, size, "localhost");
	else
		netaddr_text(&t->client, bits, dst, size);
}

/*
 * key_of - the counter that a policy keeps for this transaction.  An identity
 * that is missing is no exemption: the next best one pays.  Returns true if
 * the client made the key up (it comes from the envelope sender).
 */
static bool
key_of(const struct policy *p, const struct txn *t, char *dst, size_t size)
{
	const char *domain = mailaddr_domain(&t->sender);

	if (t->relayed && p->per != PER_EVERYONE) {
		/* A stranger can write any sender: his address pays. */
		client_key(t, p->per == PER_CLIENT ? p : NULL, dst, size);
		return false;
	}
	switch (p->per) {
	case PER_EVERYONE:
		copy(dst, size, "*");
		return false;
	case PER_CLIENT:
		client_key(t, p, dst, size);
		return false;
	case PER_SENDER:
		if (!mailaddr_is_null(&t->sender)) {
			copy(dst, size, t->sender.text);
			return true;
		}
		break;
	case PER_DOMAIN:
		if (domain[0] != '\0') {
			join(dst, size, "@", domain);
			return true;
		}
		break;
	case PER_ACCOUNT:
		if (t->login[0] == '\0' && !mailaddr_is_null(&t->sender)) {
			copy(dst, size, t->sender.text);
			return true;
		}
		break;
	case PER_LOGIN:
		break;
	}
	if (t->login[0] != '\0')
		copy(dst, size, t->login);
	else
		client_key(t, p, dst, size);
	return false;
}

/* senders_line - one more sender that this login or client made up */
static void
senders_line(const struct config *conf, const struct txn *t, struct bill *b,
    struct bill_work *w)
{
	size_t i = b->nline++;

	if (t->login[0] != '\0')
		copy(w->key[i], sizeof(w->key[i]), t->login);
	else
		client_key(t, NULL, w->key[i], sizeof(w->key[i]));
	b->line[i] = (struct bill_line){
		.policy = conf->senders,
		.key = w->key[i],
		.rcpt = &w->sender,
		.nrcpt = 1,
	};
}

bool
meter_renames(const struct smarthost *sh, const struct mailaddr *sender)
{
	return sh->envelope_key[0] != '\0' && !mailaddr_is_null(sender) &&
	       strcmp(sh->envelope_key, sender->text) != 0;
}

/*
 * by_id - does this message have a binding of its own?  A notice about a
 * message may bear its id, and goes its own way all the same.
 */
static bool
by_id(const char *queue_id, const struct mailaddr *sender)
{
	return queue_id[0] != '\0' && !mailaddr_is_null(sender);
}

/*
 * sender_key - does a policy of a smarthost keep a counter for each sender of
 * the account?  Then dst gets its name.  Any other is the account's own.
 */
static bool
sender_key(const struct policy *p, const struct smarthost *sh,
    const struct txn *t, char *dst, size_t size)
{
	const bool each = p->per == PER_SENDER;

	if (each && !meter_renames(sh, &t->sender))
		return key_of(p, t, dst, size);
	join(dst, size, each ? "" : "smarthost ",
	    each ? sh->envelope_key : sh->name);
	return false;
}

/* cap_of - the policy that caps messages of a smarthost, or NULL */
static const struct policy *
cap_of(const struct config *conf, const struct smarthost *sh)
{
	const struct policy *cap = NULL;

	for (size_t i = 0; i < sh->policies.n && !conf->observe; i++) {
		const struct policy *p = sh->policies.v[i];

		if (p->recipients_per_message == 0 ||
		    p->when_over == OVER_OBSERVE)
			continue;
		if (cap == NULL ||
		    p->recipients_per_message < cap->recipients_per_message)
			cap = p;
	}
	return cap;
}

/* takes - is the message small enough for that smarthost? */
static bool
takes(
    const struct config *conf, const struct smarthost *sh, const struct txn *t)
{
	const struct policy *p = cap_of(conf, sh);

	return p == NULL ||
	       txn_count(t, WAY_ROUTED) <= p->recipients_per_message;
}

/*
 * offer - one smarthost that could take the message, and what that costs its
 * account: only what leaves, and each delivery that the mail server makes of it
 */
static void
offer(const struct config *conf, const struct smarthost *sh,
    struct health *health, const struct txn *t, struct bill *b,
    struct bill_work *w)
{
	const struct txn_rcpts *routed = &t->rcpts[WAY_ROUTED];
	uint64_t parts = sh->recipient_limit == 0
			     ? 1
			     : (routed->count + sh->recipient_limit - 1) /
				   sh->recipient_limit;
	struct bill_choice *ch = &b->choice[b->nchoice++];

	ch->smarthost = sh->name;
	ch->first = b->nline;
	ch->n = sh->policies.n;
	ch->last = health_is_unhealthy(health, sh->name);
	/* The mail server will ask with the sender that it is told now. */
	if (meter_renames(sh, &t->sender) &&
	    !(t->by_id && by_id(t->queue_id, &t->sender)))
		ch->bound = sh->envelope_key;
	for (size_t i = 0; i < sh->policies.n; i++) {
		size_t at = b->nline++;

		(void)sender_key(
		    sh->policies.v[i], sh, t, w->key[at], sizeof(w->key[at]));
		b->line[at] = (struct bill_line){
			.policy = sh->policies.v[i],
			.key = w->key[at],
			.cost = { [DIM_MESSAGES] = parts,
			    [DIM_RECIPIENTS] = routed->count,
			    [DIM_BYTES] = parts * t->bytes },
			.rcpt = routed->digest,
			.nrcpt = routed->n,
			.observed = conf->observe,
		};
	}
}

/* offers_senders - may a smarthost of the route count a sender made up? */
static bool
offers_senders(const struct rule *rule, const struct txn *t)
{
	char key[MAILADDR_MAX + 1];

	for (size_t i = 0; rule->route != NULL &&
			   txn_count(t, WAY_ROUTED) > 0 && i < rule->route->n;
	     i++) {
		const struct smarthost *sh = rule->route->smarthost[i];

		for (size_t j = 0; j < sh->policies.n; j++)
			if (sender_key(
				sh->policies.v[j], sh, t, key, sizeof(key)))
				return true;
	}
	return false;
}

void
meter_bill(const struct config *conf, const struct rule *rule,
    struct health *health, const struct txn *t, int64_t now, struct bill *b_r,
    struct bill_work *w)
{
	const bool routed = rule->route != NULL && txn_count(t, WAY_ROUTED) > 0;
	bool made_up = false;

	memset(b_r, 0, sizeof(*b_r));
	b_r->now = now;
	b_r->zone = conf->zone;
	w->sender = digest64(t->sender.text, strlen(t->sender.text));
	for (size_t i = 0; i < rule->policies.n; i++) {
		const struct policy *p = rule->policies.v[i];
		const struct txn_rcpts *r =
		    &t->rcpts[p->count == SCOPE_ALL ? WAY_LOCAL : WAY_EXTERNAL];
		size_t at = b_r->nline;

		if (r->count == 0)
			continue;
		made_up |= key_of(p, t, w->key[at], sizeof(w->key[at]));
		b_r->line[at] = (struct bill_line){
			.policy = p,
			.key = w->key[at],
			.cost = { [DIM_MESSAGES] = 1,
			    [DIM_RECIPIENTS] = r->count,
			    [DIM_BYTES] = t->bytes },
			.rcpt = r->digest,
			.nrcpt = r->n,
			.observed = conf->observe,
		};
		b_r->nline++;
	}
	if (made_up || offers_senders(rule, t))
		senders_line(conf, t, b_r, w);
	b_r->ncommon = b_r->nline;
	for (size_t i = 0; routed && i < rule->route->n; i++)
		if (takes(conf, rule->route->smarthost[i], t))
			offer(
			    conf, rule->route->smarthost[i], health, t, b_r, w);
	b_r->spread = rule->route != NULL && rule->route->spread;
}

/*
 * share_counter - this client has made up too many senders: from now on the
 * new ones share one counter, so that inventing more buys nothing.
 */
static void
share_counter(const struct txn *t, struct bill *b, struct bill_work *w)
{
	struct bill_line *senders = &b->line[b->ncommon - 1];
	char made_up[MAILADDR_MAX + 1];

	for (size_t i = 0; i < b->nline; i++)
		if (i + 1 != b->ncommon &&
		    (i < b->ncommon || b->line[i].policy->per == PER_SENDER) &&
		    key_of(b->line[i].policy, t, made_up, sizeof(made_up)))
			snprintf(w->key[i], sizeof(w->key[i]), "others of %.*s",
			    MAILADDR_MAX - 10, senders->key);
	senders->nrcpt = 0; /* costs nothing more */
}

/* too_many - how a message with more recipients than p allows is answered */
static enum verdict
too_many(const struct policy *p, enum stage stage)
{
	return stage == STAGE_RCPT         ? VERDICT_TOO_MANY
	       : p->when_over == OVER_HOLD ? VERDICT_HOLD
					   : VERDICT_TOO_LARGE;
}

/* cap_of_rule - too many recipients in this one message for a rule's policy? */
static bool
cap_of_rule(const struct config *conf, const struct rule *rule,
    const struct txn *t, enum stage stage, struct outcome *o)
{
	for (size_t i = 0; i < rule->policies.n; i++) {
		const struct policy *p = rule->policies.v[i];
		size_t n = txn_count(
		    t, p->count == SCOPE_ALL ? WAY_LOCAL : WAY_EXTERNAL);

		if (p->recipients_per_message == 0 ||
		    n <= p->recipients_per_message)
			continue;
		o->policy = p;
		o->max = p->recipients_per_message;
		if (conf->observe || p->when_over == OVER_OBSERVE) {
			o->observed = true;
			continue;
		}
		o->verdict = too_many(p, stage);
		return true;
	}
	return false;
}

/* cap_of_route - too many for each of the smarthosts?  The widest speaks. */
static bool
cap_of_route(const struct config *conf, const struct rule *rule,
    const struct txn *t, enum stage stage, struct outcome *o)
{
	const struct policy *widest = NULL;

	if (rule->route == NULL || txn_count(t, WAY_ROUTED) == 0)
		return false;
	for (size_t i = 0; i < rule->route->n; i++) {
		const struct policy *p =
		    cap_of(conf, rule->route->smarthost[i]);

		if (p == NULL ||
		    txn_count(t, WAY_ROUTED) <= p->recipients_per_message)
			return false;
		if (widest == NULL ||
		    p->recipients_per_message > widest->recipients_per_message)
			widest = p;
	}
	if (widest == NULL)
		return false;
	o->policy = widest;
	o->max = widest->recipients_per_message;
	o->verdict = too_many(widest, stage);
	return true;
}

/* cap - is it too large, whatever was sent before? */
static bool
cap(const struct config *conf, const struct rule *rule, const struct txn *t,
    enum stage stage, struct outcome *o)
{
	return cap_of_rule(conf, rule, t, stage, o) ||
	       cap_of_route(conf, rule, t, stage, o);
}

/* blocked_as - is one of the names blocked? */
static enum store_answer
blocked_as(
    struct store *store, const char *name, int64_t now, struct outcome *o)
{
	struct why why;
	enum store_answer a;

	if (name[0] == '\0' || strcmp(name, "@") == 0)
		return STORE_NONE;
	a = store_blocked(store, name, now, o->why.text, &why);
	if (a == STORE_OK)
		snprintf(o->key, sizeof(o->key), "%s", name);
	else if (a != STORE_NONE)
		why_set(&o->why, "%s", why.text);
	return a;
}

/* blocked_network - is it in a network that is blocked? */
static enum store_answer
blocked_network(struct store *store, const struct netaddr *client, int64_t now,
    struct outcome *o)
{
	char net[NETADDR_TEXT];
	struct why why;
	enum store_answer a =
	    store_blocked(store, BLOCK_NETWORKS, now, o->why.text, &why);

	if (a == STORE_FAILED || a == STORE_UNCERTAIN)
		why_set(&o->why, "%s", why.text);
	if (a != STORE_OK)
		return a;
	o->why = WHY_NONE;
	for (unsigned bits = 1; bits < 8u * client->len; bits++) {
		netaddr_text(client, bits, net, sizeof(net));
		a = blocked_as(store, net, now, o);
		if (a != STORE_NONE)
			return a;
	}
	return STORE_NONE;
}

/*
 * blocked - has the operator stopped one of the names of this client, a
 * network that it is in, or everything?
 */
static enum store_answer
blocked(
    struct store *store, const struct txn *t, int64_t now, struct outcome *o)
{
	char domain[MAILADDR_MAX + 2], client[NETADDR_TEXT];
	const char *who[] = { "*", t->login, t->sender.text, domain, client };
	enum store_answer a = STORE_NONE;

	domain[0] = '@';
	copy(domain + 1, sizeof(domain) - 1, mailaddr_domain(&t->sender));
	client_key(t, NULL, client, sizeof(client));
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
		if ((a = blocked_as(store, who[i], now, o)) != STORE_NONE)
			return a;
	return t->client.len == 0 ? STORE_NONE
				  : blocked_network(store, &t->client, now, o);
}

/* could_not_know - what on-store-failure says to that */
static void
could_not_know(const struct config *conf, enum stage stage, const char *why,
    struct outcome *o)
{
	why_set(&o->why, "%s", why);
	if (conf->on_store_failure == STORE_FAILURE_ACCEPT || conf->observe) {
		o->verdict = VERDICT_PASS;
		o->unmetered = stage != STAGE_RCPT;
	} else {
		o->verdict = VERDICT_UNAVAILABLE;
	}
}

/* tell_shortfall - a shortfall of the bill in the words of an outcome */
static void
tell_shortfall(
    const struct bill *b, const struct shortfall *s, struct outcome *o)
{
	const struct bill_line *line = &b->line[s->line];

	o->policy = line->policy;
	o->limit =
	    s->what == SHORT_LOCKED ? NULL : &line->policy->limit[s->limit];
	snprintf(o->key, sizeof(o->key), "%s", line->key);
	o->used = s->used;
	o->max = s->max;
	o->again = s->again;
}

static enum verdict
verdict_of(const struct policy *p, enum shortage what, const struct txn *t,
    enum stage stage)
{
	/* At RCPT a policy that holds says nothing: the whole is held later. */
	if (p->when_over == OVER_HOLD)
		return stage == STAGE_RCPT ? VERDICT_PASS : VERDICT_HOLD;
	if (what == SHORT_NEVER) {
		if (stage != STAGE_RCPT)
			return VERDICT_TOO_LARGE;
		return txn_count(t, WAY_LOCAL) > 1 ? VERDICT_TOO_MANY
						   : VERDICT_TOO_LARGE;
	}
	return p->when_over == OVER_REJECT ? VERDICT_REJECT : VERDICT_DEFER;
}

/* note_warnings - tell the operator, once, that a limit comes near */
static void
note_warnings(
    struct store *store, const struct bill *b, const struct decision *d)
{
	for (size_t i = 0; i < d->nwarning; i++) {
		const struct warning *w = &d->warning[i];
		const struct bill_line *line = &b->line[w->line];
		struct store_event e = { .when = b->now, .kind = "warn" };

		snprintf(e.policy, sizeof(e.policy), "%s", line->policy->name);
		snprintf(e.key, sizeof(e.key), "%s", line->key);
		snprintf(e.text, sizeof(e.text),
		    "%u%% of a limit of %s used: %" PRIu64 " of %" PRIu64,
		    w->percent,
		    dimension_words[line->policy->limit[w->limit].dim], w->used,
		    w->max);
		log_warn(
		    "warning: policy=%s key=%s %s", e.policy, e.key, e.text);
		count_warning(w->percent, line->policy);
		store_note(store, &e);
	}
}

static void
note_lockout(
    struct store *store, const struct bill *b, const struct shortfall *s)
{
	const struct bill_line *line = &b->line[s->line];
	struct store_event e = { .when = b->now, .kind = "lockout" };

	/* A lockout that began earlier was told then. */
	if (s->what != SHORT_LIMIT || line->policy->lockout == 0 ||
	    s->again < b->now + line->policy->lockout)
		return;
	snprintf(e.policy, sizeof(e.policy), "%s", line->policy->name);
	snprintf(e.key, sizeof(e.key), "%s", line->key);
	snprintf(e.text, sizeof(e.text),
	    "a limit of %s was reached: %" PRIu64 " of %" PRIu64,
	    dimension_words[line->policy->limit[s->limit].dim], s->used,
	    s->max);
	log_warn("lockout: policy=%s key=%s %s", e.policy, e.key, e.text);
	tally_add(TALLY_LOCKOUTS, line->policy->name, NULL, 1);
	store_note(store, &e);
}

/* bound_to_sender - the name that a sender's smarthost is kept under */
static const char *
bound_to_sender(const struct mailaddr *sender)
{
	return mailaddr_is_null(sender) ? "<>" : sender->text;
}

/* bound_to_id - the name for a message; no sender's name has a tab */
static const char *
bound_to_id(const char *queue_id, char dst[TXN_QUEUE_ID + 1])
{
	snprintf(dst, TXN_QUEUE_ID + 1, "\t%s", queue_id);
	return dst;
}

/* decide - the bill before the store, and its answer as an outcome */
static void
decide(const struct config *conf, struct store *store, const struct txn *t,
    enum stage stage, struct bill *b, struct bill_work *w, struct outcome *o)
{
	char id[TXN_QUEUE_ID + 1];
	const char *bound = t->by_id && by_id(t->queue_id, &t->sender)
				? bound_to_id(t->queue_id, id)
				: bound_to_sender(&t->sender);
	struct decision d;
	struct why why = WHY_NONE;
	enum store_answer a;

again:
	a = stage == STAGE_CHARGE ? store_charge(store, b, bound, &d, &why)
				  : store_preview(store, b, &d, &why);
	if (a != STORE_OK) {
		could_not_know(conf, stage, why.text, o);
		return;
	}
	if (!d.fits && b->line[d.shortfall.line].policy == conf->senders) {
		share_counter(t, b, w);
		goto again;
	}
	if (stage == STAGE_CHARGE)
		note_warnings(store, b, &d);
	if (d.observed.what != SHORT_NOTHING) {
		o->observed = true;
		tell_shortfall(b, &d.observed, o);
	}
	if (d.fits) {
		o->verdict = VERDICT_PASS;
		if (b->nchoice > 0)
			o->smarthost = config_smarthost(
			    conf, b->choice[d.choice].smarthost)
					   ->name;
		return;
	}
	o->observed = false;
	tell_shortfall(b, &d.shortfall, o);
	o->verdict = verdict_of(o->policy, d.shortfall.what, t, stage);
	if (stage == STAGE_CHARGE)
		note_lockout(store, b, &d.shortfall);
}

static void
judge(const struct config *conf, struct store *store, struct health *health,
    const struct txn *t, enum stage stage, int64_t now, struct outcome *o)
{
	const struct rule *rule;
	struct bill bill;
	struct bill_work work;

	memset(o, 0, sizeof(*o));
	if (!match_outgoing(conf, t)) {
		o->verdict = VERDICT_IGNORE;
		return;
	}
	switch (blocked(store, t, now, o)) {
	case STORE_NONE:
		break;
	case STORE_OK:
		o->verdict = VERDICT_BLOCKED;
		return;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		could_not_know(conf, stage, o->why.text, o);
		return;
	}
	rule = match_rule(conf, t);
	if (rule == NULL) {
		/*
		 * What stays in the office needs nobody's leave; what the mail
		 * server relays for strangers and no rule sends by an account
		 * goes its own way.
		 */
		o->verdict = conf->unmatched_accept || conf->observe ||
				     t->relayed ||
				     txn_count(t, WAY_EXTERNAL) == 0
				 ? VERDICT_PASS
				 : VERDICT_NO_RULE;
		return;
	}
	o->rule = rule->name;
	if (cap(conf, rule, t, stage, o))
		return;
	meter_bill(conf, rule, health, t, now, &bill, &work);
	decide(conf, store, t, stage, &bill, &work, o);
}

/*
 * soften - a notice that the mail server itself hands in must not be lost:
 * it waits, it is never refused for good
 */
static void
soften(const struct txn *t, struct outcome *o)
{
	if (!t->submitted || !mailaddr_is_null(&t->sender))
		return;
	if (o->verdict == VERDICT_REJECT || o->verdict == VERDICT_TOO_LARGE)
		o->verdict = VERDICT_DEFER;
	else if (o->verdict == VERDICT_NO_RULE || o->verdict == VERDICT_BLOCKED)
		o->verdict = VERDICT_UNAVAILABLE;
}

void
meter_preview(const struct config *conf, struct store *store,
    struct health *health, const struct txn *t, int64_t now,
    struct outcome *o_r)
{
	judge(conf, store, health, t, STAGE_RCPT, now, o_r);
	count_rcpt(o_r);
}

void
meter_charge(const struct config *conf, struct store *store,
    struct health *health, const struct txn *t, int64_t now,
    struct outcome *o_r)
{
	judge(conf, store, health, t, STAGE_CHARGE, now, o_r);
	soften(t, o_r);
	count_message(conf, t, o_r);
}

void
meter_explain(const struct config *conf, struct store *store,
    struct health *health, const struct txn *t, int64_t now,
    struct outcome *o_r)
{
	judge(conf, store, health, t, STAGE_EXPLAIN, now, o_r);
	soften(t, o_r);
}

/* is_own - is that the smarthost's own sender? */
static bool
is_own(const struct smarthost *sh, const struct mailaddr *sender)
{
	return sh != NULL && sh->envelope_key[0] != '\0' &&
	       strcmp(sh->envelope_key, sender->text) == 0;
}

/*
 * likely - the smarthost that the charge would choose now for one recipient.
 * Sendmail decides by what it hears before the charge, so the guess should be
 * good; where it is not, the other maps let the message wait.
 */
static const struct smarthost *
likely(const struct config *conf, struct store *store, struct health *health,
    const struct rule *rule, const struct mailaddr *sender, int64_t now)
{
	uint64_t one = 0;
	const struct txn_rcpts it = { .count = 1, .n = 1, .digest = &one };
	const struct txn t = { .sender = *sender,
		.rcpts = { [WAY_LOCAL] = it,
		    [WAY_EXTERNAL] = it,
		    [WAY_ROUTED] = it } };
	size_t choice = 0;
	struct bill_work work;
	struct decision d;
	struct bill bill;
	struct why why;

	if (rule->route->n == 1)
		return rule->route->smarthost[0];
	meter_bill(conf, rule, health, &t, now, &bill, &work);
	bill.ncommon = 0; /* the budgets alone, whoever sends */
	if (bill.nchoice > 0 &&
	    store_preview(store, &bill, &d, &why) == STORE_OK)
		choice = d.choice;
	return bill.nchoice == 0
		   ? rule->route->smarthost[0]
		   : config_smarthost(conf, bill.choice[choice].smarthost);
}

int
meter_route(const struct config *conf, struct store *store,
    struct health *health, const struct mailaddr *sender, int64_t now,
    const struct smarthost **sh_r, struct why *why)
{
	const struct smarthost *sh = NULL;
	const struct rule *rule;
	char name[STORE_NAME];
	bool sure;

	rule = match_sender(conf, sender, &sure);
	switch (store_bound(store, bound_to_sender(sender), now, name, why)) {
	case STORE_OK:
		sh = config_smarthost(conf, name);
		break;
	case STORE_NONE:
		break;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		return -1;
	}
	/*
	 * The rules may have changed since the message was bound: where they
	 * leave no doubt, they speak.  They do not know a smarthost's own
	 * sender: somebody else's mail may bear it.
	 */
	if (sure && !is_own(sh, sender) &&
	    (rule == NULL || !config_leads_to(rule->route, sh)))
		sh = NULL;
	for (size_t i = 0; sh == NULL && i < conf->nsmarthost; i++)
		if (is_own(&conf->smarthost[i], sender))
			sh = &conf->smarthost[i];
	if (sh == NULL && rule != NULL && rule->route != NULL)
		sh = likely(conf, store, health, rule, sender, now);
	*sh_r = sh;
	return sh != NULL;
}

int
meter_route_id(const struct config *conf, struct store *store,
    struct health *health, const char *queue_id, const struct mailaddr *sender,
    int64_t now, const struct smarthost **sh_r, struct why *why)
{
	char id[TXN_QUEUE_ID + 1], name[STORE_NAME];

	if (!by_id(queue_id, sender))
		return meter_route(conf, store, health, sender, now, sh_r, why);
	switch (store_bound(store, bound_to_id(queue_id, id), now, name, why)) {
	case STORE_OK:
		*sh_r = config_smarthost(conf, name);
		if (*sh_r != NULL)
			return 1;
		break;
	case STORE_NONE:
		break;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		return -1;
	}
	return meter_route(conf, store, health, sender, now, sh_r, why);
}
