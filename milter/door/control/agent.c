/*
 * agent.c - what postmeter-agent tells the daemon, which has no network.
 */
#include <string.h>

#include "escape.h"
#include "gate.h"
#include "limit.h"
#include "log.h"
#include "request.h"
#include "tokens.h"
#include "transaction.h"

/* no_smarthost - it is in the agent's configuration, but not in ours */
static json_t *
no_smarthost(const char *name)
{
	return control_failure("reload the daemon: `postmeterctl reload`",
	    "there is no smarthost \"%s\" in the configuration in force",
	    name != NULL ? name : "");
}

json_t *
control_health(const struct request *rq)
{
	const char *name = control_arg(rq, "smarthost");
	const char *why = control_arg(rq, "why");
	const bool good = obj_yes(rq->args, "good");
	const struct smarthost *sh =
	    name != NULL ? config_smarthost(rq->conf, name) : NULL;
	struct health *h = rq->env->health;
	char text[300];

	if (sh == NULL)
		return no_smarthost(name);
	if (rq->conf->probe_every == 0 || h == NULL)
		return control_failure(
		    "give probe-every, then `postmeterctl reload`",
		    "the configuration in force wants no smarthost looked at");
	escape_str(text, sizeof(text), why != NULL ? why : "");
	if (health_tell(h, sh->name, good, text, rq->now)) {
		if (good)
			log_info("smarthost %s recovered", sh->name);
		else
			log_warn(
			    "smarthost %s is unhealthy, others are preferred: %s",
			    sh->name, text);
	}
	return json_pack("{s:b, s:I}", "ok", 1, "next",
	    (json_int_t)health_next(
		h, sh->name, rq->conf->probe_every, rq->now));
}

/* control_token - a token that was fetched, or why none could be */
json_t *
control_token(const struct request *rq)
{
	const char *name = control_arg(rq, "smarthost");
	const char *error = control_arg(rq, "error");
	const json_t *token = json_object_get(rq->args, "token");
	const int64_t expires = obj_num(rq->args, "expires");
	const struct smarthost *sh =
	    name != NULL ? config_smarthost(rq->conf, name) : NULL;
	struct why why = WHY_NONE;
	char text[300];

	if (sh == NULL || sh->oauth.grant == GRANT_NONE)
		return no_smarthost(name);
	if (error != NULL) {
		escape_str(text, sizeof(text), error);
		tokens_failed(sh->name, text);
		log_warn("smarthost %s: its token could not be renewed: %s",
		    sh->name, text);
	} else if (!json_is_string(token) ||
		   tokens_put(sh->name, json_string_value(token),
		       json_string_length(token), expires, rq->now,
		       &why) == -1) {
		return control_failure("look at the agent's log",
		    "smarthost %s: %s", sh->name,
		    why.text[0] != '\0' ? why.text : "no token was given");
	} else if (rq->env->gate != NULL) {
		gate_try_now(rq->env->gate, sh->name, rq->now);
	}
	return json_pack(
	    "{s:b, s:I}", "ok", 1, "started", (json_int_t)rq->env->started);
}

/* control_hello - since when the daemon runs, whose token was refused */
json_t *
control_hello(const struct request *rq)
{
	json_t *renew = json_array();

	for (size_t i = 0; rq->env->gate != NULL && i < rq->conf->nsmarthost;
	     i++) {
		const struct smarthost *sh = &rq->conf->smarthost[i];

		if (sh->oauth.grant != GRANT_NONE &&
		    gate_login_refused(rq->env->gate, sh->name))
			control_append(&renew, json_string(sh->name));
	}
	return json_pack("{s:b, s:I, s:o}", "ok", 1, "started",
	    (json_int_t)rq->env->started, "renew", renew);
}

/* control_refusal - what a provider said, as a mail server's log has it */
json_t *
control_refusal(const struct request *rq)
{
	const char *id = control_arg(rq, "id");
	const char *said = control_arg(rq, "reply");
	const struct desk desk = control_desk(rq);

	if (id == NULL || said == NULL || strlen(id) >= TXN_QUEUE_ID)
		return control_failure(
		    "say id and reply", "it was not said what was refused");
	return json_pack("{s:b, s:b}", "ok", 1, "known",
	    desk.gate != NULL && gate_refused(&desk, id, said, rq->now));
}

/* gate_until - what `open` (0), `close`, `close --for 2h` mean; -1: nonsense */
static int64_t
gate_until(const struct request *rq)
{
	const char *action = control_arg(rq, "action");
	const char *span = control_arg(rq, "for");
	struct why why;
	int64_t ms;

	if (action != NULL && strcmp(action, "open") == 0)
		return span == NULL ? 0 : -1;
	if (action == NULL || strcmp(action, "close") != 0)
		return -1;
	if (span == NULL)
		return NEVER;
	return duration_parse(span, &ms, &why) == -1 || ms <= 0 ||
		       ms > INT64_MAX / 2 - rq->now
		   ? -1
		   : rq->now + ms;
}

/* control_smarthost - a person closes or opens an account's gate */
json_t *
control_smarthost(const struct request *rq)
{
	const char *name = control_arg(rq, "smarthost");
	const char *text = control_arg(rq, "why");
	const int64_t until = gate_until(rq);
	const struct smarthost *sh =
	    name != NULL ? config_smarthost(rq->conf, name) : NULL;
	const struct desk desk = control_desk(rq);
	struct why failed = WHY_NONE;
	enum store_answer a;
	char why[300];

	if (sh == NULL)
		return no_smarthost(name);
	if (until == -1)
		return control_failure("smarthost NAME open|close [--for SPAN]",
		    "it was not said what to do with smarthost %s", sh->name);
	escape_str(why, sizeof(why), text != NULL ? text : "closed by hand");
	a = gate_by_hand(&desk, sh->name,
	    &(struct hold_order){ until, why, rq->actor }, rq->now, &failed);
	if (a != STORE_OK)
		return control_store_failure(a, failed.text);
	control_log_command(rq, until == 0 ? "open" : "close", sh->name);
	return json_pack("{s:b, s:s, s:b, s:o}", "ok", 1, "smarthost", sh->name,
	    "open", until == 0, "until", control_time(rq, until));
}
