/*
 * guard.c - which requests are let in, and as whom.
 *
 * Two rules make the age of the HTTP library harmless: one Content-Length and
 * no other framing, so that nothing can hide behind a request.  The rest keeps
 * strangers' pages from asking in the name of whoever is logged in.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

#include "clock.h"
#include "guard.h"

const char *const web_field_names[WEB_FIELDS] = {
	[WEB_HOST] = "Host",
	[WEB_ORIGIN] = "Origin",
	[WEB_FETCH_SITE] = "Sec-Fetch-Site",
	[WEB_COOKIE] = "Cookie",
	[WEB_IF_NONE_MATCH] = "If-None-Match",
	[WEB_REMOTE_USER] = "X-Remote-User",
	[WEB_CONTENT_TYPE] = "Content-Type",
	[WEB_CONTENT_LENGTH] = "Content-Length",
	[WEB_TRANSFER_ENCODING] = "Transfer-Encoding",
	[WEB_ACCEPT] = "Accept",
};

static void
guard_no(struct guard_verdict *v, unsigned status, const char *why)
{
	if (v->status == 0) {
		v->status = status;
		v->why = why;
	}
}

static bool
is_post(const struct web_request *rq)
{
	return strcmp(rq->method, "POST") == 0;
}

static void
guard_framing(const struct web_request *rq, struct guard_verdict *v)
{
	const bool reads =
	    strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;

	if (rq->field[WEB_TRANSFER_ENCODING].n > 0)
		guard_no(v, 400,
		    "A body comes with its length here, not in chunks.");
	if (rq->field[WEB_CONTENT_LENGTH].n > 1)
		guard_no(v, 400, "A request has one Content-Length.");
	if (!reads && !is_post(rq))
		guard_no(v, 405, "GET, HEAD and POST are all there is.");
	if (reads && (rq->body_len > 0 || rq->body_too_long))
		guard_no(v, 400, "A question has no body.");
	if (rq->body_too_long)
		guard_no(v, 413, "A form is at most 4 KiB long.");
}

/* guard_host - against a name of a stranger's that leads here */
static void
guard_host(const struct guard *g, const struct web_request *rq,
    struct guard_verdict *v)
{
	static const char *const names[] = { "localhost", "127.0.0.1",
		"[::1]" };
	const struct field *host = &rq->field[WEB_HOST];
	char right[64];

	if (host->n != 1) {
		guard_no(v, 400, "A request names one Host.");
		return;
	}
	if (g->rules.door == WEB_PROXY)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(
		    right, sizeof(right), "%s:%u", names[i], g->rules.port);
		if (strcasecmp(host->text, right) == 0)
			return;
	}
	guard_no(v, 421,
	    "This page has no such name: open the address that `postmeterctl web` prints.");
}

/* guard_origin - a form of ours is sent from a page of ours */
static void
guard_origin(const struct web_request *rq, struct guard_verdict *v)
{
	const struct field *site = &rq->field[WEB_FETCH_SITE];
	const struct field *origin = &rq->field[WEB_ORIGIN];
	const char *host = rq->field[WEB_HOST].text, *from;

	if (!is_post(rq))
		return;
	if (rq->field[WEB_CONTENT_TYPE].n != 1 ||
	    strcasecmp(rq->field[WEB_CONTENT_TYPE].text,
		"application/x-www-form-urlencoded") != 0)
		guard_no(v, 415, "A form is sent as a form.");
	if (site->n > 1 || origin->n > 1 || (site->n == 0 && origin->n == 0))
		guard_no(v, 403,
		    "The browser does not say where this form comes from.");
	if (site->n == 1 && strcmp(site->text, "same-origin") != 0)
		guard_no(v, 403, "This form was sent from another site.");
	if (origin->n != 1 || host == NULL)
		return;
	from = strstr(origin->text, "://");
	if (from == NULL || strcasecmp(from + 3, host) != 0)
		guard_no(v, 403, "This form was sent from another site.");
}

/* is_name - who the proxy says is there: no name may look like another */
static bool
is_name(const char *name)
{
	const size_t len = strlen(name);

	if (len == 0 || len >= WEB_NAME ||
	    u8_check((const uint8_t *)name, len) != NULL)
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return true;
}

static void
guard_proxy_user(const struct web_request *rq, struct guard_verdict *v)
{
	const struct field *user = &rq->field[WEB_REMOTE_USER];

	if (user->n > 1)
		guard_no(v, 400, "The proxy names two users.");
	else if (user->n == 0 || !is_name(user->text))
		guard_no(v, 403,
		    "Nobody is logged in: the proxy before this page must set X-Remote-User.");
	else
		snprintf(v->who, sizeof(v->who), "%s", user->text);
}

/* has_cookie - a cookie of ours that is still good */
static bool
has_cookie(const struct guard *g, const struct web_request *rq, int64_t now)
{
	static const char name[] = GUARD_COOKIE "=";
	const char *p = rq->field[WEB_COOKIE].text;
	char value[SEAL_TEXT];
	int64_t until;

	if (rq->field[WEB_COOKIE].n != 1)
		return false;
	while (p != NULL) {
		p += strspn(p, " ;");
		if (strncmp(p, name, strlen(name)) == 0) {
			p += strlen(name);
			snprintf(value, sizeof(value), "%.*s",
			    (int)strcspn(p, "; "), p);
			return seal_read(
				   &g->key, "cookie", "", value, &until) &&
			       until > now && until <= now + GUARD_COOKIE_FOR;
		}
		p = strchr(p, ';');
	}
	return false;
}

/* guard_take_token - changes a one-time token for a cookie */
static void
guard_take_token(
    struct guard *g, const char *token, int64_t now, struct guard_verdict *v)
{
	int64_t made;

	if (!seal_read(&g->token_key, "token", "", token, &made) ||
	    made <= g->token_taken || made > now + MINUTE ||
	    now - made > GUARD_TOKEN_FOR) {
		guard_no(v, 403,
		    "This address was used before, or is older than five minutes: `postmeterctl web` prints a new one.");
		return;
	}
	if (seal_write(&g->key, "cookie", "", now + GUARD_COOKIE_FOR,
		v->cookie) == -1) {
		guard_no(v, 503, "Memory is out.");
		return;
	}
	g->token_taken = made;
	guard_no(v, 303, "logged in");
}

void
guard_judge(struct guard *g, const struct web_request *rq,
    const struct form *query, int64_t now, struct guard_verdict *v_r)
{
	const char *token = form_get(query, "token");

	memset(v_r, 0, sizeof(*v_r));
	guard_framing(rq, v_r);
	guard_host(g, rq, v_r);
	guard_origin(rq, v_r);
	if (v_r->status != 0)
		return;
	if (g->rules.door == WEB_PROXY) {
		guard_proxy_user(rq, v_r);
		return;
	}
	if (token != NULL && !is_post(rq))
		guard_take_token(g, token, now, v_r);
	else if (!has_cookie(g, rq, now))
		guard_no(v_r, 403,
		    "Nobody is logged in: open the address that `postmeterctl web` prints.");
	else
		snprintf(v_r->who, sizeof(v_r->who), "%s", GUARD_OPERATOR);
}

int
guard_form_token(
    const struct guard *g, const char *who, int64_t now, char *text)
{
	return seal_write(&g->key, "form", who, now / HOUR, text);
}

bool
guard_form(
    const struct guard *g, const struct form *f, const char *who, int64_t now)
{
	const char *token = form_get(f, "token");
	int64_t hour;

	return token != NULL && seal_read(&g->key, "form", who, token, &hour) &&
	       (hour == now / HOUR || hour == now / HOUR - 1);
}
