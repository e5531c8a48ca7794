/*
 * count.c - outcomes as numbers for those who watch.
 *
 * Labels are names of the configuration and words of the code: no sender is
 * one, or a flood of made-up senders would be a flood of series.
 */
#include <stdio.h>
#include <string.h>

#include "count.h"
#include "limit.h"
#include "tally.h"

/* limit_hit - which limit of which policy said no */
static void
limit_hit(const struct outcome *o)
{
	char text[LIMIT_TEXT];

	if (o->policy == NULL)
		return;
	if (o->limit != NULL)
		limit_text(o->limit, text, sizeof(text));
	else
		strcpy(text, "recipients in one message, or a lockout");
	tally_add(TALLY_LIMIT_HITS, o->policy->name, text, 1);
}

void
count_warning(unsigned percent, const struct policy *policy)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", percent);
	tally_add(TALLY_WARNINGS, policy->name, text, 1);
}

void
count_rcpt(const struct outcome *o)
{
	const char *reason;

	switch (o->verdict) {
	case VERDICT_IGNORE:
	case VERDICT_PASS:
	case VERDICT_HOLD:
		return;
	case VERDICT_DEFER:
	case VERDICT_REJECT:
	case VERDICT_TOO_LARGE:
		reason = "limit";
		break;
	case VERDICT_TOO_MANY:
		reason = "toomany";
		break;
	case VERDICT_BLOCKED:
		reason = "blocked";
		break;
	case VERDICT_NO_RULE:
		reason = "norule";
		break;
	case VERDICT_UNAVAILABLE:
	default:
		reason = "unavailable";
		break;
	}
	tally_add(TALLY_RCPT_REFUSED, reason, NULL, 1);
	limit_hit(o);
}

/* chosen - the smarthost that takes it, and whether that is not the first */
static void
chosen(const struct config *conf, const struct outcome *o)
{
	tally_add(TALLY_SMARTHOST, o->smarthost, NULL, 1);
	for (size_t i = 0; i < conf->nrule; i++) {
		const struct route *route = conf->rule[i].route;

		if (o->rule == NULL || strcmp(conf->rule[i].name, o->rule) != 0)
			continue;
		if (route != NULL && !route->spread &&
		    strcmp(route->smarthost[0]->name, o->smarthost) != 0)
			tally_add(TALLY_FAILOVERS, route->name, NULL, 1);
		return;
	}
}

void
count_message(
    const struct config *conf, const struct txn *t, const struct outcome *o)
{
	const bool taken =
	    o->verdict == VERDICT_PASS || o->verdict == VERDICT_HOLD;

	if (o->verdict == VERDICT_IGNORE)
		return;
	tally_add(TALLY_MESSAGES, verdict_name(o->verdict), o->rule, 1);
	if (o->observed && o->policy != NULL)
		tally_add(TALLY_OBSERVED, o->policy->name, NULL, 1);
	if (o->unmetered)
		tally_add(TALLY_UNMETERED, NULL, NULL, 1);
	if (!taken || o->verdict == VERDICT_HOLD)
		limit_hit(o);
	if (!taken)
		return;
	tally_add(
	    TALLY_RECIPIENTS, "external", NULL, txn_count(t, WAY_EXTERNAL));
	tally_add(TALLY_RECIPIENTS, "internal", NULL,
	    txn_count(t, WAY_LOCAL) - txn_count(t, WAY_EXTERNAL));
	tally_add(TALLY_BYTES, NULL, NULL, t->bytes);
	if (o->smarthost != NULL)
		chosen(conf, o);
}
