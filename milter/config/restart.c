/*
 * restart.c - what only a restart can change must be as it was.
 */
#include <stdio.h>
#include <string.h>

#include "config.h"

bool
config_needs_restart(
    const struct config *old, const struct config *now, FILE *errors)
{
	const struct {
		const char *name, *before, *after;
	} fixed[] = {
		{ "milter-socket", old->milter_socket.path,
		    now->milter_socket.path },
		{ "map-socket", old->map_socket.path, now->map_socket.path },
		{ "auth-socket", old->auth_socket.path, now->auth_socket.path },
		{ "control-socket", old->control_socket.path,
		    now->control_socket.path },
		{ "view-socket", old->view_socket.path, now->view_socket.path },
		{ "user", old->user, now->user },
		{ "store", old->store, now->store },
		{ "trace-file", old->trace_file, now->trace_file },
		{ "store-secret", old->store_secret, now->store_secret },
	};
	int changed = old->durability != now->durability;

	if (changed)
		fprintf(errors, "%s: durability changed: restart postmeter\n",
		    now->file);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strcmp(fixed[i].before, fixed[i].after) == 0)
			continue;
		fprintf(errors, "%s: %s changed: restart postmeter\n",
		    now->file, fixed[i].name);
		changed++;
	}
	return changed > 0;
}
