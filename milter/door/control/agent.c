/*
 * agent.c - what postmeter-agent tells the daemon, which has no network.
 */
#include <string.h>

#include "escape.h"
#include "log.h"
#include "request.h"

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
	const bool good = json_is_true(json_object_get(rq->args, "good"));
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
			log_info("smarthost %s is well again", sh->name);
		else
			log_warn(
			    "smarthost %s is unhealthy, others are preferred: %s",
			    sh->name, text);
	}
	return json_pack("{s:b, s:I}", "ok", 1, "next",
	    (json_int_t)health_next(
		h, sh->name, rq->conf->probe_every, rq->now));
}
