/*
 * answer.c - which map answers which request, at which door.
 */
#include <string.h>

#include "answer.h"
#include "clock.h"
#include "postfix_maps.h"
#include "sendmail_maps.h"
#include "snapshot.h"
#include "socketmap.h"
#include "tally.h"

bool
socketmap_split(struct bytes request, struct bytes *map_r, struct bytes *key_r)
{
	const char *blank =
	    request.len == 0 ? NULL : memchr(request.p, ' ', request.len);

	if (blank == NULL || blank == request.p)
		return false;
	map_r->p = request.p;
	map_r->len = (size_t)(blank - request.p);
	key_r->p = blank + 1;
	key_r->len = request.len - map_r->len - 1;
	return true;
}

static bool
is_map(struct bytes map, const char *name)
{
	return map.len == strlen(name) && memcmp(map.p, name, map.len) == 0;
}

static void
answer_map(const struct desk *desk, const struct asker *who,
    const struct lookup *q, char *dst, size_t size)
{
	const struct bytes map = q->map, key = q->key;
	const int64_t now = clock_now();

	if (is_map(map, "transport"))
		postfix_transport(desk, key, true, now, dst, size);
	else if (is_map(map, "transport-in"))
		postfix_transport(desk, key, false, now, dst, size);
	else if (is_map(map, "route"))
		sendmail_map_route(desk, key, now, dst, size);
	else if (is_map(map, "tls"))
		sendmail_map_tls(desk, key, now, dst, size);
	else if (is_map(map, "login"))
		sendmail_map_login(desk, who->owner, key, now, dst, size);
	else
		answer_temp(dst, size, "no such map here");
}

/* answer_auth - a credential, of a smarthost or (Sendmail) of a message */
static void
answer_auth(const struct desk *desk, const struct asker *who,
    const struct lookup *q, char *dst, size_t size)
{
	const struct bytes map = q->map, key = q->key;
	const int64_t now = clock_now();

	if (is_map(map, "sendmail") && key.len > 0 && key.p[0] != '[') {
		/* A smarthost of that name is still found: its lookup key has
		 * brackets. */
		sendmail_map_auth(desk, who->owner, key, now, dst, size);
	} else if (is_map(map, "token") && who->uid == 0 &&
		   config_smarthost(desk->conf, "token") == NULL) {
		/* The handle that Sendmail was given; its client is root. */
		sendmail_map_token(desk, key, now, dst, size);
	} else if (is_map(map, "leave") && key.len > 0 && key.p[0] != '[') {
		sendmail_map_leave(desk, who->owner, key, now, dst, size);
	} else if (is_map(map, "refused") && key.len > 0 && key.p[0] != '[') {
		sendmail_map_refused(desk, who->owner, key, now, dst, size);
	} else {
		postfix_auth(desk, who->owner, q, now, dst, size);
	}
}

/* count_lookup - a map's name is told only if we know it */
static void
count_lookup(const struct asker *who, struct bytes map, const char *text)
{
	static const char *const known[] = { "transport", "transport-in",
		"route", "tls", "login" };
	const char *name = who->door == DOOR_MAP ? "other" : "auth";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (who->door == DOOR_MAP && is_map(map, known[i]))
			name = known[i];
	tally_add(TALLY_LOOKUPS, name,
	    text[0] == 'O'   ? "ok"
	    : text[0] == 'N' ? "notfound"
			     : "temp",
	    1);
}

void
answer_request(const struct desk *asked, const struct asker *who,
    struct bytes request, char *dst, size_t size)
{
	struct lookup q = { .map = { 0 } };
	struct desk desk = *asked;

	desk.conf = snapshot_hold();
	if (!socketmap_split(request, &q.map, &q.key))
		answer_temp(dst, size, "want a map and a lookup key");
	else if (who->door == DOOR_MAP)
		answer_map(&desk, who, &q, dst, size);
	else
		answer_auth(&desk, who, &q, dst, size);
	snapshot_release(&desk.conf);
	count_lookup(who, q.map, dst);
}
