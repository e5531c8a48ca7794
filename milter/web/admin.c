/*
 * admin.c - a form that was sent, as an admin command for the daemon.
 *
 * A table: which fields of which command mean what to the daemon.  Whether it
 * may be done, and whether it makes sense, the daemon says.
 */
#include <string.h>

#include "admin.h"

#define FIELDS 5

static const struct admin_command {
	const char *name;
	const char *field[FIELDS]; /* handed on under the same name, if sent */
	bool sure;                 /* only with a tick */
} admin_commands[] = {
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
admin_request(const struct form *f, const char *by, const char **wrong_r)
{
	const char *name = form_get(f, "act"), *sure = form_get(f, "sure");
	const struct admin_command *c = NULL;
	json_t *rq;

	for (size_t i = 0;
	     i < sizeof(admin_commands) / sizeof(admin_commands[0]); i++)
		if (name != NULL && strcmp(name, admin_commands[i].name) == 0)
			c = &admin_commands[i];
	if (c == NULL) {
		*wrong_r = "There is no such command.";
		return NULL;
	}
	if (c->sure && (sure == NULL || strcmp(sure, "yes") != 0)) {
		*wrong_r = "Tick that you are sure.";
		return NULL;
	}
	rq = json_pack("{s:s, s:s}", "command", c->name, "by", by);
	for (size_t i = 0; i < FIELDS && c->field[i] != NULL; i++)
		set(rq, c->field[i], form_get(f, c->field[i]));
	if (strcmp(c->name, "grant") == 0)
		add_what(rq, form_get(f, "what"));
	if (strcmp(c->name, "release") == 0)
		json_object_set_new(rq, "now", json_true());
	return rq;
}
