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
#include "meter.h"
#include "sent.h"
#include "tally.h"
#include "verdict.h"

#define SENDERS 1000 /* remembered, of all accounts together */
#define BY_HAND "by hand"

struct held {
	struct held *next;
	struct hold hold;
	bool login_refused; /* and nobody asked about it since */
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

/* tell_count - what we had counted when the provider said that it is enough */
static void
tell_count(const struct desk *d, const struct held *x,
    const struct settlement *under_way, int64_t now)
{
	struct store_event e = { .when = now, .kind = "gate" };
	struct why count = WHY_NONE;

	if (x->who[0] != '\0' ||
	    !refusal_reaction(x->hold.class)->tells_count ||
	    !sent_count(d, config_smarthost(d->conf, x->account),
		x->hold.class == REFUSAL_QUOTA_DAY ? DAY : HOUR, under_way, now,
		&count))
		return;
	log_warn(
	    "gate: account=%s: the provider's limit was reached at %s: if nobody else sends by this account, lower the limit in its policies",
	    x->account, count.text);
	snprintf(e.key, sizeof(e.key), "%s", x->account);
	snprintf(e.text, sizeof(e.text),
	    "the provider's limit was reached at %s", count.text);
	store_note(d->store, &e);
}

static void
holds_tell(const struct desk *d, const struct held *x, enum hold_change change,
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

/* --- over restarts -------------------------------------------------------- */

/*
 * holds_keep - an account's hold as a block of BLOCK_ACCOUNT, "CLASS: why" its
 * text; one that is open has none.  Senders of it are learned anew.
 */
static enum store_answer
holds_keep(const struct desk *d, const struct held *x, const char *actor,
    int64_t now, struct why *why)
{
	char name[sizeof(BLOCK_ACCOUNT) + STORE_NAME], text[STORE_TEXT] = "";
	const struct audit by = { now, actor, text };

	if (x->who[0] != '\0')
		return STORE_OK;
	snprintf(name, sizeof(name), BLOCK_ACCOUNT "%s", x->account);
	if (hold_state(&x->hold, now) == HOLD_OPEN)
		return store_unblock(d->store, name, &by, why);
	snprintf(text, sizeof(text), "%s: %.100s",
	    x->hold.by_hand ? BY_HAND : refusal_class_words[x->hold.class],
	    x->hold.why);
	return store_block(d->store, name, x->hold.until, &by, why);
}

/* class_of - of the word before the colon; REFUSAL_NONE: by hand */
static enum refusal_class
class_of(const char *text)
{
	const size_t n = strcspn(text, ":");

	for (size_t i = 0; refusal_class_words[i] != NULL; i++)
		if (strlen(refusal_class_words[i]) == n &&
		    strncmp(refusal_class_words[i], text, n) == 0)
			return (enum refusal_class)i;
	return REFUSAL_NONE;
}

/* turn - a hold that changed is told of and kept */
static void
turn(const struct desk *d, const struct held *x, enum hold_change change,
    int64_t now)
{
	struct why why = WHY_NONE;
	enum store_answer a;

	holds_tell(d, x, change, now);
	/* A busy server is forgotten in minutes. */
	if (change == HOLD_AS_IT_WAS || refusal_reaction(x->hold.class)->slows)
		return;
	a = holds_keep(d, x, "provider", now, &why);
	if (a != STORE_OK && a != STORE_NONE)
		log_warn("gate: account=%s a restart will not know of this: %s",
		    x->account, why.text);
}

struct adoption {
	struct holds *holds;
	const char *account; /* NULL: all */
	int64_t now;
	bool failed;
};

static bool
holds_adopt_one(void *arg, const char *who, int64_t until, const char *text)
{
	static const size_t mark = sizeof(BLOCK_ACCOUNT) - 1;
	struct adoption *ad = arg;
	const enum refusal_class class = class_of(text);
	const char *said = text + strcspn(text, ":");
	struct held *x;

	if (strncmp(who, BLOCK_ACCOUNT, mark) != 0 ||
	    (ad->account != NULL && strcmp(who + mark, ad->account) != 0))
		return true;
	said += strspn(said, ": ");
	x = held_of(ad->holds, who + mark, "");
	if (x == NULL)
		ad->failed = true;
	else if (class == REFUSAL_NONE)
		hold_by_hand(&x->hold, until, said, ad->now);
	else
		hold_adopt(&x->hold, class, until, said, ad->now);
	return !ad->failed;
}

enum store_answer
holds_adopt(struct holds *h, const struct desk *d, int64_t now, struct why *why)
{
	struct adoption ad = { .holds = h, .now = now };
	const enum store_answer a =
	    store_blocks(d->store, now, holds_adopt_one, &ad, why);

	if (!ad.failed)
		return a == STORE_NONE ? STORE_OK : a;
	why_set(why, "out of memory");
	return STORE_FAILED;
}

void
holds_learn(
    struct holds *h, const struct desk *d, const char *account, int64_t now)
{
	struct adoption ad = { .holds = h, .account = account, .now = now };
	const struct held *x = held_find(h, account, "");
	char name[sizeof(BLOCK_ACCOUNT) + STORE_NAME], text[STORE_TEXT];
	struct why why = WHY_NONE;

	if (x != NULL && hold_state(&x->hold, now) != HOLD_OPEN)
		return;
	snprintf(name, sizeof(name), BLOCK_ACCOUNT "%s", account);
	/* Nearly always it is not there: that costs no walk. */
	if (store_blocked(d->store, name, now, text, &why) == STORE_OK)
		(void)store_blocks(d->store, now, holds_adopt_one, &ad, &why);
}

/* --- hearing ------------------------------------------------------------- */

/*
 * who_of - the sender or the domain of it that a refusal means, "": the
 * account; NULL: one of its senders, and nobody knows which
 */
static const char *
who_of(enum refusal_reach reach, const char *sender)
{
	const char *who = sender;

	if (reach != REACH_SENDER && reach != REACH_SENDER_DOMAIN)
		return "";
	if (reach == REACH_SENDER_DOMAIN)
		who = strrchr(sender, '@');
	return who != NULL && who[0] != '\0' ? who : NULL;
}

/* shut - x, by what said means; said is the reply, escaped.  Was it open? */
static bool
shut(const struct desk *d, struct held *x, const struct refusal *means,
    const char *said, int64_t now)
{
	const enum hold_change change =
	    hold_refused(&x->hold, means, said, now);

	/* Once: a new token that is refused as well helps nobody. */
	if (change == HOLD_SHUT && means->class == REFUSAL_AUTH)
		x->login_refused = true;
	turn(d, x, change, now);
	return change == HOLD_SHUT;
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
holds_heard(struct holds *h, const struct desk *d, const struct heard *heard,
    int64_t now, struct why *better)
{
	const struct smarthost *sh = heard->sh;
	const struct refusal_reaction *does;
	const struct refusal_reply *reply = heard->reply;
	struct refusal means;
	char raw[200], said[220];
	const char *who;

	refusal_match(d->conf->refusals, sh->provider, reply, now, &means);
	does = refusal_reaction(means.class);
	tally_add(
	    TALLY_REFUSALS, sh->name, refusal_class_words[means.class], 1);
	if (!does->holds)
		return false;
	snprintf(raw, sizeof(raw), "%s %s %.170s", reply->code, reply->enhanced,
	    reply->text);
	escape_str(said, sizeof(said), raw);
	who = who_of(means.reach, heard->sender);
	for (size_t i = 0; who != NULL && i < d->conf->nsmarthost; i++) {
		const struct smarthost *other = &d->conf->smarthost[i];
		struct held *x = NULL;

		if (means.reach == REACH_TENANT ? same_tenant(sh, other)
						: sh == other)
			x = held_of(h, other->name, who);
		if (x != NULL && shut(d, x, &means, said, now) && sh == other)
			tell_count(d, x, &heard->under_way, now);
	}
	/* What the provider did not say itself may be of the message. */
	if (!does->softens || means.hits > 1 || reply->code[0] != '5')
		return false;
	why_set(better, "account %s, not the message: %s", sh->name, said);
	return true;
}

void
holds_no_login(struct holds *h, const struct desk *d,
    const struct smarthost *sh, const char *said, int64_t now)
{
	const struct refusal_reaction *does = refusal_reaction(REFUSAL_AUTH);
	const struct refusal means = { .class = REFUSAL_AUTH,
		.reach = REACH_ACCOUNT,
		.hits = 1,
		.hold = does->hold,
		.probe_first = does->probe_first,
		.probe_every = does->probe_every };
	struct held *x = held_of(h, sh->name, "");

	if (x != NULL)
		(void)shut(d, x, &means, said, now);
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
			turn(d, x, hold_delivered(&x->hold, now), now);
	}
}

bool
holds_shut(struct holds *h, const struct desk *d, const struct hold_question *q,
    int64_t now, struct why *why)
{
	const char *at = q->sender[0] != '\0' ? strrchr(q->sender, '@') : NULL;
	const char *all[] = { q->sender, at != NULL ? at : q->sender };
	char when[80] = "a person opens it";

	for (size_t i = 0; i < (at != NULL ? 2 : 1); i++) {
		struct held *x = held_find(h, q->account, all[i]);

		if (x == NULL ||
		    (q->take ? hold_take(&x->hold, now)
			     : hold_state(&x->hold, now)) != HOLD_CLOSED)
			continue;
		if (x->hold.until != NEVER)
			verdict_time(x->hold.until, now, d->conf->zone, when,
			    sizeof(when));
		why_set(why, "account %s is closed until %s: %s", q->account,
		    when, x->hold.why);
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

enum store_answer
holds_by_hand(struct holds *h, const struct desk *d, const char *account,
    const struct hold_order *order, int64_t now, struct why *why)
{
	struct held *x = held_of(h, account, "");
	enum store_answer a;

	if (x == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	if (order->until == 0)
		hold_open(&x->hold);
	else
		hold_by_hand(&x->hold, order->until, order->why, now);
	a = holds_keep(d, x, order->actor, now, why);
	return a == STORE_NONE ? STORE_OK : a;
}

bool
holds_login_refused(struct holds *h, const char *account)
{
	struct held *x = held_find(h, account, "");
	const bool refused = x != NULL && x->login_refused;

	if (refused)
		x->login_refused = false;
	return refused;
}

void
holds_try_now(struct holds *h, const char *account, int64_t now)
{
	struct held *x = held_find(h, account, "");

	if (x != NULL)
		hold_try_now(&x->hold, now);
}
