/*
 * block.c - stopping somebody: a person, a domain, a machine, a network, or
 * everything.
 *
 * In the night of a stolen password a block that matches nothing is worse than
 * an error: whatever can match nothing is refused, and what nobody is known by
 * is said.
 */
#include <stdio.h>
#include <string.h>

#include "bill.h"
#include "meter.h"
#include "netaddr.h"
#include "request.h"
#include "trace.h"

/* The names that one word of the operator's stands for, as the desk asks. */
struct target {
	struct who names;
	bool network;
};

/* network_of - "10.0.0.0/8"; NULL, or what is wrong with it */
static const char *
network_of(const char *who, struct target *t)
{
	struct netprefix net;

	if (netprefix_parse(who, &net) == -1)
		return "that is no network: write one without bits behind the prefix, such as 10.0.0.0/8";
	if (net.bits == 0)
		return "that is everybody: block '*' says so";
	t->network = net.bits < 8u * net.addr.len;
	netaddr_text(&net.addr, net.bits, t->names.key[t->names.n++],
	    sizeof(t->names.key[0]));
	return NULL;
}

/* control_block_is_ours - a domain without "@", of local-domains */
static bool
control_block_is_ours(const struct config *conf, const char *who)
{
	char domain[MAILADDR_MAX + 1];

	return mailaddr_canon_domain(
		   domain, sizeof(domain), who, strlen(who)) &&
	       config_is_local_domain(conf, domain);
}

/* domain_of - "@office.example" */
static const char *
domain_of(const char *who, struct target *t)
{
	char *key = t->names.key[t->names.n++];

	key[0] = '@';
	return mailaddr_canon_domain(key + 1, sizeof(t->names.key[0]) - 1,
		   who + 1, strlen(who + 1))
		   ? NULL
		   : "that is no domain: write it like @office.example";
}

/* target_of - whom the word means; NULL, or what is wrong with it */
static const char *
target_of(const struct request *rq, const char *who, struct target *t)
{
	static const struct policy account = { .per = PER_ACCOUNT };
	enum account_budget budget;
	struct netaddr addr;

	memset(t, 0, sizeof(*t));
	if (who == NULL || who[0] == '\0')
		return "it was not said whom";
	if (strcmp(who, "*") == 0) {
		strcpy(t->names.key[t->names.n++], who);
		return NULL;
	}
	if (who[0] == '@')
		return domain_of(who, t);
	if (netaddr_parse(who, &addr) == 0 ||
	    (strchr(who, '/') != NULL && strchr(who, '@') == NULL &&
		strspn(who, "0123456789abcdefABCDEF.:/") == strlen(who)))
		return network_of(who, t);
	if (who[0] == BLOCK_MARK)
		return "nobody can be called that";
	if (control_block_is_ours(rq->conf, who))
		return "that is a domain of yours: write @ before it";
	if ((account_key_name(who, &budget) != NULL &&
		budget == BUDGET_PROMISED) ||
	    bill_is_shared(who))
		return "that is a counter and sends nothing: block who sends";
	/* All of a person: as it logs in, and as it signs. */
	control_who(rq->conf, &account, who, &t->names);
	return t->names.n == 0 ? "nobody can be called that" : NULL;
}

static bool
is_there(void *arg, const struct trace_day *d)
{
	(void)d;
	*(bool *)arg = true;
	return false;
}

/* is_known - did anybody of that name send or try?  Unknown counts as yes. */
static bool
is_known(const struct request *rq, const struct target *t)
{
	struct trace_stats st;
	struct why why;
	bool known = false;

	trace_stats(&st);
	if (!st.open || t->network || strchr("*@", t->names.key[0][0]) != NULL)
		return true;
	for (size_t i = 0; i < t->names.n && !known; i++)
		if (trace_history(
			t->names.key[i], 0, 1, is_there, &known, &why) == -1)
			return true;
	for (size_t i = 0; i < t->names.n && !known; i++) {
		struct trace_query q = { .n = 1 };
		int rc;
		json_t *found;

		snprintf(q.who, sizeof(q.who), "%s", t->names.key[i]);
		found = control_trace_list(rq, &q, &why, &rc);
		known = rc == -1 || json_array_size(found) > 0;
		json_decref(found);
	}
	return known;
}

static json_t *
names_of(const struct target *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->names.n; i++)
		control_append(&list, obj_text(t->names.key[i]));
	return list;
}

/* senders_of - the addresses under which the names sent lately */
static json_t *
senders_of(const struct request *rq, const struct target *t)
{
	json_t *seen = json_object(), *list = json_array(), *entries, *e, *one;
	const char *sender;
	struct why why;
	size_t i;
	int rc;

	for (size_t n = 0; n < t->names.n; n++) {
		struct trace_query q = { .since = rq->now - DAY, .n = 1000 };

		snprintf(q.who, sizeof(q.who), "%s", t->names.key[n]);
		entries = control_trace_list(rq, &q, &why, &rc);
		json_array_foreach (entries, i, e)
			json_object_set(seen,
			    json_string_value(json_object_get(e, "sender")),
			    json_true());
		json_decref(entries);
	}
	json_object_foreach (seen, sender, one)
		if (sender[0] != '\0')
			control_append(&list, obj_text(sender));
	json_decref(seen);
	return list;
}

/* block_all - each name, and that there is a network if it is one */
static enum store_answer
block_all(const struct request *rq, const struct target *t, int64_t until,
    const char *text, struct why *why)
{
	const struct audit by = { rq->now, rq->actor, text };
	enum store_answer a = STORE_OK;

	if (t->network)
		a = store_block(rq->env->store, BLOCK_NETWORKS, NEVER,
		    &(struct audit){
			rq->now, rq->actor, "a network is blocked" },
		    why);
	for (size_t i = 0; i < t->names.n && a == STORE_OK; i++)
		a = store_block(
		    rq->env->store, t->names.key[i], until, &by, why);
	return a;
}

json_t *
control_block(const struct request *rq)
{
	const char *who = control_arg(rq, "who");
	const char *span = control_arg(rq, "for");
	const char *text = control_arg(rq, "why"), *wrong;
	struct why why = WHY_NONE;
	int64_t until = NEVER;
	enum store_answer a;
	struct target t;

	wrong = target_of(rq, who, &t);
	if (wrong != NULL)
		return control_failure(
		    "block ADDRESS|LOGIN|@DOMAIN|IP|NETWORK|'*' [--for SPAN] [--why TEXT]",
		    "%s: %s", who != NULL ? who : "", wrong);
	if (span != NULL && control_until(rq, span, &until) == -1)
		return control_failure(
		    "a span such as 12h or 7d; without --for it lasts until unblock",
		    "\"%s\" is no span", span);
	a = block_all(rq, &t, until, text != NULL ? text : "", &why);
	if (a != STORE_OK)
		return control_store_failure(a, why.text);
	control_log_command(rq, "block", t.names.key[0]);
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:b}", "ok", 1, "who",
	    obj_text(t.names.key[0]), "names", names_of(&t), "senders",
	    senders_of(rq, &t), "until", control_time(rq, until), "known",
	    is_known(rq, &t));
}

static bool
is_network(void *arg, const char *who, int64_t until, const char *text)
{
	(void)until;
	(void)text;
	if (strchr(who, '/') == NULL || strchr(who, '@') != NULL)
		return true;
	*(bool *)arg = true;
	return false;
}

/* forget_networks - the last network has gone */
static void
forget_networks(const struct request *rq)
{
	bool any = false;
	struct why why;
	const enum store_answer a =
	    store_blocks(rq->env->store, rq->now, is_network, &any, &why);

	if ((a == STORE_OK || a == STORE_NONE) && !any)
		(void)store_unblock(rq->env->store, BLOCK_NETWORKS,
		    &(struct audit){ rq->now, rq->actor, "" }, &why);
}

json_t *
control_unblock(const struct request *rq)
{
	const struct audit by = { rq->now, rq->actor, "" };
	const char *who = control_arg(rq, "who"), *wrong;
	struct why why = WHY_NONE;
	struct target t;
	size_t lifted = 0;

	wrong = target_of(rq, who, &t);
	if (wrong != NULL)
		return control_failure(
		    "unblock WHO; `postmeterctl status` lists the blocks",
		    "%s: %s", who != NULL ? who : "", wrong);
	for (size_t i = 0; i < t.names.n; i++) {
		const enum store_answer a =
		    store_unblock(rq->env->store, t.names.key[i], &by, &why);

		if (a != STORE_OK && a != STORE_NONE)
			return control_store_failure(a, why.text);
		lifted += a == STORE_OK;
	}
	if (lifted == 0)
		return control_failure("`postmeterctl status` lists the blocks",
		    "%s is not blocked", t.names.key[0]);
	if (t.network)
		forget_networks(rq);
	control_log_command(rq, "unblock", t.names.key[0]);
	return json_pack(
	    "{s:b, s:o}", "ok", 1, "who", obj_text(t.names.key[0]));
}

/* --- which blocks hold for somebody -------------------------------------- */

struct holding {
	const struct request *rq;
	const struct target *t;
	struct netaddr client; /* len 0: it is no machine */
	json_t *list;
};

/* control_block_holds - does the block of who stop the target? */
static bool
control_block_holds(const struct holding *h, const char *who)
{
	struct netprefix net;

	if (strcmp(who, "*") == 0)
		return true;
	for (size_t i = 0; i < h->t->names.n; i++) {
		const char *name = h->t->names.key[i], *at = strrchr(name, '@');

		if (strcmp(name, who) == 0 ||
		    (who[0] == '@' && at != NULL && strcmp(at, who) == 0))
			return true;
	}
	return h->client.len > 0 && netprefix_parse(who, &net) == 0 &&
	       netprefix_has(&net, &h->client);
}

static bool
add_holding(void *arg, const char *who, int64_t until, const char *text)
{
	struct holding *h = arg;

	if (who[0] != BLOCK_MARK && control_block_holds(h, who))
		control_append(&h->list,
		    json_pack("{s:o, s:o, s:o}", "who", obj_text(who), "until",
			control_time(h->rq, until), "text", obj_text(text)));
	return h->list != NULL;
}

json_t *
control_blocks_of(const struct request *rq, const char *who,
    enum store_answer *a_r, struct why *why)
{
	struct target t;
	struct holding h = { .rq = rq, .t = &t, .list = json_array() };

	*a_r = STORE_OK;
	if (target_of(rq, who, &t) != NULL)
		return h.list;
	(void)netaddr_parse(who, &h.client);
	*a_r = store_blocks(rq->env->store, rq->now, add_holding, &h, why);
	if (*a_r == STORE_NONE)
		*a_r = STORE_OK;
	return h.list;
}
