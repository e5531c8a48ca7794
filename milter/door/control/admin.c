/*
 * admin.c - what the operator may change, and who did it.
 *
 * Each command names its actor and leaves an event in the store and a line in
 * the log: whoever looks later sees that it was no accident.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "limit.h"
#include "log.h"
#include "request.h"
#include "suggest.h"

void
control_log_command(
    const struct request *rq, const char *command, const char *who)
{
	char actor[128], name[400];

	log_info("control: actor=%s command=%s who=%s",
	    escape_str(actor, sizeof(actor), rq->actor), command,
	    escape_str(name, sizeof(name), who));
}

static json_t *
no_policy(const struct config *conf, const char *name)
{
	char remedy[160] = "the configuration file has the names";
	struct suggest near;
	const char *best;

	suggest_init(&near, name);
	for (size_t i = 0; i < conf->npolicy; i++)
		suggest_add(&near, conf->policy[i].name);
	best = suggest_best(&near);
	if (best != NULL)
		snprintf(remedy, sizeof(remedy), "did you mean %s?", best);
	return control_failure(remedy, "there is no policy \"%s\"", name);
}

/* reset_policy - forgets what who spent under one policy; notes each key */
static enum store_answer
reset_policy(const struct request *rq, const struct policy *p, const char *name,
    json_t **done, struct why *why)
{
	const struct audit by = { rq->now, rq->actor, "" };
	struct who w;

	control_who(rq->conf, p, name, &w);
	for (size_t i = 0; i < w.n; i++) {
		enum store_answer a =
		    store_reset(rq->env->store, p, w.key[i], &by, why);

		if (a == STORE_NONE)
			continue;
		if (a != STORE_OK)
			return a;
		control_append(done, json_pack("{s:s, s:o}", "policy", p->name,
					 "key", obj_text(w.key[i])));
	}
	return STORE_OK;
}

json_t *
control_reset(const struct request *rq)
{
	const char *who = control_arg(rq, "who");
	const char *name = control_arg(rq, "policy");
	const struct policy *only = NULL;
	struct why why = WHY_NONE;
	json_t *done;

	if (who == NULL)
		return control_failure("reset WHO [POLICY]",
		    "it was not said whose counters to reset");
	if (name != NULL && (only = config_policy(rq->conf, name)) == NULL)
		return no_policy(rq->conf, name);
	done = json_array();
	for (size_t i = 0; i < rq->conf->npolicy; i++) {
		const struct policy *p = &rq->conf->policy[i];
		enum store_answer a;

		if (only != NULL && p != only)
			continue;
		a = reset_policy(rq, p, who, &done, &why);
		if (a != STORE_OK) {
			json_decref(done);
			return control_store_failure(a, why.text);
		}
	}
	if (done != NULL && json_array_size(done) == 0) {
		json_decref(done);
		return control_failure("`postmeterctl top` lists who has",
		    "%s has no counter there to reset", who);
	}
	control_log_command(rq, "reset", who);
	return json_pack(
	    "{s:b, s:o, s:o}", "ok", 1, "who", obj_text(who), "reset", done);
}

/* count_parse - "+500", "2G": a count as limits are written */
static int
count_parse(const char *text, enum dimension dim, uint64_t *n_r)
{
	char limit[64];
	struct limit l;
	struct why why;
	int len =
	    snprintf(limit, sizeof(limit), "%s/day", text + (text[0] == '+'));

	if (len >= (int)sizeof(limit) ||
	    limit_parse(limit, dim, &l, &why) == -1 || l.max == 0)
		return -1;
	*n_r = l.max;
	return 0;
}

static bool
has_dimension(const struct policy *p, enum dimension dim)
{
	for (size_t i = 0; i < p->nlimit; i++)
		if (p->limit[i].dim == dim)
			return true;
	return false;
}

int
control_until(const struct request *rq, const char *text, int64_t *until_r)
{
	struct why why;
	int64_t span;

	if (duration_parse(text, &span, &why) == -1 || span <= 0 ||
	    span > INT64_MAX / 2 - rq->now)
		return -1;
	*until_r = rq->now + span;
	return 0;
}

/* grant_key - the counter of who that is in use, else the likeliest */
static enum store_answer
grant_key(const struct request *rq, const struct policy *p, const struct who *w,
    size_t *i_r, struct why *why)
{
	for (*i_r = 0; *i_r < w->n; ++*i_r) {
		struct counter *c = NULL;
		enum store_answer a = store_read(
		    rq->env->store, p, w->key[*i_r], rq->now, &c, why);

		counter_free(&c);
		if (a != STORE_NONE)
			return a;
	}
	*i_r = 0;
	return STORE_OK;
}

/*
 * read_grant_window - the window of which limit it is, as the grant has it;
 * NULL, or what is wrong
 */
static const char *
read_grant_window(
    const struct request *rq, const struct policy *p, struct grant *g)
{
	const char *window = control_arg(rq, "window");
	char text[64];
	struct limit l;
	struct why why;

	g->window = 0;
	if (window == NULL)
		return NULL;
	snprintf(text, sizeof(text), "1/%.40s", window);
	if (limit_parse(text, g->dim, &l, &why) == -1)
		return "a window such as 24h, 10m or day";
	for (size_t i = 0; i < p->nlimit; i++)
		if (p->limit[i].dim == g->dim &&
		    window_spec_equal(&p->limit[i].window, &l.window))
			g->window = window_spec_code(&l.window);
	return g->window != 0
		   ? NULL
		   : "name the window of a limit that the policy has";
}

/* read_grant - what is granted; NULL, or what is wrong with it */
static json_t *
read_grant(const struct request *rq, const struct policy *p, struct grant *g)
{
	const char *dimension = control_arg(rq, "dimension");
	const char *extra = control_arg(rq, "extra");
	const char *span = control_arg(rq, "for"), *wrong;
	int dim;

	if ((dim = enum_from_name(dimension_words, dimension)) == -1)
		return control_failure(
		    "one of messages, recipients, unique-recipients, bytes",
		    "\"%s\" is nothing that is counted", dimension);
	g->dim = (enum dimension)dim;
	if (!has_dimension(p, g->dim))
		return control_failure(
		    "name a dimension that the policy limits",
		    "policy \"%s\" has no limit of %s", p->name, dimension);
	if ((wrong = read_grant_window(rq, p, g)) != NULL)
		return control_failure(wrong,
		    "policy \"%s\" has no limit of %s in \"%s\"", p->name,
		    dimension, control_arg(rq, "window"));
	if (count_parse(extra, g->dim, &g->extra) == -1)
		return control_failure("a count such as +200, +2k or +1G",
		    "\"%s\" is no count", extra);
	if (span == NULL || control_until(rq, span, &g->until) == -1)
		return control_failure("say --for and a span such as 12h or 7d",
		    "a grant must end some day");
	return NULL;
}

json_t *
control_grant(const struct request *rq)
{
	const char *who = control_arg(rq, "who");
	const char *name = control_arg(rq, "policy");
	const char *dimension = control_arg(rq, "dimension");
	const char *extra = control_arg(rq, "extra");
	const char *text = control_arg(rq, "why");
	struct why why = WHY_NONE;
	const struct policy *p;
	enum store_answer a;
	struct grant g = { 0 };
	struct who w;
	json_t *failure;
	size_t i;

	if (who == NULL || name == NULL || dimension == NULL || extra == NULL)
		return control_failure(
		    "grant WHO POLICY DIMENSION +N --for SPAN [--window SPAN] [--why TEXT]",
		    "a grant needs more words");
	if ((p = config_policy(rq->conf, name)) == NULL)
		return no_policy(rq->conf, name);
	if ((failure = read_grant(rq, p, &g)) != NULL)
		return failure;
	control_who(rq->conf, p, who, &w);
	if (w.n == 0)
		return control_failure("`postmeterctl show` tells the keys",
		    "policy \"%s\" counts per %s, and \"%s\" is none", name,
		    per_words[p->per], who);
	a = grant_key(rq, p, &w, &i, &why);
	if (a == STORE_OK)
		a = store_grant(rq->env->store, p, w.key[i], &g,
		    &(struct audit){
			rq->now, rq->actor, text != NULL ? text : "" },
		    &why);
	if (a == STORE_NONE)
		return control_failure("wait until one of them ends, or reset",
		    "%s holds as many grants as fit", w.key[i]);
	if (a != STORE_OK)
		return control_store_failure(a, why.text);
	control_log_command(rq, "grant", w.key[i]);
	return json_pack("{s:b, s:s, s:o, s:s, s:o, s:o}", "ok", 1, "policy",
	    p->name, "key", obj_text(w.key[i]), "dimension",
	    dimension_words[g.dim], "extra", control_number(g.extra), "until",
	    control_time(rq, g.until));
}

/* lines_of - each line of a text, as an array */
static json_t *
lines_of(char *text)
{
	json_t *lines = json_array();
	char *rest = NULL, *line;

	if (text == NULL)
		return lines;
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		control_append(&lines, obj_text(line));
	return lines;
}

json_t *
control_reload(const struct request *rq)
{
	char *errors = NULL;
	json_t *answer;

	control_log_command(rq, "reload", rq->env->config_file);
	if (rq->env->reload(&errors) == 0) {
		answer = json_pack("{s:b, s:o}", "ok", 1, "config",
		    obj_text(rq->env->config_file));
	} else {
		answer = obj_failure("correct what is listed and reload again",
		    "the configuration was not taken, the one before runs on");
		json_object_set_new(answer, "errors", lines_of(errors));
	}
	free(errors);
	return answer;
}
