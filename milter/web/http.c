/*
 * http.c - the page's door: HTTP on a socket that listens.
 *
 * libmicrohttpd reads the head of a request and writes the answer; nothing
 * else of it is used.  Each connection carries one request and is closed: what
 * was put behind it is never read.
 */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http.h"

#define CONNECTIONS 128
#define TIMEOUT 10   /* s: for a request, and for each step of an answer */
#define MEMORY 16384 /* bytes of a connection: its head must fit */

struct http {
	struct MHD_Daemon *daemon;
	http_answer_fn *answer;
	void *arg;
};

/* A request, as far as it came. */
struct exchange {
	struct web_request rq;
	char *target;
	bool begun;
	char body[FORM_BYTES];
};

static const char *const headers[][2] = {
	{ "Content-Security-Policy",
	    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	/* "no-referrer" would make the Origin of our own forms "null". */
	{ "Referrer-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Connection", "close" },
};

/* on_target - what was asked for, before it is decoded */
static void *
on_target(void *arg, const char *target, struct MHD_Connection *conn)
{
	struct exchange *x = calloc(1, sizeof(*x));

	(void)arg;
	(void)conn;
	if (x != NULL && (x->target = strdup(target)) == NULL) {
		free(x);
		return NULL;
	}
	return x;
}

static void
on_end(void *arg, struct MHD_Connection *conn, void **state,
    enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *state;

	(void)arg;
	(void)conn;
	(void)code;
	if (x == NULL)
		return;
	free(x->target);
	free(x);
	*state = NULL;
}

static enum MHD_Result
on_header(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct web_request *rq = arg;

	(void)kind;
	for (size_t i = 0; i < WEB_FIELDS; i++)
		if (strcasecmp(name, web_field_names[i]) == 0 &&
		    rq->field[i].n++ == 0)
			rq->field[i].text = value != NULL ? value : "";
	return MHD_YES;
}

static void
http_headers(struct MHD_Response *r, const struct web_response *rs)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		MHD_add_response_header(r, headers[i][0], headers[i][1]);
	MHD_add_response_header(
	    r, "Cache-Control", rs->lasting ? "max-age=86400" : "no-store");
	if (rs->type != NULL)
		MHD_add_response_header(r, "Content-Type", rs->type);
	if (rs->tag[0] != '\0')
		MHD_add_response_header(r, "ETag", rs->tag);
	if (rs->location[0] != '\0')
		MHD_add_response_header(r, "Location", rs->location);
	if (rs->cookie[0] != '\0')
		MHD_add_response_header(r, "Set-Cookie", rs->cookie);
	if (rs->status == 405)
		MHD_add_response_header(r, "Allow", "GET, HEAD, POST");
}

static enum MHD_Result
http_send(struct MHD_Connection *conn, struct web_response *rs)
{
	static char none[1];
	struct MHD_Response *r;
	enum MHD_Result sent;

	if (rs->body.failed) {
		html_free(&rs->body);
		return MHD_NO;
	}
	r = MHD_create_response_from_buffer(rs->body.len,
	    rs->body.p != NULL ? rs->body.p : none,
	    rs->body.p != NULL ? MHD_RESPMEM_MUST_FREE
			       : MHD_RESPMEM_PERSISTENT);
	if (r == NULL) {
		html_free(&rs->body);
		return MHD_NO;
	}
	http_headers(r, rs);
	sent = MHD_queue_response(conn, rs->status, r);
	MHD_destroy_response(r);
	return sent;
}

/* is_plain - can the rest of it be read without a doubt where it ends? */
static bool
is_plain(const struct web_request *rq)
{
	return rq->field[WEB_CONTENT_LENGTH].n <= 1 &&
	       rq->field[WEB_TRANSFER_ENCODING].n == 0;
}

static enum MHD_Result
/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's own signature */
on_request(void *arg, struct MHD_Connection *conn, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **state)
{
	struct http *h = arg;
	struct exchange *x = *state;
	struct web_response rs = { .status = 500 };

	(void)url;
	(void)version;
	if (x == NULL)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		x->rq.method = method;
		x->rq.target = x->target;
		x->rq.body = x->body;
		MHD_get_connection_values(
		    conn, MHD_HEADER_KIND, on_header, &x->rq);
		if (is_plain(&x->rq))
			return MHD_YES;
	} else if (*len > 0) {
		if (*len > sizeof(x->body) - x->rq.body_len) {
			x->rq.body_too_long = true;
		} else {
			memcpy(x->body + x->rq.body_len, data, *len);
			x->rq.body_len += *len;
		}
		*len = 0;
		return MHD_YES;
	}
	h->answer(h->arg, &x->rq, &rs);
	return http_send(conn, &rs);
}

struct http *
http_start(int fd, http_answer_fn *answer, void *arg, struct why *why)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		why_set(why, "out of memory");
		close(fd);
		return NULL;
	}
	h->answer = answer;
	h->arg = arg;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL,
	    NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (h->daemon == NULL) {
		why_set(why, "the HTTP library cannot serve this socket");
		close(fd);
		free(h);
		return NULL;
	}
	return h;
}

void
http_stop(struct http **hp)
{
	struct http *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	MHD_stop_daemon(h->daemon);
	free(h);
}
