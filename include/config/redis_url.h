/*
 * redis_url.h - where a shared store is, as text and as parts.
 *
 *   redis://[USER@]HOST[:PORT][/DB]		in clear: for a network you trust
 *   rediss://[USER@]HOST[:PORT][/DB]		TLS, certificate and name verified
 *   redis+unix:///PATH				a UNIX socket
 *   redis+sentinel://[USER@]HOST[:PORT],.../MASTER	asks Sentinels for MASTER
 *   rediss+sentinel://...			both
 *
 * and behind "?": db=N, ca=/PATH (the authorities to trust, TLS only).
 */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "why.h"

#define REDIS_HOSTS	8
#define REDIS_SCHEME	"redis"	/* how all of them begin */

struct redis_host {
	char name[256];		/* an IPv6 address without brackets */
	char port[6];
};

struct redis_url {
	bool tls, sentinel;
	size_t nhost;		/* 0: a UNIX socket */
	struct redis_host host[REDIS_HOSTS];
	char path[108];		/* UNIX */
	char user[128];		/* "": the default one */
	char master[64];	/* Sentinel */
	char ca[256];		/* "": those of the system */
	unsigned db;
};

/* 0, or -1 and *why, a constant that says what would be right. */
int	redis_url_parse(const char *text, struct redis_url *w_r,
	    struct why *why);

#endif
