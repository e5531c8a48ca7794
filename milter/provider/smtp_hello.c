/*
 * smtp_hello.c - does a mail server say hello?
 *
 * Whatever this machine cannot do, for want of a network, a name server or a
 * permission, is no illness of the server's.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "escape.h"
#include "net_deadline.h"
#include "smtp_hello.h"

#define IMPLICIT_TLS 465
#define TALK_LARGEST 8192 /* bytes of one answer */

struct talk {
	int fd;
	int64_t deadline; /* of the steady clock */
	char line[512];   /* the last one, cut if longer */
	size_t len, total;
	struct why *why;
};

/* --- connecting ---------------------------------------------------------- */

/* smtp_hello_is_ours - does the error speak of this machine, not of the server?
 */
static bool
smtp_hello_is_ours(int error)
{
	switch (error) {
	case EACCES:
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENETDOWN:
	case ENETUNREACH:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EPERM:
		return true;
	default:
		return false;
	}
}

/* connect_any - to the first address that answers */
static enum greeting
connect_any(struct talk *t, const struct addrinfo *all)
{
	int error = ENETUNREACH;
	bool theirs = false;

	for (const struct addrinfo *ai = all; ai != NULL; ai = ai->ai_next) {
		int e;

		t->fd = net_connect(ai->ai_addr, ai->ai_addrlen, t->deadline);
		if (t->fd != -1)
			return GREETING_GOOD;
		e = errno;
		if (!smtp_hello_is_ours(e) || !theirs)
			error = e;
		theirs |= !smtp_hello_is_ours(e);
	}
	why_set(t->why, "connect: %s", strerror(error));
	return theirs ? GREETING_BAD : GREETING_UNKNOWN;
}

static enum greeting
look_up(
    struct talk *t, const char *host, uint16_t port, struct addrinfo **all_r)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", (unsigned)port);
	rc = getaddrinfo(host, service, &hints, all_r);
	if (rc == 0)
		return GREETING_GOOD;
	why_set(t->why, "name lookup: %s", gai_strerror(rc));
	return rc == EAI_NONAME ? GREETING_BAD : GREETING_UNKNOWN;
}

/* --- talking ------------------------------------------------------------- */

/* smtp_hello_read_line - the next line without its end; -1: none came */
static int
smtp_hello_read_line(struct talk *t)
{
	char c;

	t->len = 0;
	while (t->total++ < TALK_LARGEST) {
		const ssize_t n = read(t->fd, &c, 1);

		if (n == 0)
			errno = ECONNRESET;
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
			return -1;
		if (n == -1) {
			t->total--;
			if (net_wait(t->fd, POLLIN, t->deadline) == -1)
				return -1;
		} else if (c == '\n') {
			t->line[t->len] = '\0';
			return 0;
		} else if (c != '\r' && t->len < sizeof(t->line) - 1) {
			t->line[t->len++] = c;
		}
	}
	errno = EMSGSIZE;
	return -1;
}

/* expect - a whole answer that begins with code */
static bool
expect(struct talk *t, const char *step, const char *code)
{
	char said[100];

	t->total = 0;
	do {
		if (smtp_hello_read_line(t) == -1) {
			why_set(t->why, "%s: %s", step, strerror(errno));
			return false;
		}
	} while (t->len > 3 && t->line[3] == '-');
	if (strncmp(t->line, code, 3) == 0)
		return true;
	why_set(
	    t->why, "%s: %s", step, escape_str(said, sizeof(said), t->line));
	return false;
}

/* smtp_hello_say - a short line fits into any socket's buffer */
static void
smtp_hello_say(const struct talk *t, const char *line)
{
	(void)send(t->fd, line, strlen(line), MSG_NOSIGNAL);
}

static enum greeting
smtp_hello_converse(struct talk *t)
{
	char name[256] = "localhost", ehlo[300];

	(void)gethostname(name, sizeof(name) - 1);
	if (!expect(t, "greeting", "220"))
		return GREETING_BAD;
	snprintf(ehlo, sizeof(ehlo), "EHLO %s\r\n", name);
	smtp_hello_say(t, ehlo);
	if (!expect(t, "EHLO", "250"))
		return GREETING_BAD;
	smtp_hello_say(t, "QUIT\r\n");
	return GREETING_GOOD;
}

enum greeting
smtp_hello(const char *host, uint16_t port, int64_t timeout, struct why *why)
{
	struct talk t = { .fd = -1, .why = why };
	struct addrinfo *all = NULL;
	enum greeting g = look_up(&t, host, port, &all);

	if (g == GREETING_GOOD)
		*why = WHY_NONE;
	t.deadline = clock_steady() + timeout;
	if (g == GREETING_GOOD)
		g = connect_any(&t, all);
	if (g == GREETING_GOOD && port != IMPLICIT_TLS)
		g = smtp_hello_converse(&t);
	if (t.fd != -1)
		close(t.fd);
	if (all != NULL)
		freeaddrinfo(all);
	return g;
}
