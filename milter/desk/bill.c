/*
 * bill.c - which counters a transaction touches, and what it costs there.
 *
 * The lines of the rule's policies always apply; each smarthost of its route
 * that could take the message is a choice with the lines of its account.
 */
#include <stdio.h>
#include <string.h>

#include "account_key.h"
#include "bill.h"
#include "digest.h"
#include "gate.h"
#include "sent.h"

/* Begins the key of a counter that senders share. */
#define OTHERS "others of "

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
bill_copy(char *dst, size_t size, const char *text)
{
	join(dst, size, text, "");
}

/* The client's address, or what stands for it where there is none. */
void
bill_client_key(
    const struct txn *t, const struct policy *p, char *dst, size_t size)
{
	unsigned bits = p == NULL            ? 128
			: t->client.len == 4 ? p->prefix4
					     : p->prefix6;

	if (t->client.len == 0)
		bill_copy(dst, size, "localhost");
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
		bill_client_key(t, p->per == PER_CLIENT ? p : NULL, dst, size);
		return false;
	}
	switch (p->per) {
	case PER_EVERYONE:
		bill_copy(dst, size, "*");
		return false;
	case PER_CLIENT:
		bill_client_key(t, p, dst, size);
		return false;
	case PER_SENDER:
		if (!mailaddr_is_null(&t->sender)) {
			bill_copy(dst, size, t->sender.text);
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
			bill_copy(dst, size, t->sender.text);
			return true;
		}
		break;
	case PER_LOGIN:
		break;
	}
	if (t->login[0] != '\0')
		bill_copy(dst, size, t->login);
	else
		bill_client_key(t, p, dst, size);
	return false;
}

/* senders_line - one more sender that this login or client made up */
static void
senders_line(const struct config *conf, const struct txn *t, struct bill *b,
    struct bill_work *w)
{
	size_t i = b->nline++;

	if (t->login[0] != '\0')
		bill_copy(w->key[i], sizeof(w->key[i]), t->login);
	else
		bill_client_key(t, NULL, w->key[i], sizeof(w->key[i]));
	b->line[i] = (struct bill_line){
		.policy = conf->senders,
		.key = w->key[i],
		.rcpt = &w->sender,
		.nrcpt = 1,
	};
}

bool
bill_renames(const struct smarthost *sh, const struct mailaddr *sender)
{
	return sh->envelope_key[0] != '\0' && !mailaddr_is_null(sender) &&
	       strcmp(sh->envelope_key, sender->text) != 0;
}

bool
bill_has_id(const char *queue_id, const struct mailaddr *sender)
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

	if (each && !bill_renames(sh, &t->sender))
		return key_of(p, t, dst, size);
	if (each)
		bill_copy(dst, size, sh->envelope_key);
	else
		account_key(BUDGET_PROMISED, sh->name, dst, size);
	return false;
}

const struct policy *
bill_cap(const struct config *conf, const struct smarthost *sh)
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
	const struct policy *p = bill_cap(conf, sh);

	return p == NULL ||
	       txn_count(t, WAY_ROUTED) <= p->recipients_per_message;
}

/*
 * offer - one smarthost that could take the message, and what that costs its
 * account: only what leaves, and each delivery that the mail server makes of
 * it.  At its exit one more delivery must fit, and is charged there.
 */
static void
offer(const struct desk *desk, const struct smarthost *sh, bool last,
    const struct txn *t, struct bill *b, struct bill_work *w)
{
	const struct txn_rcpts *routed = &t->rcpts[WAY_ROUTED];
	const uint64_t parts =
	    (routed->count + sh->recipient_limit - 1) / sh->recipient_limit;
	struct bill_choice *ch = &b->choice[b->nchoice++];

	*ch = (struct bill_choice){
		.smarthost = sh->name,
		.first = b->nline,
		.n = routed->count > 0 ? sh->policies.n : 0,
		.last = last,
	};
	/* The mail server will ask with the sender that it is told now. */
	if (bill_renames(sh, &t->sender) &&
	    !(t->by_id && bill_has_id(t->queue_id, &t->sender)))
		ch->bound = sh->envelope_key;
	for (size_t i = 0; i < ch->n; i++) {
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
			.observed = desk->conf->observe,
		};
	}
	if (ch->n == 0 || desk->gate == NULL)
		return;
	ch->n += sent_lines(desk->conf, sh, NULL,
	    &(struct settlement){ 1, sh->recipient_limit, 0 }, b, w->key);
	for (size_t i = ch->first + sh->policies.n; i < b->nline; i++)
		b->line[i].asked = true;
}

/* offer_route - each smarthost of a route that could take the message */
static void
offer_route(const struct desk *desk, const struct route *route,
    const struct txn *t, int64_t now, struct bill *b, struct bill_work *w)
{
	for (size_t i = 0; i < route->n; i++) {
		const struct smarthost *sh = route->smarthost[i];
		const char *sender = sh->envelope_key[0] != '\0'
					 ? sh->envelope_key
					 : t->sender.text;

		if (takes(desk->conf, sh, t))
			offer(desk, sh,
			    gate_is_closed(desk, sh, sender, now) ||
				health_is_unhealthy(desk->health, sh->name),
			    t, b, w);
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
bill_make(const struct desk *desk, const struct rule *rule, const struct txn *t,
    int64_t now, struct bill *b_r, struct bill_work *w)
{
	const struct config *conf = desk->conf;
	/*
	 * What Sendmail's aliases make of a message that stays in the office
	 * may leave: it is bound for that, at no cost, and metered at the exit.
	 */
	const bool leaves = txn_count(t, WAY_ROUTED) > 0;
	const bool routed = rule->route != NULL &&
			    (leaves || (t->by_id && t->queue_id[0] != '\0'));
	bool made_up = false;

	/* Made for every recipient: lines beyond nline are left as they are. */
	b_r->now = now;
	b_r->zone = conf->zone;
	b_r->nline = b_r->nchoice = 0;
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
	if (routed)
		offer_route(desk, rule->route, t, now, b_r, w);
	b_r->spread = rule->route != NULL && rule->route->spread;
}

bool
bill_is_shared(const char *key)
{
	return strncmp(key, OTHERS, sizeof(OTHERS) - 1) == 0;
}

void
bill_share_counter(const struct txn *t, struct bill *b, struct bill_work *w)
{
	struct bill_line *senders = &b->line[b->ncommon - 1];
	char made_up[MAILADDR_MAX + 1];

	for (size_t i = 0; i < b->nline; i++)
		if (i + 1 != b->ncommon &&
		    (i < b->ncommon || b->line[i].policy->per == PER_SENDER) &&
		    key_of(b->line[i].policy, t, made_up, sizeof(made_up)))
			snprintf(w->key[i], sizeof(w->key[i]), OTHERS "%.*s",
			    (int)(MAILADDR_MAX + 1 - sizeof(OTHERS)),
			    senders->key);
	senders->nrcpt = 0; /* costs nothing more */
}
