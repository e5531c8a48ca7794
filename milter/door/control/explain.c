/*
 * explain.c - what would a message be answered, and why?
 *
 * The transaction is made as the milter door makes it and put before the same
 * desk, so the answer here is the answer there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bill.h"
#include "gate.h"
#include "match.h"
#include "meter.h"
#include "request.h"

/* add_rcpt - one recipient of the imagined message; -1 if memory is out */
static int
add_rcpt(const struct config *conf, struct txn *t, const char *raw)
{
	const struct rcpt_word none = { NULL, NULL };

	return txn_add(t, mailaddr_exact(raw, strlen(raw)),
	    match_recipient(conf, raw, &none));
}

/*
 * txn_from - the transaction that was asked about.  Returns NULL, or what is
 * wrong with the question.  Without login and client it is sendmail(1)'s,
 * which the mail server hands on as from itself.
 */
static const char *
txn_from(const struct request *rq, struct txn *t)
{
	const char *sender = control_arg(rq, "sender");
	const char *login = control_arg(rq, "login");
	const char *client = control_arg(rq, "client");
	const json_t *rcpt = json_object_get(rq->args, "rcpt"), *one;
	size_t i;

	txn_begin(t);
	if (sender == NULL)
		return "a sender is needed";
	if (json_array_size(rcpt) == 0)
		return "a recipient is needed";
	mailaddr_canon(
	    &t->sender, sender, strlen(sender), rq->conf->recipient_delimiter);
	if (login != NULL)
		config_login(rq->conf, login, t->login);
	t->submitted = login == NULL && client == NULL;
	if (t->submitted)
		client = "127.0.0.1";
	if (client != NULL && netaddr_parse(client, &t->client) == -1)
		return "the client is no IP address";
	t->bytes = (uint64_t)obj_num(rq->args, "size");
	json_array_foreach (rcpt, i, one) {
		if (!json_is_string(one))
			return "a recipient is no text";
		if (add_rcpt(rq->conf, t, json_string_value(one)) == -1)
			return "memory is out";
	}
	return NULL;
}

/* cost_of - what the message would add to limit i of a line */
static uint64_t
cost_of(const struct request *rq, const struct bill_line *line,
    const struct counter *c, size_t i)
{
	if (line->policy->limit[i].dim != DIM_UNIQUE)
		return line->cost[line->policy->limit[i].dim];
	if (c == NULL)
		return line->nrcpt;
	return recipient_set_new(
	    &c->slot[i].uniq, line->rcpt, line->nrcpt, rq->now);
}

/* line_limits - every limit of one line of the bill, as the counter key has it
 */
static enum store_answer
line_limits(const struct request *rq, const struct bill_line *line,
    const char *key, json_t **limits, struct why *why)
{
	struct counter *c = NULL;
	enum store_answer a =
	    store_read(rq->env->store, line->policy, key, rq->now, &c, why);

	if (a != STORE_OK && a != STORE_NONE)
		return a;
	for (size_t i = 0; i < line->policy->nlimit; i++)
		control_append(limits,
		    json_pack("{s:s, s:o, s:o, s:o, s:o}", "policy",
			line->policy->name, "key", obj_text(key), "budget",
			control_budget(rq, key), "cost",
			control_number(cost_of(rq, line, c, i)), "usage",
			control_limit(rq, line->policy, c, i)));
	counter_free(&c);
	return STORE_OK;
}

/*
 * line_budgets - the limits of one line; those of an account as it promised
 * and as it sent, for a message needs room in both
 */
static enum store_answer
line_budgets(const struct request *rq, const struct bill_line *line,
    json_t **limits, struct why *why)
{
	enum store_answer a = line_limits(rq, line, line->key, limits, why);
	const struct smarthost *sh;
	char key[MAILADDR_MAX + 1];
	enum account_budget budget;

	sh = control_account_of(rq->conf, line->key, &budget);
	if (a != STORE_OK || sh == NULL)
		return a;
	account_key(BUDGET_SENT, sh->name, key, sizeof(key));
	return line_limits(rq, line, key, limits, why);
}

/* bill_limits - every limit that the message touches; NULL: memory is out */
static json_t *
bill_limits(const struct request *rq, const struct rule *rule,
    const struct txn *t, enum store_answer *a_r, struct why *why)
{
	json_t *limits = json_array();
	struct bill_work *work = malloc(sizeof(*work));
	struct desk desk;
	struct bill bill;

	*a_r = STORE_OK;
	if (work == NULL) {
		json_decref(limits);
		return NULL;
	}
	desk = control_desk(rq);
	bill_make(&desk, rule, t, rq->now, &bill, work);
	for (size_t i = 0; i < bill.nline && *a_r == STORE_OK; i++)
		*a_r = line_budgets(rq, &bill.line[i], &limits, why);
	free(work);
	return limits;
}

static json_t *
name_or_null(const char *name)
{
	return name != NULL ? obj_text(name) : json_null();
}

static json_t *
explain(const struct request *rq, const struct txn *t)
{
	const struct rule *rule = match_rule(rq->conf, t);
	bool outgoing = match_outgoing(rq->conf, t);
	enum store_answer a = STORE_OK;
	struct why why = WHY_NONE;
	json_t *limits, *answer = json_null();
	const struct desk desk = control_desk(rq);
	struct outcome o;
	struct reply r;

	limits = outgoing && rule != NULL ? bill_limits(rq, rule, t, &a, &why)
					  : json_array();
	if (a != STORE_OK) {
		json_decref(limits);
		return control_store_failure(a, why.text);
	}
	meter_explain(&desk, t, rq->now, &o);
	verdict_reply(&o, rq->now, rq->conf->zone, &r);
	if (r.code != NULL)
		answer = json_pack("{s:s, s:s, s:s}", "code", r.code, "xcode",
		    r.xcode, "text", r.text);
	return json_pack(
	    "{s:b, s:b, s:s, s:b, s:b, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o}",
	    "ok", 1, "passes", r.code == NULL, "verdict",
	    verdict_name(o.verdict), "observed", o.observed, "outgoing",
	    outgoing, "sender", obj_text(t->sender.text), "rule",
	    name_or_null(outgoing && rule != NULL ? rule->name : NULL),
	    "recipients", (int)txn_count(t, WAY_LOCAL), "external",
	    (int)txn_count(t, WAY_EXTERNAL), "limits", limits, "smarthost",
	    name_or_null(o.smarthost), "reply", answer, "note",
	    obj_text(o.verdict == VERDICT_HOLD ? r.text : o.why.text));
}

json_t *
control_explain(const struct request *rq)
{
	struct txn t = { .bytes = 0 };
	const char *wrong = txn_from(rq, &t);
	json_t *answer =
	    wrong == NULL
		? explain(rq, &t)
		: control_failure(
		      "explain --sender S [--login L] [--client IP] [--size N] --rcpt R ...",
		      "%s", wrong);

	txn_end(&t);
	return answer;
}
