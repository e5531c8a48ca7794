/*
 * record.c - an outcome as an entry of the trace: who, from where, by which
 * rule, which limit spoke with its numbers then, and what was answered; and
 * what became of it at the exit.
 */
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "held_mail.h"
#include "limit.h"
#include "record.h"

int
record_day(const struct config *conf, int64_t now)
{
	struct tm tm;

	zone_localtime(conf->zone, now, &tm);
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

static void
record_put(char *dst, size_t size, const char *text)
{
	snprintf(dst, size, "%s", text != NULL ? text : "");
}

/* put_who - whose it is: the one name that its day is counted under */
static void
put_who(const struct txn *t, struct trace_entry *e)
{
	if (t->client.len > 0)
		netaddr_text(&t->client, 128, e->client, sizeof(e->client));
	record_put(e->login, sizeof(e->login), t->login);
	record_put(e->sender, sizeof(e->sender), t->sender.text);
	record_put(e->who, sizeof(e->who),
	    e->login[0] != '\0'    ? e->login
	    : e->sender[0] != '\0' ? e->sender
	    : e->client[0] != '\0' ? e->client
				   : "localhost");
}

/* put_recipients - those that leave, then the others; both lists are sorted */
static void
put_recipients(const struct txn *t, struct trace_entry *e)
{
	const struct txn_rcpts *out = &t->rcpts[WAY_EXTERNAL],
			       *all = &t->rcpts[WAY_LOCAL];

	for (size_t i = 0; i < out->n && e->nrcpt < TRACE_RCPTS; i++)
		e->digest[e->nrcpt++] = out->digest[i];
	for (size_t i = 0, j = 0; i < all->n && e->nrcpt < TRACE_RCPTS; i++)
		if (j < out->n && out->digest[j] == all->digest[i])
			j++;
		else
			e->digest[e->nrcpt++] = all->digest[i];
}

static enum trace_sum
sum_of(const struct outcome *o)
{
	if (o->verdict == VERDICT_PASS)
		return TRACE_SENT;
	return o->verdict == VERDICT_HOLD ? TRACE_HELD : TRACE_REFUSED;
}

bool
record_outcome(const struct config *conf, const struct txn *t, const char *rcpt,
    const struct outcome *o, const struct reply *r, int64_t now)
{
	struct trace_entry e;

	if (o->verdict == VERDICT_IGNORE)
		return true;
	memset(&e, 0, sizeof(e));
	e.when = now;
	e.day = record_day(conf, now);
	e.stage = rcpt != NULL ? TRACE_RCPT : TRACE_EOM;
	e.sum = sum_of(o);
	record_put(e.queue_id, sizeof(e.queue_id), t->queue_id);
	put_who(t, &e);
	e.recipients = txn_count(t, WAY_LOCAL);
	e.external = txn_count(t, WAY_EXTERNAL);
	e.bytes = t->bytes;
	if (rcpt != NULL) {
		escape_str(e.rcpt, sizeof(e.rcpt), rcpt);
		e.digest[e.nrcpt++] = mailaddr_exact(rcpt, strlen(rcpt));
	}
	put_recipients(t, &e);
	record_put(e.rule, sizeof(e.rule), o->rule);
	record_put(e.verdict, sizeof(e.verdict), verdict_name(o->verdict));
	record_put(e.key, sizeof(e.key), o->key);
	e.used = o->used;
	e.max = o->max;
	e.again = o->again == NEVER ? 0 : o->again;
	if (o->policy != NULL)
		record_put(e.policy, sizeof(e.policy), o->policy->name);
	if (o->limit != NULL)
		limit_text(o->limit, e.limit, sizeof(e.limit));
	record_put(e.smarthost, sizeof(e.smarthost), o->smarthost);
	if (r->code != NULL)
		snprintf(e.text, sizeof(e.text), "%s %s %s", r->code, r->xcode,
		    r->text);
	else
		record_put(e.text, sizeof(e.text),
		    r->text[0] != '\0' ? r->text : o->why.text);
	trace_note(&e);
	if (o->verdict != VERDICT_HOLD)
		return true;
	held_mail_add(&e);
	return trace_settle();
}

void
record_delivery(
    const struct config *conf, const struct record_delivery *r, int64_t now)
{
	struct trace_entry e;

	memset(&e, 0, sizeof(e));
	e.when = now;
	e.day = record_day(conf, now);
	e.stage = TRACE_DELIVERY;
	e.sum = r->failed ? TRACE_FAILED : TRACE_NOTHING;
	record_put(e.queue_id, sizeof(e.queue_id), r->id);
	record_put(e.who, sizeof(e.who), r->sender);
	record_put(e.sender, sizeof(e.sender), r->sender);
	e.recipients = e.external = r->recipients;
	record_put(e.verdict, sizeof(e.verdict), r->verdict);
	record_put(e.smarthost, sizeof(e.smarthost), r->account);
	record_put(e.text, sizeof(e.text), r->text);
	trace_note(&e);
}
