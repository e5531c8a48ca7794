/*
 * event.c - what is kept of a command: what was done to whom, by whom and why.
 */
#include <stdio.h>

#include "backend.h"

struct store_event
store_event_of(const char *kind, const char *policy, const char *key,
    const struct audit *by)
{
	struct store_event e = { .when = by->now };

	snprintf(e.kind, sizeof(e.kind), "%s", kind);
	snprintf(e.policy, sizeof(e.policy), "%s", policy);
	snprintf(e.key, sizeof(e.key), "%s", key);
	snprintf(e.actor, sizeof(e.actor), "%s", by->actor);
	snprintf(e.text, sizeof(e.text), "%s", by->text);
	return e;
}
