/*
 * sent.c - what an account may send, and what it sent.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "log.h"
#include "account_key.h"
#include "sent.h"
#include "verdict.h"

/* The lines of a bill, and the keys that it points to. */
struct work {
	struct bill bill;
	char key[BILL_LINES][MAILADDR_MAX + 1];
};

/* Bytes and different recipients are promised only: the exit sees neither. */
size_t
sent_lines(const struct config *conf, const struct smarthost *sh,
    const char *sender, const struct settlement *cost, struct bill *b,
    char key[BILL_LINES][MAILADDR_MAX + 1])
{
	const size_t before = b->nline;

	for (size_t i = 0; i < sh->policies.n; i++) {
		const struct policy *p = sh->policies.v[i];
		const size_t at = b->nline;

		if ((p->per == PER_SENDER) != (sender != NULL))
			continue;
		account_key(BUDGET_SENT, sender != NULL ? sender : sh->name,
		    key[at], sizeof(key[at]));
		b->line[at] = (struct bill_line){
			.policy = p,
			.key = key[at],
			.cost = { [DIM_MESSAGES] = cost->messages,
			    [DIM_RECIPIENTS] = cost->recipients },
			.observed = conf->observe,
		};
		b->nline++;
	}
	return b->nline - before;
}

static void
sent_bill(const struct config *conf, const struct smarthost *sh,
    const char *sender, const struct settlement *cost, int64_t now,
    struct work *w)
{
	struct bill *b = &w->bill;

	memset(b, 0, sizeof(*b));
	b->now = now;
	b->zone = conf->zone;
	b->ncommon = sent_lines(conf, sh, sender, cost, b, w->key);
}

/* say_full - which limit of an account is used up, and when it is not */
static void
say_full(const struct config *conf, const char *account, const struct bill *b,
    const struct shortfall *s, struct why *why)
{
	char text[LIMIT_TEXT], when[80] = "never";
	struct limit limit;

	if (s->again != NEVER)
		verdict_time(s->again, b->now, conf->zone, when, sizeof(when));
	if (s->what == SHORT_LOCKED) {
		why_set(
		    why, "account %s: locked out, next at %s", account, when);
		return;
	}
	limit = b->line[s->line].policy->limit[s->limit];
	limit.max = s->max;
	why_set(why, "account %s: %" PRIu64 " of %s, next at %s", account,
	    s->used, limit_text(&limit, text, sizeof(text)), when);
}

enum gate_answer
sent_take(const struct desk *d, const struct smarthost *sh, const char *sender,
    int64_t now, struct lease *lease, struct why *why)
{
	const struct settlement most = { lease->messages, lease->recipients,
		0 };
	struct decision decision;
	struct work w;

	sent_bill(d->conf, sh, sender, &most, now, &w);
	snprintf(lease->smarthost, sizeof(lease->smarthost), "%s", sh->name);
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
	say_full(d->conf, sh->name, &w.bill, &decision.shortfall, why);
	return GATE_SHUT;
}

void
sent_settle(const struct desk *d, const struct smarthost *sh,
    const char *sender, const struct lease *lease,
    const struct settlement *left, int64_t now)
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

/* is_about - does a limit last so long: an hour or less, or a day or so? */
static bool
is_about(const struct window_spec *w, int64_t span)
{
	if (w->calendar)
		return w->period == (span >= DAY ? PERIOD_DAY : PERIOD_HOUR);
	return span >= DAY ? w->length >= 20 * HOUR && w->length <= 2 * DAY
			   : w->length >= 10 * MINUTE && w->length <= 2 * HOUR;
}

/* count_limit - the first limit of p that lasts about span, and what is used */
static bool
count_limit(const struct policy *p, const struct counter *c, int64_t span,
    const struct settlement *under_way, int64_t now, struct why *count)
{
	char text[LIMIT_TEXT];
	uint64_t used, max, not_yet;

	for (size_t i = 0; i < p->nlimit; i++) {
		if (!is_about(&p->limit[i].window, span) ||
		    p->limit[i].dim > DIM_RECIPIENTS)
			continue;
		quota_usage(p, c, i, now, &used, &max);
		not_yet = p->limit[i].dim == DIM_MESSAGES
			      ? under_way->messages
			      : under_way->recipients;
		why_set(count, "%" PRIu64 " of our %s",
		    used > not_yet ? used - not_yet : 0,
		    limit_text(&p->limit[i], text, sizeof(text)));
		return true;
	}
	return false;
}

bool
sent_count(const struct desk *d, const struct smarthost *sh, int64_t span,
    const struct settlement *under_way, int64_t now, struct why *count)
{
	char key[MAILADDR_MAX + 1];
	struct counter *c = NULL;
	struct why why;
	bool found = false;

	account_key(BUDGET_SENT, sh->name, key, sizeof(key));
	for (size_t i = 0; !found && i < sh->policies.n; i++) {
		const struct policy *p = sh->policies.v[i];

		if (p->per == PER_SENDER ||
		    store_read(d->store, p, key, now, &c, &why) != STORE_OK)
			continue;
		found = count_limit(p, c, span, under_way, now, count);
		counter_free(&c);
	}
	return found;
}

bool
sent_is_full(const struct desk *d, const struct smarthost *sh, int64_t now,
    struct why *why)
{
	const struct settlement most = { 1, sh->recipient_limit, 0 };
	struct decision decision;
	struct work w;

	sent_bill(d->conf, sh, NULL, &most, now, &w);
	if (w.bill.nline == 0 ||
	    store_preview(d->store, &w.bill, &decision, why) != STORE_OK ||
	    decision.fits)
		return false;
	say_full(d->conf, sh->name, &w.bill, &decision.shortfall, why);
	return true;
}
