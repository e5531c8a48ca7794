/*
 * json.c - the pieces that answers are made of.
 *
 * Every answer that shows a limit shows it alike, so that a script that reads
 * one of them reads all.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "limit.h"
#include "request.h"
#include "verdict.h"

struct desk
control_desk(const struct request *rq)
{
	return (struct desk){ .conf = rq->conf,
		.store = rq->env->store,
		.health = rq->env->health,
		.gate = rq->env->gate };
}

const char *
control_arg(const struct request *rq, const char *name)
{
	return json_string_value(json_object_get(rq->args, name));
}

size_t
control_count(const struct request *rq, size_t some, size_t most)
{
	json_int_t n = obj_num(rq->args, "n");

	if (n <= 0)
		return some;
	return (uintmax_t)n > most ? most : (size_t)n;
}

json_t *
control_failure(const char *remedy, const char *error, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, error);
	vsnprintf(text, sizeof(text), error, ap);
	va_end(ap);
	return obj_failure(remedy, text);
}

json_t *
control_store_failure(enum store_answer a, const char *why)
{
	if (a == STORE_UNCERTAIN)
		return control_failure(
		    "look with `postmeterctl show` before you repeat it",
		    "the store broke off, it may have been done: %s", why);
	return control_failure(
	    "`postmeterctl status` tells the store's health; nothing was changed",
	    "the store could not answer: %s", why);
}

json_t *
control_number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

json_t *
control_time(const struct request *rq, int64_t when)
{
	char text[80];
	struct tm tm;

	if (when == 0 || when == NEVER)
		return json_null();
	if (when > rq->now) {
		verdict_time(when, rq->now, rq->conf->zone, text, sizeof(text));
	} else {
		zone_localtime(rq->conf->zone, when, &tm);
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	}
	return json_pack("{s:I, s:s}", "ms", (json_int_t)when, "text", text);
}

void
control_append(json_t **array, json_t *item)
{
	if (*array == NULL) {
		json_decref(item);
	} else if (item == NULL || json_array_append_new(*array, item) == -1) {
		json_decref(*array);
		*array = NULL;
	}
}

unsigned
control_percent(uint64_t used, uint64_t max)
{
	if (max == 0)
		return 100;
	if (used >= UINT64_MAX / 100)
		return (unsigned)(used / max >= 10 ? 999 : used / max * 100);
	return used * 100 / max > 999 ? 999 : (unsigned)(used * 100 / max);
}

json_t *
control_limit(const struct request *rq, const struct policy *policy,
    const struct counter *c, size_t i)
{
	struct limit told = policy->limit[i];
	uint64_t used = 0;
	char text[LIMIT_TEXT], window[LIMIT_TEXT];

	if (c != NULL)
		quota_usage(policy, c, i, rq->now, &used, &told.max);
	if (policy == rq->conf->senders)
		limit_text_of(&told, "different sender", text, sizeof(text));
	else
		limit_text(&told, text, sizeof(text));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:i}", "limit", text,
	    "dimension", dimension_words[told.dim], "window",
	    window_spec_text(&told.window, window, sizeof(window)), "used",
	    control_number(used), "max", control_number(told.max), "percent",
	    (int)control_percent(used, told.max));
}

const struct smarthost *
control_account_of(
    const struct config *conf, const char *key, enum account_budget *budget_r)
{
	const char *name = account_key_name(key, budget_r);

	return name != NULL ? config_smarthost(conf, name) : NULL;
}

json_t *
control_budget(const struct request *rq, const char *key)
{
	enum account_budget budget;

	return control_account_of(rq->conf, key, &budget) != NULL
		   ? json_string(account_budget_words[budget])
		   : json_null();
}

/* grant_window - the window of the limit that it widens; null: of all */
static json_t *
grant_window(const struct policy *policy, const struct grant *g)
{
	char text[LIMIT_TEXT];

	for (size_t i = 0; g->window != 0 && i < policy->nlimit; i++)
		if (policy->limit[i].dim == g->dim &&
		    window_spec_code(&policy->limit[i].window) == g->window)
			return json_string(window_spec_text(
			    &policy->limit[i].window, text, sizeof(text)));
	return json_null();
}

json_t *
control_counter(const struct request *rq, const struct policy *policy,
    const char *key, const struct counter *c)
{
	json_t *limits = json_array(), *grants = json_array();
	int64_t locked = c->locked_until > rq->now ? c->locked_until : 0;
	int64_t next = quota_next(policy, c, rq->now);

	for (size_t i = 0; i < policy->nlimit; i++)
		control_append(&limits, control_limit(rq, policy, c, i));
	for (size_t i = 0; i < c->ngrant; i++) {
		const struct grant *g = &c->grant[i];

		if (g->until > rq->now)
			control_append(
			    &grants, json_pack("{s:o, s:s, s:o, s:o}", "window",
					 grant_window(policy, g), "dimension",
					 dimension_words[g->dim], "extra",
					 control_number(g->extra), "until",
					 control_time(rq, g->until)));
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "policy",
	    policy->name, "key", obj_text(key), "budget",
	    control_budget(rq, key), "limits", limits, "grants", grants,
	    "locked_until", control_time(rq, locked), "never", next == NEVER,
	    "next", control_time(rq, next > rq->now ? next : 0));
}

struct event_list {
	const struct request *rq;
	json_t *array;
};

static bool
add_event(void *arg, const struct store_event *e)
{
	struct event_list *l = arg;

	control_append(&l->array,
	    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "when",
		control_time(l->rq, e->when), "kind", obj_text(e->kind),
		"policy", obj_text(e->policy), "key", obj_text(e->key), "actor",
		obj_text(e->actor), "text", obj_text(e->text)));
	return l->array != NULL;
}

json_t *
control_event_list(const struct request *rq, const char *key, size_t n,
    enum store_answer *a_r, struct why *why)
{
	struct event_list l = { .rq = rq, .array = json_array() };

	*a_r = store_events(rq->env->store, key, n, add_event, &l, why);
	if (*a_r == STORE_NONE)
		*a_r = STORE_OK;
	return l.array;
}
