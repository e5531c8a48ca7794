/*
 * conn.c - one connection, non-blocking below and with a deadline above.
 *
 * What matters most of a failure is whether the server can have heard the
 * command.  It acts on whole commands only, so one that was not sent to its
 * last byte never happened once the connection is closed.
 */
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "net_deadline.h"

struct redis_conn {
	int fd;
	SSL *ssl; /* NULL: in clear */
	redisReader *reader;
};

/* What a step of input or output came to. */
enum step { STEP_DONE, STEP_WANTS_IN, STEP_WANTS_OUT, STEP_GONE };

static bool
redis_conn_wait_for(int fd, enum step want, int64_t deadline)
{
	return net_wait(
		   fd, want == STEP_WANTS_IN ? POLLIN : POLLOUT, deadline) == 0;
}

static enum step
tls_step(SSL *ssl, int rc)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return STEP_WANTS_IN;
	case SSL_ERROR_WANT_WRITE:
		return STEP_WANTS_OUT;
	default:
		return STEP_GONE;
	}
}

/* --- connecting --------------------------------------------------------- */

static const char *
tls_reason(const SSL *ssl)
{
	long result = SSL_get_verify_result(ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (result != X509_V_OK)
		return X509_verify_cert_error_string(result);
	return reason != NULL ? reason : "no answer in time";
}

static bool
is_address(const char *name)
{
	return strchr(name, ':') != NULL ||
	       name[strspn(name, "0123456789.")] == '\0';
}

static bool
handshake(struct redis_conn *l, const struct redis_peer *peer, int64_t deadline,
    struct why *why)
{
	char name[sizeof(peer->name)]; /* OpenSSL's macro wants it writable */
	enum step step = STEP_WANTS_OUT;
	int rc;

	memcpy(name, peer->name, sizeof(name));
	ERR_clear_error();
	if ((l->ssl = SSL_new(peer->tls)) == NULL ||
	    SSL_set_fd(l->ssl, l->fd) != 1) {
		why_set(why, "%s: out of memory", peer->name);
		return false;
	}
	if (is_address(peer->name)) {
		rc = X509_VERIFY_PARAM_set1_ip_asc(
		    SSL_get0_param(l->ssl), peer->name);
	} else {
		rc = SSL_set1_host(l->ssl, peer->name) == 1 &&
		     SSL_set_tlsext_host_name(l->ssl, name) == 1;
	}
	while (rc == 1 && step != STEP_DONE) {
		int done = SSL_connect(l->ssl);

		step = done == 1 ? STEP_DONE : tls_step(l->ssl, done);
		if (step == STEP_GONE ||
		    (step != STEP_DONE &&
			!redis_conn_wait_for(l->fd, step, deadline)))
			break;
	}
	if (step == STEP_DONE)
		return true;
	why_set(why, "%s: TLS: %s", peer->name, tls_reason(l->ssl));
	return false;
}

struct redis_conn *
redis_conn_open(
    const struct redis_peer *peer, int64_t deadline, struct why *why)
{
	struct redis_conn *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->reader = redisReaderCreate()) == NULL) {
		free(l);
		why_set(why, "%s: out of memory", peer->name);
		return NULL;
	}
	l->fd = net_connect(
	    (const struct sockaddr *)&peer->addr, peer->len, deadline);
	if (l->fd == -1)
		why_set(why, "cannot connect to %s: %s", peer->name,
		    strerror(errno));
	if (l->fd == -1 ||
	    (peer->tls != NULL && !handshake(l, peer, deadline, why)))
		redis_conn_close(&l);
	return l;
}

void
redis_conn_close(struct redis_conn **lp)
{
	struct redis_conn *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	SSL_free(l->ssl);
	if (l->fd != -1)
		close(l->fd);
	redisReaderFree(l->reader);
	free(l);
}

bool
redis_conn_alive(const struct redis_conn *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 0;
}

/* --- asking ------------------------------------------------------------- */

static enum step
put_some(struct redis_conn *l, const char *bytes, size_t len, size_t *done)
{
	ssize_t n;

	if (l->ssl != NULL) {
		size_t put = 0;
		int rc;

		ERR_clear_error();
		rc = SSL_write_ex(l->ssl, bytes, len, &put);
		*done += put;
		return rc == 1 ? STEP_DONE : tls_step(l->ssl, rc);
	}
	n = send(l->fd, bytes, len, MSG_NOSIGNAL);
	if (n >= 0) {
		*done += (size_t)n;
		return STEP_DONE;
	}
	return errno == EAGAIN || errno == EINTR ? STEP_WANTS_OUT : STEP_GONE;
}

static bool
put_all(struct redis_conn *l, const char *bytes, size_t len, int64_t deadline)
{
	size_t done = 0;

	while (done < len) {
		enum step step = put_some(l, bytes + done, len - done, &done);

		if (step == STEP_GONE ||
		    (step != STEP_DONE &&
			!redis_conn_wait_for(l->fd, step, deadline)))
			return false;
	}
	return true;
}

static enum step
get_some(struct redis_conn *l)
{
	char bytes[16384];
	size_t len = 0;

	if (l->ssl != NULL) {
		int rc;

		ERR_clear_error();
		rc = SSL_read_ex(l->ssl, bytes, sizeof(bytes), &len);
		if (rc != 1)
			return tls_step(l->ssl, rc);
	} else {
		ssize_t n = recv(l->fd, bytes, sizeof(bytes), 0);

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return STEP_WANTS_IN;
		if (n <= 0)
			return STEP_GONE;
		len = (size_t)n;
	}
	return redisReaderFeed(l->reader, bytes, len) == REDIS_OK ? STEP_DONE
								  : STEP_GONE;
}

static redisReply *
get_reply(struct redis_conn *l, int64_t deadline, struct why *why)
{
	/* Nothing is there so soon; TLS may hold some back, though. */
	const enum step first = l->ssl == NULL ? STEP_WANTS_IN : STEP_DONE;
	enum step step = first;
	void *reply = NULL;

	while (redisReaderGetReply(l->reader, &reply) == REDIS_OK) {
		if (reply != NULL)
			return reply;
		if (step != STEP_DONE &&
		    !redis_conn_wait_for(l->fd, step, deadline)) {
			why_set(
			    why, "the store's server did not answer in time");
			return NULL;
		}
		step = get_some(l);
		if (step == STEP_GONE) {
			why_set(why, "the store's server hung up");
			return NULL;
		}
		if (step == STEP_DONE)
			step = first;
	}
	why_set(why, "the store's server does not speak Redis");
	return NULL;
}

/* --- a command, as RESP -------------------------------------------------- */

#define LENGTH_MAX 32 /* of "$123\r\n" */

static char *
put_length(char *p, char kind, size_t n)
{
	char digits[LENGTH_MAX], *d = digits + sizeof(digits);

	do
		*--d = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	*p++ = kind;
	p = mempcpy(p, d, (size_t)(digits + sizeof(digits) - d));
	return mempcpy(p, "\r\n", 2);
}

/*
 * To be freed.  hiredis prints each length with printf: of a charge that is
 * more work than all the rest of asking.
 */
static char *
format(const struct redis_command *c, size_t *size_r)
{
	size_t most = LENGTH_MAX;
	char *bytes, *p;

	for (int i = 0; i < c->argc; i++)
		most += LENGTH_MAX +
			(c->len == NULL ? strlen(c->argv[i]) : c->len[i]);
	if ((bytes = malloc(most)) == NULL)
		return NULL;
	p = put_length(bytes, '*', (size_t)c->argc);
	for (int i = 0; i < c->argc; i++) {
		size_t n = c->len == NULL ? strlen(c->argv[i]) : c->len[i];

		p = mempcpy(put_length(p, '$', n), c->argv[i], n);
		p = mempcpy(p, "\r\n", 2);
	}
	*size_r = (size_t)(p - bytes);
	return bytes;
}

enum redis_sent
redis_conn_ask(struct redis_conn *l, const struct redis_command *c,
    int64_t deadline, redisReply **reply_r, struct why *why)
{
	size_t n = 0;
	char *bytes = format(c, &n);
	bool sent;

	*reply_r = NULL;
	if (bytes == NULL) {
		why_set(why, "out of memory");
		return REDIS_UNSENT;
	}
	sent = put_all(l, bytes, n, deadline);
	explicit_bzero(bytes, n); /* it may be a password */
	free(bytes);
	if (!sent) {
		why_set(why, "the store's server does not take commands");
		return REDIS_UNSENT;
	}
	*reply_r = get_reply(l, deadline, why);
	return *reply_r != NULL ? REDIS_REPLIED : REDIS_UNSURE;
}
