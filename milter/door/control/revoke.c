/*
 * revoke.c - taking grants back before they end.
 */
#include <string.h>

#include "request.h"

/* revoke_counter - each dimension that has a grant in force; notes it */
static enum store_answer
revoke_counter(const struct request *rq, const struct policy *p,
    const char *key, const struct counter *c, json_t **done, struct why *why)
{
	const struct audit by = { rq->now, rq->actor, "taken back" };
	bool taken[DIM_COUNT] = { false };

	for (size_t i = 0; i < c->ngrant; i++) {
		const enum dimension dim = c->grant[i].dim;
		const struct grant none = { .dim = dim, .until = rq->now };
		enum store_answer a;

		if (c->grant[i].until <= rq->now || taken[dim])
			continue;
		taken[dim] = true;
		a = store_grant(rq->env->store, p, key, &none, &by, why);
		if (a != STORE_OK)
			return a;
		control_append(done,
		    json_pack("{s:s, s:o, s:s}", "policy", p->name, "key",
			obj_text(key), "dimension", dimension_words[dim]));
	}
	return STORE_OK;
}

static enum store_answer
revoke_policy(const struct request *rq, const struct policy *p, const char *who,
    json_t **done, struct why *why)
{
	struct who w;

	control_who(rq->conf, p, who, &w);
	for (size_t i = 0; i < w.n; i++) {
		struct counter *c = NULL;
		enum store_answer a =
		    store_read(rq->env->store, p, w.key[i], rq->now, &c, why);

		if (a == STORE_OK)
			a = revoke_counter(rq, p, w.key[i], c, done, why);
		counter_free(&c);
		if (a != STORE_OK && a != STORE_NONE)
			return a;
	}
	return STORE_OK;
}

json_t *
control_revoke(const struct request *rq)
{
	const char *who = control_arg(rq, "who");
	const char *name = control_arg(rq, "policy");
	struct why why = WHY_NONE;
	enum store_answer a = STORE_OK;
	json_t *done;

	if (who == NULL || who[0] == '\0')
		return control_failure("revoke WHO [POLICY]",
		    "it was not said whose grants to take back");
	if (name != NULL && config_policy(rq->conf, name) == NULL)
		return control_failure("the configuration file has the names",
		    "there is no policy \"%s\"", name);
	done = json_array();
	for (size_t i = 0; i < rq->conf->npolicy && a == STORE_OK; i++)
		if (name == NULL || strcmp(rq->conf->policy[i].name, name) == 0)
			a = revoke_policy(
			    rq, &rq->conf->policy[i], who, &done, &why);
	if (a != STORE_OK) {
		json_decref(done);
		return control_store_failure(a, why.text);
	}
	if (done != NULL && json_array_size(done) == 0) {
		json_decref(done);
		return control_failure("`postmeterctl show` lists the grants",
		    "%s has no grant there", who);
	}
	control_log_command(rq, "revoke", who);
	return json_pack(
	    "{s:b, s:o, s:o}", "ok", 1, "who", obj_text(who), "revoked", done);
}
