/*
 * discover.c - which server is it, and may counters be trusted to it?
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "clock.h"
#include "discover.h"
#include "log.h"

#define PATIENCE 1000 /* ms: for one connection */

static struct redis_peer
unix_peer(const struct redis_url *w)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct redis_peer peer = { .len = sizeof(sun) };

	memcpy(sun.sun_path, w->path, sizeof(sun.sun_path));
	memcpy(&peer.addr, &sun, sizeof(sun));
	snprintf(peer.name, sizeof(peer.name), "%s", w->path);
	return peer;
}

/* The first address of host that answers; link_r is a link to it. */
static bool
reach(const struct redis_login *p, const struct redis_host *host,
    bool log_in_too, struct redis_peer *peer_r, struct redis_conn **link_r,
    struct why *why)
{
	const struct addrinfo hint = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host->name, host->port, &hint, &list);

	*link_r = NULL;
	if (rc != 0) {
		why_set(why, "the store's server %s: %s", host->name,
		    gai_strerror(rc));
		return false;
	}
	for (struct addrinfo *a = list; a != NULL && *link_r == NULL;
	     a = a->ai_next) {
		int64_t deadline = clock_steady() + PATIENCE;

		memset(peer_r, 0, sizeof(*peer_r));
		memcpy(&peer_r->addr, a->ai_addr, a->ai_addrlen);
		peer_r->len = a->ai_addrlen;
		peer_r->tls = p->tls;
		memcpy(peer_r->name, host->name, sizeof(peer_r->name));
		*link_r = log_in_too
			      ? redis_session_open(p, peer_r, deadline, why)
			      : redis_conn_open(peer_r, deadline, why);
	}
	freeaddrinfo(list);
	return *link_r != NULL;
}

/* Who one Sentinel says is the master. */
static bool
ask_sentinel(const struct redis_login *p, const struct redis_host *sentinel,
    struct redis_host *master_r, struct why *why)
{
	const char *argv[] = { "SENTINEL", "get-master-addr-by-name",
		p->where->master };
	int64_t deadline = clock_steady() + 2 * PATIENCE;
	struct redis_peer peer;
	struct redis_conn *l;
	redisReply *r = NULL;
	bool good;

	if (!reach(p, sentinel, false, &peer, &l, why))
		return false;
	good = redis_ask_one(l, 3, argv, deadline, &r, why);
	if (!good && strstr(why->text, "NOAUTH") != NULL)
		good = redis_log_in(p, l, deadline, why) &&
		       redis_ask_one(l, 3, argv, deadline, &r, why);
	redis_conn_close(&l);
	if (!good)
		return false;
	good = r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
	       r->element[0]->type == REDIS_REPLY_STRING &&
	       r->element[1]->type == REDIS_REPLY_STRING &&
	       strlen(r->element[0]->str) < sizeof(master_r->name) &&
	       strlen(r->element[1]->str) < sizeof(master_r->port);
	if (good) {
		strcpy(master_r->name, r->element[0]->str);
		strcpy(master_r->port, r->element[1]->str);
	} else {
		why_set(why, "Sentinel %s knows no master \"%s\"",
		    sentinel->name, p->where->master);
	}
	freeReplyObject(r);
	return good;
}

static bool
look_for(const struct redis_login *p, struct redis_peer *peer_r,
    struct redis_conn **link_r, struct why *why)
{
	struct redis_host master;

	if (p->where->nhost == 0) {
		*peer_r = unix_peer(p->where);
		*link_r = redis_session_open(
		    p, peer_r, clock_steady() + PATIENCE, why);
		return *link_r != NULL;
	}
	if (!p->where->sentinel)
		return reach(p, &p->where->host[0], true, peer_r, link_r, why);
	for (size_t i = 0; i < p->where->nhost; i++)
		if (ask_sentinel(p, &p->where->host[i], &master, why) &&
		    reach(p, &master, true, peer_r, link_r, why))
			return true;
	return false;
}

/* --- is it one to trust? ------------------------------------------------ */

/* The value of "name:" in the answer to INFO; "" if it is not there. */
static const char *
info(const char *text, const char *name, char *dst, size_t size)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\n%s:", name);
	at = strstr(text, line);
	at = at == NULL ? "" : at + strlen(line);
	snprintf(dst, size, "%.*s", (int)strcspn(at, "\r\n"), at);
	return dst;
}

static enum redis_health
discover_judge(const char *text, struct why *why)
{
	char v[64], policy[64];

	if (strcmp(info(text, "cluster_enabled", v, sizeof(v)), "1") == 0) {
		why_set(why,
		    "the store's server is a Redis Cluster: all counters lie in one slot, so use one server, with Sentinel if it must not fail");
		return REDIS_SERVER_UNSUPPORTED;
	}
	if (atoi(info(text, "redis_version", v, sizeof(v))) < 7) {
		why_set(why,
		    "the store's server is version %s: want Redis 7.0 or newer, or Valkey",
		    v);
		return REDIS_SERVER_UNSUPPORTED;
	}
	if (strcmp(info(text, "maxmemory", v, sizeof(v)), "0") != 0 &&
	    strcmp(info(text, "maxmemory_policy", policy, sizeof(policy)),
		"noeviction") != 0) {
		why_set(why,
		    "the store's server may throw counters away: set maxmemory-policy noeviction (it is %s)",
		    policy);
		return REDIS_SERVER_UNSUPPORTED;
	}
	if (strcmp(info(text, "loading", v, sizeof(v)), "1") == 0) {
		why_set(why, "the store's server is loading");
		return REDIS_SERVER_UNREACHABLE;
	}
	if (strcmp(info(text, "role", v, sizeof(v)), "master") != 0) {
		why_set(why,
		    "the store's server is a replica: name the master, or its Sentinels");
		return REDIS_SERVER_UNREACHABLE;
	}
	if (strcmp(info(text, "aof_enabled", v, sizeof(v)), "0") == 0)
		log_warn(
		    "store: the server keeps no append-only file: killed, it forgets what it counted since its last snapshot; set appendonly yes");
	return REDIS_SERVER_OK;
}

static enum redis_health
discover_check(struct redis_conn *l, int timeout, struct why *why)
{
	const char *argv[] = { "INFO" };
	enum redis_health h = REDIS_SERVER_UNREACHABLE;
	redisReply *r = NULL;

	/* One that takes longer than a message may wait is not well. */
	if (!redis_ask_one(l, 1, argv, clock_steady() + timeout, &r, why))
		return REDIS_SERVER_UNREACHABLE;
	if (r->type == REDIS_REPLY_STRING)
		h = discover_judge(r->str, why);
	freeReplyObject(r);
	return h;
}

enum redis_health
redis_discover(const struct redis_login *p, int timeout,
    struct redis_peer *peer_r, struct why *why)
{
	enum redis_health h;
	struct redis_conn *l = NULL;

	if (!look_for(p, peer_r, &l, why))
		return REDIS_SERVER_UNREACHABLE;
	h = discover_check(l, timeout, why);
	redis_conn_close(&l);
	return h;
}
