/*
 * routing.c - where mail that was accepted goes.
 *
 * A queue manager asks by sender, or by queue id, again at each retry, and
 * knows neither login nor client: so the charge binds its choice, and the
 * binding speaks while its account takes mail.
 */
#include <stdio.h>
#include <string.h>

#include "bill.h"
#include "gate.h"
#include "match.h"
#include "routing.h"

/* binding_of_sender - the name that a sender's smarthost is kept under */
const char *
binding_of_sender(const struct mailaddr *sender)
{
	return mailaddr_is_null(sender) ? "<>" : sender->text;
}

/* binding_of_id - the name for a message; no sender's name has a tab */
const char *
binding_of_id(const char *queue_id, char dst[TXN_QUEUE_ID + 1])
{
	snprintf(dst, TXN_QUEUE_ID + 1, "\t%s", queue_id);
	return dst;
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
 * Sendmail asks before the charge, so the guess should be good; where it is
 * not, the milter has Sendmail ask again.
 */
static const struct smarthost *
likely(const struct desk *desk, const struct rule *rule,
    const struct mailaddr *sender, int64_t now)
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
	bill_make(desk, rule, &t, now, &bill, &work);
	bill.ncommon = 0; /* the budgets alone, whoever sends */
	if (bill.nchoice > 0 &&
	    store_preview(desk->store, &bill, &d, &why) == STORE_OK)
		choice = d.choice;
	return bill.nchoice == 0 ? rule->route->smarthost[0]
				 : config_smarthost(desk->conf,
				       bill.choice[choice].smarthost);
}

enum route_answer
routing_of_sender(const struct desk *desk, const struct mailaddr *sender,
    int64_t now, const struct smarthost **sh_r, struct why *why)
{
	const struct config *conf = desk->conf;
	const struct smarthost *sh = NULL;
	const struct rule *rule;
	char name[STORE_NAME];
	bool sure;

	rule = match_sender(conf, sender, &sure);
	switch (store_bound(
	    desk->store, binding_of_sender(sender), now, name, why)) {
	case STORE_OK:
		sh = config_smarthost(conf, name);
		break;
	case STORE_NONE:
		break;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		return ROUTE_UNKNOWN;
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
		sh = likely(desk, rule, sender, now);
	*sh_r = sh;
	return sh != NULL ? ROUTE_FOUND : ROUTE_NONE;
}

enum route_answer
routing_of_id(const struct desk *desk, const char *queue_id,
    const struct mailaddr *sender, int64_t now, const struct smarthost **sh_r,
    struct why *why)
{
	char id[TXN_QUEUE_ID + 1], name[STORE_NAME];

	if (!bill_has_id(queue_id, sender))
		return routing_of_sender(desk, sender, now, sh_r, why);
	switch (store_bound(
	    desk->store, binding_of_id(queue_id, id), now, name, why)) {
	case STORE_OK:
		*sh_r = config_smarthost(desk->conf, name);
		if (*sh_r != NULL)
			return ROUTE_FOUND;
		break;
	case STORE_NONE:
		break;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		return ROUTE_UNKNOWN;
	}
	*sh_r = NULL;
	return ROUTE_NONE;
}

/* route_through - the route of the sender's rule, else one that offers sh */
static const struct route *
route_through(const struct config *conf, const struct mailaddr *sender,
    const struct smarthost *sh)
{
	const struct rule *rule;
	bool sure;

	rule = match_sender(conf, sender, &sure);
	if (rule != NULL && config_leads_to(rule->route, sh))
		return rule->route;
	for (size_t i = 0; i < conf->nroute; i++)
		if (config_leads_to(&conf->route[i], sh))
			return &conf->route[i];
	return NULL;
}

enum route_answer
routing_now(const struct desk *desk, const struct mailaddr *sender, int64_t now,
    const struct smarthost **sh_r, struct why *why)
{
	enum route_answer a = routing_of_sender(desk, sender, now, sh_r, why);
	const struct smarthost *sh = *sh_r;
	const struct route *route;
	struct why other;

	if (a != ROUTE_FOUND || !gate_preview(desk, sh, sender->text, now, why))
		return a;
	/* Another account would bear another sender than the message has. */
	route =
	    is_own(sh, sender) ? NULL : route_through(desk->conf, sender, sh);
	for (size_t i = 0; route != NULL && i < route->n; i++)
		if (route->smarthost[i] != sh &&
		    !gate_preview(
			desk, route->smarthost[i], sender->text, now, &other)) {
			*sh_r = route->smarthost[i];
			return ROUTE_FOUND;
		}
	return ROUTE_FULL;
}
