/*
 * dispatch.c - from the bytes of a request to the room that answers it.
 */
#include <string.h>

#include "request.h"
#include "snapshot.h"

static const struct command {
	const char *name;
	json_t *(*answer)(const struct request *rq);
} commands[] = {
	{ "status", control_status },
	{ "top", control_top },
	{ "show", control_show },
	{ "explain", control_explain },
	{ "events", control_events },
	{ "export", control_export },
	{ "reset", control_reset },
	{ "grant", control_grant },
	{ "block", control_block },
	{ "unblock", control_unblock },
	{ "reload", control_reload },
};

static json_t *
answer(const struct request *rq)
{
	const char *name = control_arg(rq, "command");

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (name != NULL && strcmp(name, commands[i].name) == 0)
			return commands[i].answer(rq);
	return control_failure(
	    "use the postmeterctl that came with this postmeter",
	    "there is no command \"%s\"", name != NULL ? name : "");
}

json_t *
control_answer(const struct control_env *env, const char *request, size_t len,
    const char *actor, int64_t now)
{
	json_error_t error;
	json_t *args = json_loadb(request, len, JSON_REJECT_DUPLICATES, &error);
	struct request rq = {
		.env = env, .args = args, .actor = actor, .now = now
	};
	json_t *a;

	if (!json_is_object(args)) {
		a = control_failure("send one JSON object and a newline",
		    "the request is no JSON object: %s",
		    args == NULL ? error.text : "it is something else");
	} else {
		rq.conf = snapshot_hold();
		a = answer(&rq);
		snapshot_release(&rq.conf);
	}
	json_decref(args);
	return a != NULL ? a : json_null();
}
