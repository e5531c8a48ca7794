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

#include "account_key.h"
#include "bill.h"
#include "count.h"
#include "gate.h"
#include "held_mail.h"
#include "log.h"
#include "match.h"
#include "meter.h"
#include "routing.h"
#include "tally.h"

/* What is being asked: may this recipient join, or may the whole go? */
enum stage { STAGE_RCPT, STAGE_EXPLAIN, STAGE_CHARGE };

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
		    bill_cap(conf, rule->route->smarthost[i]);

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
	snprintf(
	    domain + 1, sizeof(domain) - 1, "%s", mailaddr_domain(&t->sender));
	bill_client_key(t, NULL, client, sizeof(client));
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
	enum account_budget budget;

	o->policy = line->policy;
	o->limit =
	    s->what == SHORT_LOCKED ? NULL : &line->policy->limit[s->limit];
	if (line->asked)
		account_key(BUDGET_PROMISED,
		    account_key_name(line->key, &budget), o->key,
		    sizeof(o->key));
	else
		snprintf(o->key, sizeof(o->key), "%s", line->key);
	o->used = s->used;
	o->max = s->max;
	o->again = s->again;
}

static enum verdict
verdict_of(const struct bill_line *line, enum shortage what,
    const struct txn *t, enum stage stage)
{
	const struct policy *p = line->policy;

	/* At RCPT a policy that holds says nothing: the whole is held later. */
	if (p->when_over == OVER_HOLD)
		return stage == STAGE_RCPT ? VERDICT_PASS : VERDICT_HOLD;
	/* What is asked of an exit is the most that a delivery can have. */
	if (what == SHORT_NEVER && !line->asked) {
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
	if (line->asked || s->what != SHORT_LIMIT ||
	    line->policy->lockout == 0 ||
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

/* decide - the bill before the store, and its answer as an outcome */
static void
decide(const struct desk *desk, const struct txn *t, enum stage stage,
    struct bill *b, struct bill_work *w, struct outcome *o)
{
	const struct config *conf = desk->conf;
	struct store *store = desk->store;
	char id[TXN_QUEUE_ID + 1];
	const char *bound =
	    t->by_id && bill_has_id(t->queue_id, &t->sender)
		? binding_of_id(t->mark[0] != '\0' ? t->mark : t->queue_id, id)
		: binding_of_sender(&t->sender);
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
		bill_share_counter(t, b, w);
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
	o->verdict =
	    verdict_of(&b->line[d.shortfall.line], d.shortfall.what, t, stage);
	if (stage == STAGE_CHARGE)
		note_lockout(store, b, &d.shortfall);
}

/* line_waits - the first of n lines whose counter holds mail; NULL if none */
static const struct bill_line *
line_waits(const struct bill *b, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		const struct bill_line *line = &b->line[i];

		if (line->policy->when_over == OVER_HOLD && !line->observed &&
		    !quota_is_free(line) &&
		    held_mail_waiting(line->policy->name, line->key, b->now) >
			0)
			return line;
	}
	return NULL;
}

/* meter_behind - is earlier mail of it held, of the sender or of each account?
 */
static bool
meter_behind(const struct bill *b, const struct txn *t, enum stage stage,
    struct outcome *o)
{
	const struct bill_line *line;

	if (stage == STAGE_RCPT || t->was_held)
		return false;
	line = line_waits(b, 0, b->ncommon);
	if (line == NULL)
		for (size_t i = 0; i < b->nchoice; i++) {
			line =
			    line_waits(b, b->choice[i].first, b->choice[i].n);
			if (line == NULL)
				return false;
		}
	if (line == NULL)
		return false;
	o->policy = line->policy;
	snprintf(o->key, sizeof(o->key), "%s", line->key);
	o->verdict = VERDICT_HOLD;
	why_set(&o->why, "Earlier mail is held and goes first");
	return true;
}

/* hold_or_defer - so many are held, and a notice never is */
static void
hold_or_defer(const struct config *conf, const struct txn *t, int64_t now,
    struct outcome *o)
{
	if (o->verdict == VERDICT_HOLD && !t->was_held &&
	    (mailaddr_is_null(&t->sender) ||
		held_mail_waiting(o->policy->name, o->key, now) >=
		    conf->hold_max))
		o->verdict = VERDICT_DEFER;
}

static void
meter_judge(const struct desk *desk, const struct txn *t, enum stage stage,
    int64_t now, struct outcome *o)
{
	const struct rule *rule;
	struct bill bill;
	struct bill_work work;

	memset(o, 0, sizeof(*o));
	if (!match_outgoing(desk->conf, t)) {
		o->verdict = VERDICT_IGNORE;
		return;
	}
	switch (blocked(desk->store, t, now, o)) {
	case STORE_NONE:
		break;
	case STORE_OK:
		o->verdict = VERDICT_BLOCKED;
		return;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		could_not_know(desk->conf, stage, o->why.text, o);
		return;
	}
	rule = match_rule(desk->conf, t);
	if (rule == NULL) {
		/*
		 * What stays in the office needs nobody's leave; what the mail
		 * server relays for strangers and no rule sends by an account
		 * goes its own way.
		 */
		o->verdict = desk->conf->unmatched_accept ||
				     desk->conf->observe || t->relayed ||
				     txn_count(t, WAY_EXTERNAL) == 0
				 ? VERDICT_PASS
				 : VERDICT_NO_RULE;
		return;
	}
	o->rule = rule->name;
	if (cap(desk->conf, rule, t, stage, o))
		return;
	bill_make(desk, rule, t, now, &bill, &work);
	if (meter_behind(&bill, t, stage, o))
		return;
	decide(desk, t, stage, &bill, &work, o);
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
meter_preview(const struct desk *desk, const struct txn *t, int64_t now,
    struct outcome *o_r)
{
	meter_judge(desk, t, STAGE_RCPT, now, o_r);
	count_rcpt(o_r);
}

void
meter_charge(const struct desk *desk, const struct txn *t, int64_t now,
    struct outcome *o_r)
{
	meter_judge(desk, t, STAGE_CHARGE, now, o_r);
	hold_or_defer(desk->conf, t, now, o_r);
	soften(t, o_r);
	count_message(desk->conf, t, o_r);
}

void
meter_explain(const struct desk *desk, const struct txn *t, int64_t now,
    struct outcome *o_r)
{
	meter_judge(desk, t, STAGE_EXPLAIN, now, o_r);
	hold_or_defer(desk->conf, t, now, o_r);
	soften(t, o_r);
}
