/*
 * smtp_dialog.c - SMTP (RFC 5321) and STARTTLS (RFC 3207) from the client's
 * side, as far as RSET.
 */
#include "smtp_dialog.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "clock.h"
#include "net_deadline.h"

#define PATIENCE 15 /* seconds for one reply: postscreen greets after six */
#define LINE_LONGEST 1000

struct smtp_dialog {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl; /* NULL: in clear */
	char buf[2048];
	size_t at, len;
	bool starttls; /* EHLO said so */
};

static int
smtp_dialog_dial(const char *host, const char *port, char *dst, size_t size)
{
	const struct addrinfo hint = { .ai_socktype = SOCK_STREAM };
	const struct timeval patience = { .tv_sec = PATIENCE };
	struct addrinfo *list = NULL, *ai;
	int fd = -1;
	const int r = getaddrinfo(host, port, &hint, &list);

	if (r != 0) {
		snprintf(dst, size, "%s", gai_strerror(r));
		return -1;
	}
	for (ai = list; ai != NULL && fd == -1; ai = ai->ai_next) {
		fd = net_connect(ai->ai_addr, ai->ai_addrlen,
		    clock_steady() + PATIENCE * SECOND);
		if (fd == -1) {
			snprintf(dst, size, "%m");
			continue;
		}
		/* From here on OpenSSL waits. */
		(void)fcntl(fd, F_SETFL, 0);
		setsockopt(
		    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(
		    fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	freeaddrinfo(list);
	return fd;
}

static int
start_tls(struct smtp_dialog *d)
{
	d->ctx = SSL_CTX_new(TLS_client_method());
	d->ssl = d->ctx != NULL ? SSL_new(d->ctx) : NULL;
	return d->ssl != NULL && SSL_set_fd(d->ssl, d->fd) == 1 &&
		       SSL_connect(d->ssl) == 1
		   ? 0
		   : -1;
}

/* smtp_dialog_get - one byte; -1 at the end */
static int
smtp_dialog_get(struct smtp_dialog *d)
{
	if (d->at == d->len) {
		const ssize_t n = d->ssl != NULL
				      ? SSL_read(d->ssl, d->buf, sizeof(d->buf))
				      : recv(d->fd, d->buf, sizeof(d->buf), 0);

		if (n <= 0)
			return -1;
		d->at = 0;
		d->len = (size_t)n;
	}
	return (unsigned char)d->buf[d->at++];
}

/* hear - a reply of one or more lines: its code, its last line; -1 */
static int
hear(struct smtp_dialog *d, char *dst, size_t size)
{
	char line[LINE_LONGEST];

	do {
		size_t n = 0;
		int c;

		while ((c = smtp_dialog_get(d)) != '\n') {
			if (c == -1)
				return -1;
			if (c != '\r' && n + 1 < sizeof(line))
				line[n++] = (char)c;
		}
		line[n] = '\0';
		if (n >= 4 && strcasecmp(line + 4, "STARTTLS") == 0)
			d->starttls = true;
		if (n < 3)
			return -1;
	} while (line[3] == '-');
	snprintf(dst, size, "%s", line);
	return atoi(line);
}

int
smtp_dialog_say(
    struct smtp_dialog *d, const char *command, char *dst, size_t size)
{
	char line[LINE_LONGEST];
	const int n = snprintf(line, sizeof(line), "%s\r\n", command);
	const ssize_t sent = d->ssl != NULL
				 ? SSL_write(d->ssl, line, n)
				 : send(d->fd, line, (size_t)n, MSG_NOSIGNAL);

	snprintf(dst, size, "it hung up");
	return sent == n ? hear(d, dst, size) : -1;
}

struct smtp_dialog *
smtp_dialog_open(
    const char *host, const char *port, bool wrapped, char *dst, size_t size)
{
	struct smtp_dialog *d = calloc(1, sizeof(*d));
	int code = -1;

	if (d == NULL)
		return NULL;
	d->fd = smtp_dialog_dial(host, port, dst, size);
	if (d->fd != -1) {
		snprintf(dst, size, "it does not greet");
		if (!wrapped || start_tls(d) == 0)
			code = hear(d, dst, size);
	}
	if (code == 220)
		code = smtp_dialog_say(d, "EHLO localhost", dst, size);
	if (code == 250 && d->starttls && !wrapped) {
		code = smtp_dialog_say(d, "STARTTLS", dst, size);
		if (code == 220 && start_tls(d) == 0)
			code = smtp_dialog_say(d, "EHLO localhost", dst, size);
		else
			code = -1;
	}
	if (code != 250)
		smtp_dialog_close(&d);
	return d;
}

void
smtp_dialog_close(struct smtp_dialog **dp)
{
	struct smtp_dialog *d = *dp;
	char said[200];

	if (d == NULL)
		return;
	if (d->fd != -1) {
		smtp_dialog_say(d, "QUIT", said, sizeof(said));
		close(d->fd);
	}
	SSL_free(d->ssl);
	SSL_CTX_free(d->ctx);
	free(d);
	*dp = NULL;
}
