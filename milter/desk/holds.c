/*
 * holds.c - the accounts, and the senders of them, that a provider refuses for
 * a while.
 *
 * A refusal reaches whom it means: one sender at the relay, the account, or
 * all accounts of the tenant.  Names that others choose are bounded: of
 * senders only so many are remembered, the one that opens first goes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "holds.h"
#include "log.h"
#include "verdict.h"

#define SENDERS 1000 /* remembered, of all accounts together */

struct held {
	struct held *next;
	struct hold hold;
	char account[STORE_NAME];
	char who[]; /* "": the account itself, a sender, "@domain" */
};

void
holds_free(struct holds *h)
{
	struct held *x;

	while ((x = h->first) != NULL) {
		h->first = x->next;
		free(x);
	}
	h->n = 0;
}

static struct held *
held_find(const struct holds *h, const char *account, const char *who)
{
	struct held *x = h->first;

	while (x != NULL &&
	       (strcmp(x->account, account) != 0 || strcmp(x->who, who) != 0))
		x = x->next;
	return x;
}

/* forget_one - the sender that opens first */
static void
forget_one(struct holds *h)
{
	struct held **oldest = NULL, *gone;

	for (struct held **at = &h->first; *at != NULL; at = &(*at)->next)
		if ((*at)->who[0] != '\0' &&
		    (oldest == NULL ||
			(*at)->hold.until < (*oldest)->hold.until))
			oldest = at;
	if (oldest == NULL)
		return;
	gone = *oldest;
	*oldest = gone->next;
	free(gone);
	h->n--;
}

static struct held *
held_of(struct holds *h, const char *account, const char *who)
{
	struct held *x = held_find(h, account, who);

	if (x != NULL)
		return x;
	if (who[0] != '\0' && h->n >= SENDERS)
		forget_one(h);
	x = calloc(1, sizeof(*x) + strlen(who) + 1);
	if (x == NULL)
		return NULL;
	snprintf(x->account, sizeof(x->account), "%s", account);
	strcpy(x->who, who);
	x->next = h->first;
	h->first = x;
	h->n++;
	return x;
}

/* --- telling ------------------------------------------------------------- */

static void
tell(const struct desk *d, const struct held *x, enum hold_change change,
    int64_t now)
{
	struct store_event e = { .when = now, .kind = "gate" };
	char when[80] = "a person opens it", who[MAILADDR_MAX + 8] = "";

	if (change != HOLD_SHUT && change != HOLD_OPENED)
		return;
	if (x->hold.until != NEVER)
		verdict_time(
		    x->hold.until, now, d->conf->zone, when, sizeof(when));
	if (x->who[0] != '\0')
		escape_str(who, sizeof(who), x->who);
	snprintf(e.key, sizeof(e.key), "%s", x->account);
	if (change == HOLD_SHUT) {
		const enum refusal_tell tell =
		    refusal_reaction(x->hold.class)->tell;

		snprintf(e.text, sizeof(e.text),
		    "%.60s%sclosed until %s: %s: %.80s", who,
		    who[0] != '\0' ? " " : "", when,
		    refusal_class_words[x->hold.class], x->hold.why);
		if (tell == TELL_URGENT)
			log_error("gate: account=%s %s", x->account, e.text);
		else
			log_warn("gate: account=%s %s", x->account, e.text);
	} else {
		snprintf(e.text, sizeof(e.text),
		    "%s%sopened: it takes mail again", who,
		    who[0] != '\0' ? " " : "");
		log_info("gate: account=%s %s", x->account, e.text);
	}
	store_note(d->store, &e);
}

/* --- hearing ------------------------------------------------------------- */

/* who_of - the sender or the domain of it that a refusal means */
static const char *
who_of(enum refusal_reach reach, const char *sender)
{
	const char *at = strrchr(sender, '@');

	if (reach == REACH_SENDER)
		return sender;
	return reach == REACH_SENDER_DOMAIN && at != NULL ? at : "";
}

static void
shut(struct holds *h, const struct desk *d, const char *account,
    const char *who, const struct refusal *means, const char *said, int64_t now)
{
	struct held *x = held_of(h, account, who);

	if (x != NULL)
		tell(d, x, hold_refused(&x->hold, means, said, now), now);
}

/* same_tenant - does a refusal to the tenant of sh mean other, too? */
static bool
same_tenant(const struct smarthost *sh, const struct smarthost *other)
{
	return sh == other ||
	       (sh->oauth.tenant[0] != '\0' &&
		   strcmp(sh->oauth.tenant, other->oauth.tenant) == 0 &&
		   strcmp(sh->provider, other->provider) == 0);
}

bool
holds_heard(struct holds *h, const struct desk *d, const struct smarthost *sh,
    const char *sender, const char *status, int64_t now, struct why *better)
{
	const struct refusal_reaction *does;
	struct refusal_reply reply;
	struct refusal means;
	char raw[200], said[220];

	if (!refusal_read_postfix(status, &reply))
		return false;
	refusal_match(d->conf->refusals, sh->provider, &reply, now, &means);
	does = refusal_reaction(means.class);
	if (!does->holds)
		return false;
	snprintf(raw, sizeof(raw), "%s %s %.170s", reply.code, reply.enhanced,
	    reply.text);
	escape_str(said, sizeof(said), raw);
	for (size_t i = 0; i < d->conf->nsmarthost; i++) {
		const struct smarthost *other = &d->conf->smarthost[i];

		if (means.reach == REACH_TENANT ? same_tenant(sh, other)
						: sh == other)
			shut(h, d, other->name, who_of(means.reach, sender),
			    &means, said, now);
	}
	/* What the provider did not say itself may be of the message. */
	if (!does->softens || means.hits > 1 || reply.code[0] != '5')
		return false;
	why_set(better, "account %s, not the message: %s", sh->name, said);
	return true;
}

void
holds_delivered(struct holds *h, const struct desk *d,
    const struct smarthost *sh, const char *sender, int64_t now)
{
	const char *at = strrchr(sender, '@');
	const char *all[] = { "", sender, at != NULL ? at : "" };

	for (size_t i = 0; i < 3; i++) {
		struct held *x = held_find(h, sh->name, all[i]);

		if (x != NULL)
			tell(d, x, hold_delivered(&x->hold, now), now);
	}
}

bool
holds_shut(struct holds *h, const struct desk *d, const char *account,
    const char *sender, bool take, int64_t now, struct why *why)
{
	const char *at = sender[0] != '\0' ? strrchr(sender, '@') : NULL;
	const char *all[] = { sender, at != NULL ? at : sender };
	char when[80] = "a person opens it";

	for (size_t i = 0; i < (at != NULL ? 2 : 1); i++) {
		struct held *x = held_find(h, account, all[i]);

		if (x == NULL ||
		    (take ? hold_take(&x->hold, now)
			  : hold_state(&x->hold, now)) != HOLD_CLOSED)
			continue;
		if (x->hold.until != NEVER)
			verdict_time(x->hold.until, now, d->conf->zone, when,
			    sizeof(when));
		why_set(why, "account %s is closed until %s: %s", account, when,
		    x->hold.why);
		return true;
	}
	return false;
}

const struct hold *
holds_find(const struct holds *h, const char *account)
{
	const struct held *x = held_find(h, account, "");

	return x != NULL ? &x->hold : NULL;
}

bool
holds_by_hand(struct holds *h, const char *account, int64_t until,
    const char *why, int64_t now)
{
	struct held *x = held_of(h, account, "");

	if (x == NULL)
		return false;
	if (until == 0)
		hold_open(&x->hold);
	else
		hold_by_hand(&x->hold, until, why, now);
	return true;
}
