/*
 * sendmail_maps.c - what Sendmail's rules are told of one message.
 *
 * All answers start from the same smarthost, found the same way: so a
 * message is never routed by one account, checked for a second and logged in
 * with a third.
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "arrivals.h"
#include "bill.h"
#include "credentials.h"
#include "digest.h"
#include "escape.h"
#include "gate.h"
#include "log.h"
#include "mailaddr.h"
#include "match.h"
#include "routing.h"
#include "sendmail_key.h"
#include "sendmail_maps.h"
#include "tokens.h"

#define CREDENTIALS_MAX (2 * SECRET_MAX) /* "user:password" */

/*
 * Last of all mechanisms some that providers offer and no Cyrus SASL speaks.
 * Sendmail takes them in turn: where the last one cannot even be begun it lets
 * the mail wait, where the last one is refused it goes on without a login.
 * Those of tokens need a plugin, which a host of passwords has not.
 */
#define NOBODYS " XOAUTH PLAIN-CLIENTTOKEN"
#define TOKENS " XOAUTH2 OAUTHBEARER"

/* What is asked: about which message, and what else stands in the key. */
struct question {
	struct sendmail_key key;
	char id[TXN_QUEUE_ID];
	struct mailaddr sender;
	const struct smarthost *sh; /* the message was charged to; or NULL */
	const char *process;        /* that asks */
	struct gate_rcpt rcpt;      /* its delivery, as the gate takes it */
};

/*
 * bound - the smarthost that the message was charged to, or the message that it
 * is a clone or a part of.
 */
static enum route_answer
bound(const struct desk *desk, struct question *q, int64_t now, struct why *why)
{
	char mark[TXN_MARK];
	const enum route_answer a =
	    routing_of_id(desk, q->id, &q->sender, now, &q->sh, why);

	if (a != ROUTE_NONE || !sendmail_is_mark(q->key.envid))
		return a;
	memcpy(mark, q->key.envid.p, sizeof(mark) - 1);
	mark[sizeof(mark) - 1] = '\0';
	return routing_of_id(desk, mark, &q->sender, now, &q->sh, why);
}

/*
 * message - the parts of key and its smarthost.  -1 if that could not be known:
 * then dst is the answer.
 */
static int
message(const struct desk *desk, struct bytes key, int64_t now,
    struct question *q, char *dst, size_t size)
{
	struct sendmail_key *k = &q->key;
	struct why why = WHY_NONE;

	q->sh = NULL;
	if (!sendmail_parse(key, k)) {
		answer_temp(dst, size,
		    "this key is not of postmeter's rules for Sendmail: run postmeterctl setup sendmail");
		return -1;
	}
	snprintf(q->id, sizeof(q->id), "%.*s", (int)k->id.len, k->id.p);
	if (sendmail_is_notice(k->sender))
		k->sender.len = 0;
	mailaddr_canon(&q->sender, k->sender.p, k->sender.len,
	    desk->conf->recipient_delimiter);
	/* An address test has no id, and nothing that could leave. */
	if (q->id[0] != '\0' && bound(desk, q, now, &why) == ROUTE_UNKNOWN) {
		answer_temp(dst, size, why.text);
		return -1;
	}
	return 0;
}

/*
 * note_uncounted - mail that would have had an account, had it come by the
 * milter: root's own (-Am), or of a port without the filter
 */
static void
note_uncounted(const struct config *conf, const struct question *q)
{
	char sender[MAILADDR_MAX + 8];
	const struct rule *rule;
	bool sure;

	if (!bill_has_id(q->id, &q->sender) ||
	    (rule = match_sender(conf, &q->sender, &sure)) == NULL ||
	    rule->route == NULL)
		return;
	log_warn(
	    "%s: sender=<%s> was never counted, so it has no account: it did not come by the milter",
	    q->id, escape_str(sender, sizeof(sender), q->sender.text));
}

void
sendmail_map_route(const struct desk *desk, struct bytes key, int64_t now,
    char *dst, size_t size)
{
	struct question q;
	struct why why = WHY_NONE;
	bool early;

	if (message(desk, key, now, &q, dst, size) == -1)
		return;
	/* Asked at RCPT, before the charge: a guess, and no more than that. */
	early =
	    q.sh == NULL && (q.id[0] == '\0' || arrivals_has(q.id, &q.sender));
	if (early && routing_of_sender(desk, &q.sender, now, &q.sh, &why) ==
			 ROUTE_UNKNOWN) {
		answer_temp(dst, size, why.text);
	} else if (q.sh == NULL) {
		if (!early)
			note_uncounted(desk->conf, &q);
		snprintf(dst, size, "NOTFOUND ");
	} else if (!sendmail_can(q.sh, &why)) {
		answer_temp(dst, size, why.text);
	} else {
		memcpy(dst, "OK ", 3);
		if (sendmail_route(q.sh, dst + 3, size - 3) == -1)
			answer_temp(
			    dst, size, "the smarthost's name is too long");
	}
}

/*
 * due - the server of key is the smarthost of its message, q->sh.  If not,
 * dst is the answer.
 */
static bool
due(const struct desk *desk, struct bytes key, int64_t now, struct question *q,
    char *dst, size_t size)
{
	if (message(desk, key, now, q, dst, size) == -1)
		return false;
	switch (sendmail_server(desk->conf, q->sh, q->key.about)) {
	case SENDMAIL_DUE:
		q->rcpt = (struct gate_rcpt){ q->id, q->sender.text, q->process,
			digest64(q->key.rcpt.p, q->key.rcpt.len) };
		return q->sh != NULL;
	case SENDMAIL_OTHER:
		snprintf(dst, size, "NOTFOUND ");
		break;
	case SENDMAIL_ASTRAY:
		answer_temp(dst, size,
		    q->sh == NULL
			? "this message was never counted for that smarthost"
			: "this server is not the smarthost of the message");
		break;
	}
	return false;
}

void
sendmail_map_tls(const struct desk *desk, struct bytes key, int64_t now,
    char *dst, size_t size)
{
	struct question q;

	if (due(desk, key, now, &q, dst, size))
		snprintf(dst, size, "OK %s", sendmail_tls(q.sh));
}

/*
 * login_by_handle - a token is longer than what Sendmail's rules hold: its
 * plugin asks for it (map "token"), where there is one to be had
 */
static void
login_by_handle(const struct config *conf, const struct smarthost *sh,
    int64_t now, char *dst, size_t size)
{
	char token[TOKEN_MAX + 1], handle[SENDMAIL_VALUE + 1];
	struct why why = WHY_NONE;
	const bool there =
	    tokens_get(sh->name, token, sizeof(token), now, &why) != -1;

	explicit_bzero(token, sizeof(token));
	if (!there) {
		answer_temp(dst, size, why.text);
		return;
	}
	memcpy(dst, "OK ", 3);
	if (snprintf(handle, sizeof(handle), "oauth2-ref:%s %s",
		conf->auth_socket.path, sh->name) >= (int)sizeof(handle) ||
	    sendmail_auth(sh->username, handle, "XOAUTH2" NOBODYS, dst + 3,
		size - 3) == -1)
		answer_temp(dst, size,
		    "user name or auth-socket are too long for Sendmail");
}

void
sendmail_map_token(const struct desk *desk, struct bytes key, int64_t now,
    char *dst, size_t size)
{
	char name[STORE_NAME];
	const struct smarthost *sh;
	struct why why = WHY_NONE;

	snprintf(name, sizeof(name), "%.*s",
	    (int)(key.len < sizeof(name) ? key.len : 0), key.p);
	sh = config_smarthost(desk->conf, name);
	memcpy(dst, "OK ", 3);
	if (sh == NULL || sh->oauth.grant == GRANT_NONE)
		answer_temp(
		    dst, size, "there is no such smarthost with a token");
	else if (tokens_get(sh->name, dst + 3, size - 3, now, &why) == -1)
		answer_temp(dst, size, why.text);
}

/*
 * was_refused - did whoever looked at the account last see it refuse?  Sendmail
 * goes on without a login that is refused, and a provider that then refuses
 * MAIL has the message returned: so it waits until somebody saw it well.
 */
static bool
was_refused(const struct desk *desk, const struct smarthost *sh, int64_t now,
    struct why *why)
{
	struct health_report r;

	if (!health_ask(desk->health, sh->name, now, &r) ||
	    r.why.text[0] == '\0' || r.seen < now - 2 * HEALTH_LONGEST)
		return false;
	why_set(why, "account %s: %s", sh->name, r.why.text);
	return true;
}

/* login - the answer that logs in to sh */
static void
login(const struct config *conf, const struct smarthost *sh, char *dst,
    size_t size)
{
	char both[CREDENTIALS_MAX], nexthop[300], *colon;
	struct why why = WHY_NONE;

	snprintf(
	    nexthop, sizeof(nexthop), "[%s]:%u", sh->host, (unsigned)sh->port);
	switch (credentials_lookup(
	    conf, sh->name, nexthop, both, sizeof(both), &why)) {
	case 1:
		colon = both + strlen(sh->username);
		*colon = '\0';
		memcpy(dst, "OK ", 3);
		if (sendmail_auth(both, colon + 1, "PLAIN LOGIN" TOKENS NOBODYS,
			dst + 3, size - 3) == -1)
			answer_temp(dst, size,
			    "user name or password is longer than 189 bytes, which Sendmail cannot take");
		break;
	case 0:
		snprintf(dst, size, "NOTFOUND ");
		break;
	default:
		answer_temp(dst, size, why.text);
		break;
	}
	explicit_bzero(both, sizeof(both));
}

void
sendmail_map_login(const struct desk *desk, const char *process,
    struct bytes key, int64_t now, char *dst, size_t size)
{
	struct why why = WHY_NONE;
	struct question q = { .process = process };

	if (!due(desk, key, now, &q, dst, size))
		return;
	if (q.sh->username[0] == '\0')
		snprintf(dst, size, "OK none");
	else if (was_refused(desk, q.sh, now, &why) ||
		 (desk->gate != NULL && gate_login_due(desk, &q.rcpt, q.sh, now,
					    &why) != GATE_OPEN))
		answer_temp(dst, size, why.text);
	else
		snprintf(dst, size, "OK due");
}

void
sendmail_map_auth(const struct desk *desk, const char *process,
    struct bytes key, int64_t now, char *dst, size_t size)
{
	struct why why = WHY_NONE;
	struct question q = { .process = process };

	if (!due(desk, key, now, &q, dst, size))
		return;
	if (q.sh->oauth.grant != GRANT_NONE)
		login_by_handle(desk->conf, q.sh, now, dst, size);
	else
		login(desk->conf, q.sh, dst, size);
	if (desk->gate != NULL && strncmp(dst, "OK ", 3) != 0) {
		gate_login_withheld(desk, &q.rcpt, now);
	} else if (desk->gate != NULL &&
		   gate_message(desk, &q.rcpt, q.sh, now, &why) != GATE_OPEN) {
		explicit_bzero(dst, size);
		answer_temp(dst, size, why.text);
	}
}

void
sendmail_map_refused(const struct desk *desk, const char *process,
    struct bytes key, int64_t now, char *dst, size_t size)
{
	struct question q = { .process = process };

	if (!due(desk, key, now, &q, dst, size))
		return;
	if (desk->gate != NULL)
		gate_no_login(desk, &q.rcpt, q.sh, now);
	snprintf(dst, size, "OK noted");
}

void
sendmail_map_leave(const struct desk *desk, const char *process,
    struct bytes key, int64_t now, char *dst, size_t size)
{
	struct why why = WHY_NONE;
	struct question q = { .process = process };

	if (!due(desk, key, now, &q, dst, size))
		return;
	if (desk->gate != NULL &&
	    gate_recipient(desk, &q.rcpt, q.sh, now, &why) != GATE_OPEN)
		answer_temp(dst, size, why.text);
	else
		snprintf(dst, size, "OK yes");
}
