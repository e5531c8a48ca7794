/*
 * provider.c - a provider of few words that has accidents: what it was given it
 * writes down, with the time, and then it may refuse, put off or cut off.
 *
 *   provider ADDRESS CERTIFICATE KEY LOG PERMILLE
 *
 * Of a thousand sessions PERMILLE have an accident, each kind as often.  A line
 * of LOG a transaction: milliseconds, account, what became of it, recipients;
 * written before the reply is, for then it counts.  "taken": it has a copy for
 * each recipient.  "unanswered": its quota counts it, its client never heard.
 * "cut", "later", "refused": it counts nothing.  A recipient that begins with
 * "gone" does not exist.
 */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum accident {
	NONE,
	CUT_GREETING,
	CUT_EHLO,
	CUT_AUTH,
	CUT_MAIL,
	CUT_RCPT,
	CUT_DATA,
	CUT_BODY,
	CUT_DOT, /* taken, and unanswered */
	LATER_MAIL,
	LATER_RCPT,
	LATER_DATA,
	LATER_DOT,
	NO_DOT,
	SLOW_DOT,
	ACCIDENTS
};

static SSL_CTX *tls;
static FILE *ledger;
static unsigned permille;

struct session {
	int fd;
	SSL *ssl; /* NULL: not yet */
	enum accident accident;
	size_t n; /* bytes that are read and not used */
	char bytes[8192];
	char account[300];
	char rcpts[4096];
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* draw - a number below n */
static unsigned
draw(unsigned n)
{
	unsigned r = 0;

	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		die("getrandom");
	return r % n;
}

static void
note(const struct session *s, const char *what)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(ledger, "%lld %s %s %s\n",
	    (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, s->account,
	    what, s->rcpts[0] != '\0' ? s->rcpts : "-");
	fflush(ledger);
}

static bool
say(struct session *s, const char *text)
{
	const int n = (int)strlen(text);

	return s->ssl != NULL ? SSL_write(s->ssl, text, n) == n
			      : send(s->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* hear - the next line, without its end; false if there is none */
static bool
hear(struct session *s, char *line, size_t size)
{
	char *end;

	while ((end = memmem(s->bytes, s->n, "\r\n", 2)) == NULL) {
		const size_t room = sizeof(s->bytes) - s->n;
		const ssize_t got =
		    s->ssl != NULL
			? SSL_read(s->ssl, s->bytes + s->n, (int)room)
			: read(s->fd, s->bytes + s->n, room);

		if (got <= 0 || room == 0)
			return false;
		s->n += (size_t)got;
	}
	snprintf(line, size, "%.*s", (int)(end - s->bytes), s->bytes);
	s->n -= (size_t)(end + 2 - s->bytes);
	memmove(s->bytes, end + 2, s->n);
	return true;
}

/* login - whose "AUTH PLAIN" is it? */
static bool
login(struct session *s, const char *base64)
{
	unsigned char text[300] = "";

	if (strlen(base64) > 320 ||
	    EVP_DecodeBlock(
		text, (const unsigned char *)base64, (int)strlen(base64)) < 3)
		return false;
	snprintf(s->account, sizeof(s->account), "%s", (char *)text + 1);
	return true;
}

/* recipient - takes it down; the reply */
static const char *
recipient(struct session *s, const char *address)
{
	const size_t len = strcspn(address, ">");
	const size_t used = strlen(s->rcpts);

	if (strncmp(address, "gone", 4) == 0) {
		char all[sizeof(s->rcpts)];

		memcpy(all, s->rcpts, sizeof(all));
		snprintf(s->rcpts, sizeof(s->rcpts), "%.*s", (int)len, address);
		note(s, "refused");
		memcpy(s->rcpts, all, sizeof(all));
		return "550 5.1.1 no such user here\r\n";
	}
	if (used + len + 2 > sizeof(s->rcpts))
		return "452 4.5.3 too many\r\n";
	sprintf(
	    s->rcpts + used, "%s%.*s", used > 0 ? "," : "", (int)len, address);
	return "250 2.1.5 ok\r\n";
}

/* body - up to the dot, and what comes then; false: hung up */
static bool
body(struct session *s)
{
	char line[4096];

	if (!say(s, "354 go on\r\n"))
		return false;
	do {
		if (s->accident == CUT_BODY || !hear(s, line, sizeof(line))) {
			note(s, "cut");
			return false;
		}
	} while (strcmp(line, ".") != 0);
	if (s->accident == SLOW_DOT)
		usleep(draw(3000) * 1000);
	if (s->accident == CUT_DOT) {
		note(s, "unanswered");
		return false;
	}
	if (s->accident == LATER_DOT) {
		note(s, "later");
		return say(s, "451 4.3.0 something is wrong here\r\n");
	}
	if (s->accident == NO_DOT) {
		note(s, "refused");
		return say(s, "554 5.6.0 we do not like what it says\r\n");
	}
	note(s, "taken");
	return say(s, "250 2.0.0 ok\r\n");
}

/* stumbles - an accident at that place, cut or put off; *go_on: may it? */
static bool
stumbles(struct session *s, enum accident cut, enum accident later, bool *go_on)
{
	if (s->accident == cut) {
		note(s, "cut");
		*go_on = false;
	} else if (later != NONE && s->accident == later) {
		*go_on = say(s, "450 4.2.0 not now\r\n");
	} else {
		return false;
	}
	return true;
}

static bool
starttls(struct session *s)
{
	if (!say(s, "220 2.0.0 go on\r\n"))
		return false;
	s->ssl = SSL_new(tls);
	s->n = 0;
	return s->ssl != NULL && SSL_set_fd(s->ssl, s->fd) == 1 &&
	       SSL_accept(s->ssl) == 1;
}

/* obey - one command; false: it is over */
static bool
obey(struct session *s, const char *line)
{
	bool go_on = true;

	if (strncasecmp(line, "EHLO", 4) == 0)
		return s->accident != CUT_EHLO &&
		       say(s,
			   s->ssl != NULL
			       ? "250-provider\r\n250-AUTH PLAIN\r\n250 ENHANCEDSTATUSCODES\r\n"
			       : "250-provider\r\n250 STARTTLS\r\n");
	if (strcasecmp(line, "STARTTLS") == 0)
		return starttls(s);
	if (strncasecmp(line, "AUTH PLAIN ", 11) == 0)
		return s->accident != CUT_AUTH && login(s, line + 11) &&
		       say(s, "235 2.7.0 ok\r\n");
	if (strncasecmp(line, "MAIL FROM:", 10) == 0) {
		s->rcpts[0] = '\0';
		if (stumbles(s, CUT_MAIL, LATER_MAIL, &go_on))
			return go_on;
		return say(s, "250 2.1.0 ok\r\n");
	}
	if (strncasecmp(line, "RCPT TO:<", 9) == 0) {
		if (stumbles(s, CUT_RCPT, LATER_RCPT, &go_on))
			return go_on;
		return say(s, recipient(s, line + 9));
	}
	if (strcasecmp(line, "DATA") == 0) {
		if (stumbles(s, CUT_DATA, LATER_DATA, &go_on))
			return go_on;
		return s->rcpts[0] != '\0' ? body(s)
					   : say(s, "554 5.5.1 nobody\r\n");
	}
	if (strcasecmp(line, "RSET") == 0)
		return say(s, "250 2.0.0 ok\r\n");
	(void)say(s, "221 2.0.0 bye\r\n");
	return false;
}

static void *
serve(void *arg)
{
	struct session *s = arg;
	char line[4096];

	if (draw(1000) < permille)
		s->accident = 1 + draw(ACCIDENTS - 1);
	if (s->accident != CUT_GREETING && say(s, "220 provider ESMTP\r\n"))
		while (hear(s, line, sizeof(line)) && obey(s, line))
			;
	SSL_free(s->ssl);
	close(s->fd);
	free(s);
	return NULL;
}

static int
listening(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(587) };
	const int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	if (fd == -1 || inet_pton(AF_INET, address, &in.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == -1 ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    listen(fd, 100) == -1)
		die(address);
	return fd;
}

int
main(int argc, char **argv)
{
	pthread_t thread;
	int fd;

	if (argc != 6) {
		fputs("usage: provider ADDRESS CERTIFICATE KEY LOG PERMILLE\n",
		    stderr);
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	permille = (unsigned)strtoul(argv[5], NULL, 10);
	ledger = fopen(argv[4], "a");
	tls = SSL_CTX_new(TLS_server_method());
	if (ledger == NULL || tls == NULL ||
	    SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1)
		die("provider");
	fd = listening(argv[1]);
	for (;;) {
		struct session *s = calloc(1, sizeof(*s));

		if (s == NULL || (s->fd = accept(fd, NULL, NULL)) == -1)
			die("accept");
		if (pthread_create(&thread, NULL, serve, s) != 0)
			die("thread");
		pthread_detach(thread);
	}
}
