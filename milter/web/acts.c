/*
 * acts.c - a form that was sent, as a request to the daemon.
 *
 * A table: which fields of which act mean what to the daemon.  Whether it may
 * be done, and whether it makes sense, the daemon says.
 */
#include <string.h>

#include "acts.h"

#define FIELDS 5

static const struct act {
	const char *name;
	const char *field[FIELDS]; /* handed on under the same name, if sent */
	bool sure;                 /* only with a tick */
} acts[] = {
	{ "grant", { "who", "extra", "for", "why" }, false },
	{ "revoke", { "who", "policy" }, false },
	{ "block", { "who", "for", "why" }, false },
	{ "unblock", { "who" }, false },
	{ "reset", { "who", "policy" }, true },
	{ "release", { "id" }, false },
};

/* set - the value of that field, if there is one */
static void
set(json_t *rq, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		json_object_set_new(rq, name, json_string(value));
}

/* add_what - "POLICY/DIMENSION" of a grant */
static void
add_what(json_t *rq, const char *what)
{
	const char *slash = what != NULL ? strrchr(what, '/') : NULL;

	if (slash == NULL)
		return;
	json_object_set_new(
	    rq, "policy", json_stringn(what, (size_t)(slash - what)));
	set(rq, "dimension", slash + 1);
}

json_t *
acts_request(const struct form *f, const char *by, const char **wrong_r)
{
	const char *name = form_get(f, "act"), *sure = form_get(f, "sure");
	const struct act *act = NULL;
	json_t *rq;

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (name != NULL && strcmp(name, acts[i].name) == 0)
			act = &acts[i];
	if (act == NULL) {
		*wrong_r = "There is no such act.";
		return NULL;
	}
	if (act->sure && (sure == NULL || strcmp(sure, "yes") != 0)) {
		*wrong_r = "Tick that you are sure.";
		return NULL;
	}
	rq = json_pack("{s:s, s:s}", "command", act->name, "by", by);
	for (size_t i = 0; i < FIELDS && act->field[i] != NULL; i++)
		set(rq, act->field[i], form_get(f, act->field[i]));
	if (strcmp(act->name, "grant") == 0)
		add_what(rq, form_get(f, "what"));
	if (strcmp(act->name, "release") == 0)
		json_object_set_new(rq, "now", json_true());
	return rq;
}
