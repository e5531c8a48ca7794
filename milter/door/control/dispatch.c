/*
 * dispatch.c - from the bytes of a request to the handler that answers it.
 */
#include <stdio.h>
#include <string.h>

#include "request.h"
#include "snapshot.h"
#include "tally.h"

/* The view door answers what reads; what changes needs its name in view-may. */
enum effect { READS, CHANGES };

static const struct command {
	const char *name;
	enum effect effect;
	json_t *(*answer)(const struct request *rq);
} commands[] = {
#define DAEMON_COMMAND(name, effect, ...) { #name, effect, control_##name },
#define BOTH_COMMAND(name, effect, ...) { #name, effect, control_##name },
#define PROGRAM_COMMAND(name, effect) { #name, effect, control_##name },
#include "commands.def"
};

/* count_request - that it was asked; a change that was made counts as such too
 */
static void
count_request(
    const struct command *c, enum control_door door, const json_t *answer)
{
	const bool ok = obj_yes(answer, "ok");

	tally_add(TALLY_CONTROL, c->name, ok ? "ok" : "refused", 1);
	if (ok && c->effect == CHANGES)
		tally_add(TALLY_ADMIN, c->name,
		    door == VIEW_DOOR ? "view" : "control", 1);
}

/* may - is that for whoever came through this door? */
static bool
may(const struct request *rq, enum control_door door, const struct command *c)
{
	const struct names *allowed = &rq->conf->view_may;

	if (door == CONTROL_DOOR || c->effect == READS)
		return true;
	for (size_t i = 0; i < allowed->n; i++)
		if (strcmp(allowed->v[i], c->name) == 0)
			return true;
	return false;
}

static json_t *
answer(const struct request *rq, enum control_door door)
{
	const char *name = control_arg(rq, "command");

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (name == NULL || strcmp(name, commands[i].name) != 0)
			continue;
		if (may(rq, door, &commands[i])) {
			json_t *a = commands[i].answer(rq);

			count_request(&commands[i], door, a);
			return a;
		}
		return control_failure(
		    "run postmeterctl as root, or add it to view-may in the configuration and reload",
		    "the view socket takes no %s", name);
	}
	return control_failure(
	    "use the postmeterctl that came with this postmeter",
	    "there is no command \"%s\"", name != NULL ? name : "");
}

/* actor_of - "PEER", or "PEER:BY" for whom it speaks */
static void
actor_of(
    const struct control_peer *peer, const char *by, char *dst, size_t size)
{
	snprintf(dst, size, "%s%s%s", peer->name,
	    by != NULL && by[0] != '\0' ? ":" : "", by != NULL ? by : "");
}

json_t *
control_answer(const struct control_env *env, const struct control_peer *peer,
    const char *request, size_t len, int64_t now)
{
	json_error_t error;
	json_t *args = json_loadb(request, len, JSON_REJECT_DUPLICATES, &error);
	char actor[STORE_NAME];
	struct request rq = {
		.env = env, .args = args, .actor = actor, .now = now
	};
	json_t *a;

	actor_of(peer, control_arg(&rq, "by"), actor, sizeof(actor));

	if (!json_is_object(args)) {
		a = control_failure("send one JSON object and a newline",
		    "the request is no JSON object: %s",
		    args == NULL ? error.text : "it is something else");
	} else {
		rq.conf = snapshot_hold();
		a = answer(&rq, peer->door);
		snapshot_release(&rq.conf);
	}
	json_decref(args);
	return a != NULL ? a : json_null();
}
