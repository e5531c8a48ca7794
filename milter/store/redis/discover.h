/*
 * discover.h - which server is it, and may counters be trusted to it?
 */
#ifndef DISCOVER_H
#define DISCOVER_H

#include "session.h"

enum redis_health {
	REDIS_SERVER_OK,
	REDIS_SERVER_UNREACHABLE, /* or not ready: ask again */
	REDIS_SERVER_UNSUPPORTED  /* it answers, and must not be used: why */
};

/*
 * Looks for the server (name service, Sentinels) and at it; *peer_r is whom to
 * connect to.  One that takes longer than timeout ms for a reply is not well.
 * May take seconds.
 */
enum redis_health redis_discover(const struct redis_login *p, int timeout,
	    struct redis_peer *peer_r, struct why *why);

#endif
