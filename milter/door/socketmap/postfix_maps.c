/*
 * postfix_maps.c - Postfix's questions, answered whole.
 *
 * smtp(8) asks the maps of its service in a fixed order: door-NAME with the
 * nexthop before any connection; NAME with the envelope sender (without and
 * with its quotes), the host and the nexthop, for each server that offers a
 * login; status-NAME for each recipient.  All on one connection, for they are
 * written with the same socket.
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "credentials.h"
#include "gate.h"
#include "mailaddr.h"
#include "postfix_maps.h"
#include "routing.h"

#define DOOR "door-"
#define STATUS "status-"
#define NEXTHOP 300 /* "[", a host name, "]:65535" */

void
postfix_transport(const struct desk *desk, struct bytes key, bool exit,
    int64_t now, char *dst, size_t size)
{
	const struct smarthost *sh = NULL;
	struct mailaddr sender;
	struct why why = WHY_NONE;
	enum route_answer a;

	/*
	 * After NOTFOUND for an address Postfix asks for "@domain".  That is
	 * nobody's mail, and a rule for the domain must not take back what an
	 * earlier rule said of the sender.
	 */
	if (key.len > 0 && key.p[0] == '@') {
		snprintf(dst, size, "NOTFOUND ");
		return;
	}
	/* "<>" with its quotes is the null sender, too: Postfix asks it first.
	 */
	if (key.len == 4 && memcmp(key.p, "\"<>\"", 4) == 0)
		key.len = 0;
	mailaddr_canon(
	    &sender, key.p, key.len, desk->conf->recipient_delimiter);
	/* A probe of an address (verify(8)) takes no account. */
	if (mailaddr_is_probe(&sender)) {
		snprintf(dst, size, "NOTFOUND ");
		return;
	}
	a = exit ? routing_now(desk, &sender, now, &sh, &why)
		 : routing_of_sender(desk, &sender, now, &sh, &why);
	switch (a) {
	case ROUTE_NONE:
		snprintf(dst, size, "NOTFOUND ");
		break;
	case ROUTE_FOUND:
		snprintf(dst, size, "OK smarthost-%s:[%s]:%u", sh->name,
		    sh->host, sh->port);
		break;
	case ROUTE_FULL:
		snprintf(dst, size, "OK retry:4.7.1 %s", why.text);
		break;
	case ROUTE_UNKNOWN:
		answer_temp(dst, size, why.text);
		break;
	}
}

/* A client service of Postfix at one of its exits. */
struct exit {
	const char *owner;
	const struct smarthost *sh;
	int64_t now;
};

/* nexthop_of - as setup writes it for the service of that smarthost */
static void
nexthop_of(const struct smarthost *sh, char nexthop[NEXTHOP])
{
	snprintf(nexthop, NEXTHOP, "[%s]:%u", sh->host, (unsigned)sh->port);
}

/*
 * door - a delivery begins: the TLS policy is the answer, so that no policy of
 * main.cf can weaken it (postconf(5) smtp_tls_policy_maps)
 */
static void
door(const struct desk *desk, const struct exit *e, const char *key, char *dst,
    size_t size)
{
	char nexthop[NEXTHOP];
	struct why why = WHY_NONE;

	nexthop_of(e->sh, nexthop);
	if (strcmp(key, nexthop) != 0)
		answer_temp(
		    dst, size, "this server is not that of the smarthost");
	else if (gate_begin(desk, e->owner, e->sh, e->now, &why) != GATE_OPEN)
		answer_temp(dst, size, why.text);
	else
		snprintf(dst, size, "OK %s",
		    e->sh->tls == TLS_VERIFY ? "secure match=nexthop"
					     : "encrypt");
}

/* credential - "user:password" for the exact nexthop, and for nothing else */
static void
credential(const struct desk *desk, const struct exit *e, const char *key,
    char *dst, size_t size)
{
	char nexthop[NEXTHOP];
	struct why why = WHY_NONE;
	int found;

	nexthop_of(e->sh, nexthop);
	if (strcmp(key, nexthop) != 0) {
		const bool server =
		    key[0] == '[' ||
		    (strchr(key, '@') == NULL && strchr(key, ':') != NULL);

		/* NOTFOUND would let a fallback relay have it without a login.
		 */
		if (server)
			answer_temp(dst, size,
			    "this server is not that of the smarthost");
		else
			snprintf(dst, size, "NOTFOUND ");
		if (strchr(key, '@') != NULL && key[0] != '[' &&
		    desk->gate != NULL)
			gate_sender(desk, e->owner, e->sh, key, e->now);
		return;
	}
	memcpy(dst, "OK ", 3);
	found = credentials_lookup(
	    desk->conf, e->sh->name, nexthop, dst + 3, size - 3, &why);
	/* What is not known is no login: the gate hears of none. */
	if (found == -1) {
		answer_temp(dst, size, why.text);
	} else if (desk->gate != NULL && gate_login(desk, e->owner, e->sh,
					     e->now, &why) != GATE_OPEN) {
		explicit_bzero(dst, size);
		answer_temp(dst, size, why.text);
	} else if (found == 0) {
		snprintf(dst, size, "NOTFOUND ");
	}
}

static void
status(const struct desk *desk, const struct exit *e, const char *text,
    char *dst, size_t size)
{
	struct why better;

	if (gate_status(desk, e->owner, e->sh, text, e->now, &better))
		snprintf(dst, size, "OK 4.7.1 %s", better.text);
	else
		snprintf(dst, size, "NOTFOUND ");
}

/* text_of - bytes as a string; false if they do not fit or hold a NUL */
static bool
text_of(struct bytes b, char *dst, size_t size)
{
	if (b.len >= size || memchr(b.p, '\0', b.len) != NULL)
		return false;
	memcpy(dst, b.p, b.len);
	dst[b.len] = '\0';
	return true;
}

/* postfix_maps_after - map without its prefix; NULL if it does not begin with
 * that */
static const char *
postfix_maps_after(const char *map, const char *prefix)
{
	const size_t n = strlen(prefix);

	return strncmp(map, prefix, n) == 0 ? map + n : NULL;
}

void
postfix_auth(const struct desk *desk, const char *owner, const struct lookup *q,
    int64_t now, char *dst, size_t size)
{
	char name[STORE_NAME + sizeof(STATUS)], text[4096];
	struct exit e = { .owner = owner, .now = now };
	const char *account;

	if (!text_of(q->map, name, sizeof(name)) ||
	    !text_of(q->key, text, sizeof(text))) {
		answer_temp(dst, size, "no such smarthost");
		return;
	}
	/* A smarthost may be called "door-x": its own name comes first. */
	e.sh = config_smarthost(desk->conf, name);
	if (e.sh != NULL) {
		credential(desk, &e, text, dst, size);
	} else if ((account = postfix_maps_after(name, DOOR)) != NULL &&
		   (e.sh = config_smarthost(desk->conf, account)) != NULL) {
		door(desk, &e, text, dst, size);
	} else if ((account = postfix_maps_after(name, STATUS)) != NULL &&
		   (e.sh = config_smarthost(desk->conf, account)) != NULL) {
		status(desk, &e, text, dst, size);
	} else {
		answer_temp(dst, size,
		    "there is no smarthost of that name, see postmeter.conf");
	}
}
