/*
 * report.c - what is there: health, the fullest counters, one sender,
 * events, everything.
 *
 * Nothing here changes anything, and nothing here keeps the store waiting
 * with work that could be done outside of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "limit.h"
#include "meter.h"
#include "request.h"
#include "tally.h"
#include "tokens.h"
#include "trace.h"
#include "version.h"

#define TOP_SOME 10
#define TOP_MOST 1000
#define SHOW_REFUSED 5
#define EVENTS_SOME 20
#define EVENTS_MOST 10000
#define BLOCKS_MOST 1000
/* A daemon must not fall over its own export; a database has its own tools. */
#define EXPORT_MOST 20000

/* report_look - what the prober saw of a smarthost; null if it did not look */
static json_t *
report_look(const struct request *rq, const struct smarthost *sh)
{
	struct health_report r;

	if (!health_ask(rq->env->health, sh->name, rq->now, &r))
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o}", "state", breaker_name(r.state),
	    "seen", control_time(rq, r.seen), "until",
	    control_time(rq, r.until), "trouble", obj_text(r.why.text));
}

/* oauth - what is known of its token; null if it logs in with a password */
static json_t *
oauth(const struct request *rq, const struct smarthost *sh)
{
	const int64_t end = sh->oauth.secret_until;
	struct token_report r;

	if (sh->oauth.grant == GRANT_NONE)
		return json_null();
	(void)tokens_report(sh->name, rq->now, &r);
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "grant",
	    grant_type_words[sh->oauth.grant], "valid", r.there, "expires",
	    control_time(rq, r.expires), "renewed", control_time(rq, r.renewed),
	    "error", obj_text(r.error.text), "secret_days",
	    end == 0 ? json_null()
		     : json_integer((json_int_t)((end - rq->now) / DAY)));
}

/* gate - is the account's exit open, and if not, why and until when? */
static json_t *
gate(const struct request *rq, const struct smarthost *sh)
{
	struct gate_report r;

	if (rq->env->gate == NULL)
		return json_null();
	gate_report(rq->env->gate, sh->name, rq->now, &r);
	return json_pack("{s:b, s:o, s:s, s:o, s:i}", "open", !r.closed,
	    "until", control_time(rq, r.until), "class",
	    refusal_class_words[r.class], "why", obj_text(r.why.text), "leases",
	    (int)r.leases);
}

static json_t *
budget_limit(const struct request *rq, const struct policy *p,
    const struct counter *c, size_t i, enum account_budget budget)
{
	json_t *limit = control_limit(rq, p, c, i);

	json_object_set_new(limit, "policy", obj_text(p->name));
	json_object_set_new(
	    limit, "budget", json_string(account_budget_words[budget]));
	return limit;
}

/* add_budgets - each limit of a policy, in both.  False: not known. */
static bool
add_budgets(const struct request *rq, const struct smarthost *sh,
    const struct policy *p, json_t **list)
{
	struct counter *c[ACCOUNT_BUDGETS] = { NULL };
	char key[MAILADDR_MAX + 1];
	bool known = true;
	struct why why;

	for (int b = 0; b < ACCOUNT_BUDGETS; b++) {
		enum store_answer a;

		account_key((enum account_budget)b, sh->name, key, sizeof(key));
		a = store_read(rq->env->store, p, key, rq->now, &c[b], &why);
		known &= a == STORE_OK || a == STORE_NONE;
	}
	for (size_t i = 0; known && i < p->nlimit; i++)
		for (int b = 0; b < ACCOUNT_BUDGETS; b++)
			control_append(list, budget_limit(rq, p, c[b], i,
						 (enum account_budget)b));
	for (int b = 0; b < ACCOUNT_BUDGETS; b++)
		counter_free(&c[b]);
	return known;
}

/*
 * report_account - what was promised at the door and what was sent at the exit,
 * of each limit of the account; null if the store could not say
 */
static json_t *
report_account(const struct request *rq, const struct smarthost *sh)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sh->policies.n; i++)
		if (sh->policies.v[i]->per != PER_SENDER &&
		    !add_budgets(rq, sh, sh->policies.v[i], &list)) {
			json_decref(list);
			return json_null();
		}
	return list;
}

static json_t *
smarthosts(const struct request *rq)
{
	const struct config *conf = rq->conf;
	json_t *list = json_array(), *strips = control_hours(rq);

	for (size_t i = 0; i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];
		json_t *routes = json_array();
		json_t *hours = json_object_get(strips, sh->name);

		for (size_t j = 0; j < conf->nroute; j++)
			if (config_leads_to(&conf->route[j], sh))
				control_append(
				    &routes, obj_text(conf->route[j].name));
		control_append(&list,
		    json_pack(
			"{s:o, s:o, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
			"name", obj_text(sh->name), "host", obj_text(sh->host),
			"port", (int)sh->port, "tls",
			sh->tls == TLS_VERIFY ? "verify" : "encrypt", "routes",
			routes, "health", report_look(rq, sh), "oauth",
			oauth(rq, sh), "gate", gate(rq, sh), "account",
			report_account(rq, sh), "hours",
			hours != NULL ? json_incref(hours) : json_null()));
	}
	json_decref(strips);
	return list;
}

struct block_list {
	const struct request *rq;
	json_t *array;
	size_t n;
};

static bool
add_block(void *arg, const char *who, int64_t until, const char *text)
{
	struct block_list *l = arg;

	if (who[0] == BLOCK_MARK)
		return true;
	control_append(&l->array,
	    json_pack("{s:o, s:o, s:o}", "who", obj_text(who), "until",
		control_time(l->rq, until), "text", obj_text(text)));
	return l->array != NULL && ++l->n < BLOCKS_MOST;
}

static json_t *
report_blocks(const struct request *rq, enum store_answer *a_r, struct why *why)
{
	struct block_list l = { .rq = rq, .array = json_array() };

	*a_r = store_blocks(rq->env->store, rq->now, add_block, &l, why);
	if (*a_r == STORE_NONE)
		*a_r = STORE_OK;
	return l.array;
}

static json_t *
store_report(const struct request *rq)
{
	struct store_stats st;

	store_stats(rq->env->store, &st);
	return json_pack(
	    "{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind",
	    store_kind(rq->env->store), "healthy", st.healthy, "trouble",
	    obj_text(st.trouble.text), "counters",
	    st.has_counters ? control_number(st.counters) : json_null(),
	    "charged", control_number(st.charged), "declined",
	    control_number(st.declined), "failed", control_number(st.failed),
	    "journal_bytes",
	    st.has_journal ? control_number(st.journal_bytes) : json_null(),
	    "flushes", control_number(st.flushes), "flushed",
	    control_time(rq, st.flushed), "events_dropped",
	    control_number(st.events_dropped));
}

/* report_refused - how often no was said since the start, at either stage */
static json_t *
report_refused(void)
{
	const uint64_t taken = tally_sum(TALLY_MESSAGES, "pass") +
			       tally_sum(TALLY_MESSAGES, "hold");

	return json_pack("{s:o, s:o}", "recipients",
	    control_number(tally_sum(TALLY_RCPT_REFUSED, NULL)), "messages",
	    control_number(tally_sum(TALLY_MESSAGES, NULL) - taken));
}

static json_t *
trace_report(const struct config *conf)
{
	struct trace_stats st;

	trace_stats(&st);
	return json_pack("{s:b, s:s, s:o, s:o, s:s}", "open", st.open, "file",
	    conf->trace_file, "noted", control_number(st.noted), "dropped",
	    control_number(st.dropped), "trouble", st.trouble.text);
}

/* unhealthy - does one of the list of all smarthosts want to be looked after?
 */
static bool
unhealthy(const struct request *rq, const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach (list, i, row) {
		const json_t *exit = json_object_get(row, "gate");

		if (json_is_false(json_object_get(exit, "open")) ||
		    health_is_unhealthy(
			rq->env->health, rq->conf->smarthost[i].name))
			return true;
	}
	return false;
}

/* report_may - the commands that whoever looks may give */
static json_t *
report_may(const struct config *conf)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->view_may.n; i++)
		control_append(&list, obj_text(conf->view_may.v[i]));
	return list;
}

json_t *
control_status(const struct request *rq)
{
	static const char *const failures[] = { "defer", "accept", "local" };
	const struct config *conf = rq->conf;
	struct why why = WHY_NONE;
	enum store_answer a;
	json_t *blocked = report_blocks(rq, &a, &why), *all = smarthosts(rq);
	char digest[20];

	snprintf(digest, sizeof(digest), "%016" PRIx64, conf->digest);
	if (a != STORE_OK) /* "store" below says what is wrong with it */
		json_array_clear(blocked);
	return json_pack(
	    "{s:b, s:b, s:s, s:i, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:{s:s, s:s, s:s, s:s, s:s}, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "ok", 1, "finding", unhealthy(rq, all), "version",
	    POSTMETER_VERSION, "pid", (int)getpid(), "now",
	    control_time(rq, rq->now), "started",
	    control_time(rq, rq->env->started), "config",
	    obj_text(rq->env->config_file), "digest", digest, "mode",
	    conf->observe ? "observe" : "enforce", "on_store_failure",
	    failures[conf->on_store_failure], "store", store_report(rq),
	    "sockets", "milter", conf->milter_socket.path, "map",
	    conf->map_socket.path, "auth", conf->auth_socket.path, "control",
	    conf->control_socket.path, "view", conf->view_socket.path,
	    "smarthosts", all, "policies", (int)conf->npolicy - 1, "rules",
	    (int)conf->nrule, "blocks", blocked, "refused", report_refused(),
	    "trace", trace_report(conf), "observed",
	    control_number(tally_sum(TALLY_OBSERVED, NULL)), "unmetered",
	    control_number(tally_sum(TALLY_UNMETERED, NULL)), "may",
	    report_may(conf));
}

/* The fullest limits seen so far, the fullest first. */
struct top_row {
	unsigned percent;
	uint64_t used;
	json_t *json;
};

struct top {
	const struct request *rq;
	size_t n, most;
	bool failed;
	struct top_row row[];
};

/* top_add - finds the row its place, if it has one; the last may fall off */
static void
top_add(struct top *t, const struct policy *p, const char *key,
    const struct counter *c, size_t i)
{
	struct top_row row;
	uint64_t max;
	size_t at;
	int64_t next;

	quota_usage(p, c, i, t->rq->now, &row.used, &max);
	row.percent = control_percent(row.used, max);
	if (row.used == 0)
		return;
	for (at = t->n; at > 0; at--) {
		const struct top_row *r = &t->row[at - 1];

		if (r->percent > row.percent ||
		    (r->percent == row.percent && r->used >= row.used))
			break;
	}
	if (at == t->most)
		return;
	row.json = control_limit(t->rq, p, c, i);
	/* A limit that still has room is not what the sender waits for. */
	next = row.used < max ? 0 : quota_next(p, c, t->rq->now);
	if (row.json == NULL ||
	    json_object_set_new(row.json, "policy", obj_text(p->name)) == -1 ||
	    json_object_set_new(row.json, "key", obj_text(key)) == -1 ||
	    json_object_set_new(
		row.json, "budget", control_budget(t->rq, key)) == -1 ||
	    json_object_set_new(row.json, "next",
		control_time(t->rq, next > t->rq->now ? next : 0)) == -1) {
		json_decref(row.json);
		t->failed = true;
		return;
	}
	if (t->n == t->most)
		json_decref(t->row[--t->n].json);
	memmove(&t->row[at + 1], &t->row[at], (t->n - at) * sizeof(row));
	t->row[at] = row;
	t->n++;
}

static bool
top_each(
    void *arg, const char *policy, const char *key, const struct counter *c)
{
	struct top *t = arg;
	const struct policy *p = config_policy(t->rq->conf, policy);

	if (p == NULL || !counter_fits(c, p))
		return true;
	for (size_t i = 0; i < p->nlimit; i++)
		top_add(t, p, key, c, i);
	return !t->failed;
}

json_t *
control_top(const struct request *rq)
{
	size_t most = control_count(rq, TOP_SOME, TOP_MOST);
	struct top *t;
	struct why why = WHY_NONE;
	enum store_answer a;
	json_t *limits;

	if (obj_yes(rq->args, "refused"))
		return control_top_refused(rq, most);
	t = calloc(1, sizeof(*t) + most * sizeof(t->row[0]));
	if (t == NULL)
		return NULL;
	t->rq = rq;
	t->most = most;
	a = store_walk(rq->env->store, rq->now, top_each, t, &why);
	limits = t->failed ? NULL : json_array();
	for (size_t i = 0; i < t->n; i++)
		control_append(&limits, t->row[i].json);
	free(t);
	if (a != STORE_OK && a != STORE_NONE) {
		json_decref(limits);
		return control_store_failure(a, why.text);
	}
	return json_pack("{s:b, s:o}", "ok", 1, "limits", limits);
}

/* show_policy - the counters of who under one policy */
static enum store_answer
show_policy(const struct request *rq, const struct policy *p, const char *name,
    json_t **counters, struct why *why)
{
	struct who w;

	control_who(rq->conf, p, name, &w);
	for (size_t i = 0; i < w.n; i++) {
		struct counter *c = NULL;
		enum store_answer a =
		    store_read(rq->env->store, p, w.key[i], rq->now, &c, why);

		if (a == STORE_NONE)
			continue;
		if (a != STORE_OK)
			return a;
		control_append(counters, control_counter(rq, p, w.key[i], c));
		counter_free(&c);
	}
	return STORE_OK;
}

json_t *
control_show(const struct request *rq)
{
	const char *who = control_arg(rq, "who");
	char key[MAILADDR_MAX + 1];
	struct why why = WHY_NONE;
	json_t *counters, *events = NULL, *block = NULL, *refused, *first;
	struct trace_query q = { .n = SHOW_REFUSED, .refused = true };
	enum store_answer a = STORE_OK;
	int rc;

	if (who == NULL || who[0] == '\0')
		return control_failure("show WHO", "it was not said whom");
	counters = json_array();
	for (size_t i = 0; i < rq->conf->npolicy && a == STORE_OK; i++)
		a = show_policy(rq, &rq->conf->policy[i], who, &counters, &why);
	control_who_blocked(rq->conf, who, key, sizeof(key));
	if (a == STORE_OK)
		events = control_event_list(rq, key, TOP_SOME, &a, &why);
	if (a == STORE_OK)
		block = control_blocks_of(rq, who, &a, &why);
	snprintf(q.who, sizeof(q.who), "%s", key);
	refused = control_trace_list(rq, &q, &why, &rc);
	if (a == STORE_OK && json_array_size(counters) == 0 &&
	    json_array_size(events) == 0 && json_array_size(refused) == 0 &&
	    json_array_size(block) == 0) {
		json_decref(counters);
		json_decref(events);
		json_decref(block);
		json_decref(refused);
		return control_failure("`postmeterctl top` lists who has",
		    "%s has sent nothing that counts", key);
	}
	if (a != STORE_OK) {
		json_decref(counters);
		json_decref(events);
		json_decref(block);
		json_decref(refused);
		return control_store_failure(a, why.text);
	}
	first = json_array_size(block) > 0
		    ? json_incref(json_array_get(block, 0))
		    : json_null();
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "ok", 1, "who",
	    obj_text(key), "blocked", first, "blocks", block, "counters",
	    counters, "events", events, "refused", refused);
}

json_t *
control_events(const struct request *rq)
{
	const char *who = control_arg(rq, "who");
	char key[MAILADDR_MAX + 1];
	struct why why = WHY_NONE;
	enum store_answer a;
	json_t *events;

	if (who != NULL)
		control_who_blocked(rq->conf, who, key, sizeof(key));
	events = control_event_list(rq, who != NULL ? key : NULL,
	    control_count(rq, EVENTS_SOME, EVENTS_MOST), &a, &why);
	if (a != STORE_OK) {
		json_decref(events);
		return control_store_failure(a, why.text);
	}
	events = control_with_refusals(rq, events, who != NULL ? key : NULL,
	    control_count(rq, EVENTS_SOME, EVENTS_MOST));
	return json_pack("{s:b, s:o}", "ok", 1, "events", events);
}

struct export_list {
	const struct request *rq;
	json_t *array;
	size_t n;
	bool more;
};

static bool
add_counter(
    void *arg, const char *policy, const char *key, const struct counter *c)
{
	struct export_list *l = arg;
	const struct policy *p = config_policy(l->rq->conf, policy);

	if (p == NULL || !counter_fits(c, p))
		return true;
	if (l->n++ == EXPORT_MOST) {
		l->more = true;
		return false;
	}
	control_append(&l->array, control_counter(l->rq, p, key, c));
	return l->array != NULL;
}

json_t *
control_export(const struct request *rq)
{
	struct export_list l = { .rq = rq, .array = json_array() };
	struct why why = WHY_NONE;
	json_t *events = NULL, *blocked = NULL;
	enum store_answer a;

	a = store_walk(rq->env->store, rq->now, add_counter, &l, &why);
	if (a == STORE_NONE)
		a = STORE_OK;
	if (a == STORE_OK)
		events = control_event_list(rq, NULL, EVENTS_MOST, &a, &why);
	if (a == STORE_OK)
		blocked = report_blocks(rq, &a, &why);
	if (a != STORE_OK) {
		json_decref(l.array);
		json_decref(events);
		json_decref(blocked);
		return control_store_failure(a, why.text);
	}
	return json_pack("{s:b, s:s, s:o, s:o, s:b, s:o, s:o}", "ok", 1,
	    "version", POSTMETER_VERSION, "now", control_time(rq, rq->now),
	    "counters", l.array, "truncated", l.more, "blocks", blocked,
	    "events", events);
}
