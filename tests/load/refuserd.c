/*
 * refuserd.c - a provider that refuses logins: refuserd ADDRESS PORT CERT KEY
 * DIR.
 *
 * Speaks SMTP with STARTTLS, a process a connection.  DIR/offers has the
 * mechanisms that it names behind TLS, empty: none.  DIR/login is "yes", or
 * each AUTH gets 535.  Who is not logged in gets 530 at the command that DIR/at
 * names, MAIL or RCPT.  All are read anew at each connection.  Each AUTH is a
 * line in DIR/logins, each message with its recipients one in DIR/took.  Ends
 * with its parent's signal.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/ssl.h>

struct talk {
	int fd;
	SSL *ssl; /* NULL: in clear */
	const char *dir;
	char offers[200], login[8], at[8];
	bool in;
	char line[4096], rcpts[4096];
};

/* word - the first line of dir/name */
static void
word(const char *dir, const char *name, char *dst, size_t size)
{
	char path[512];
	FILE *f;

	dst[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "r")) == NULL)
		return;
	if (fgets(dst, (int)size, f) == NULL)
		dst[0] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
	fclose(f);
}

/* note - a line of dir/name, whole even if others write there */
static void
note(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "a")) == NULL)
		return;
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void
say(struct talk *t, const char *text)
{
	char out[512];
	int n = snprintf(out, sizeof(out), "%s\r\n", text);

	if (t->ssl != NULL)
		(void)SSL_write(t->ssl, out, n);
	else
		(void)send(t->fd, out, (size_t)n, MSG_NOSIGNAL);
}

/* hear - a line into t->line; false: they hung up */
static bool
hear(struct talk *t)
{
	size_t len = 0;
	char c;

	for (;;) {
		int n = t->ssl != NULL ? SSL_read(t->ssl, &c, 1)
				       : (int)recv(t->fd, &c, 1, 0);

		if (n <= 0)
			return false;
		if (c == '\n')
			break;
		if (c != '\r' && len < sizeof(t->line) - 1)
			t->line[len++] = c;
	}
	t->line[len] = '\0';
	return true;
}

static bool
is(const struct talk *t, const char *command)
{
	return strncasecmp(t->line, command, strlen(command)) == 0;
}

static void
hello(struct talk *t)
{
	char text[300];

	say(t, "250-refuserd");
	if (t->ssl != NULL && t->offers[0] != '\0') {
		snprintf(text, sizeof(text), "250-AUTH %s", t->offers);
		say(t, text);
	}
	say(t, t->ssl == NULL ? "250 STARTTLS" : "250 8BITMIME");
}

/* log_in - whatever mechanism; its second line, too, if it has one */
static bool
log_in(struct talk *t)
{
	note(t->dir, "logins", is(t, "AUTH PLAIN") ? "PLAIN" : "other");
	if (is(t, "AUTH LOGIN"))
		for (int i = 0; i < 2; i++) {
			say(t,
			    i == 0 ? "334 VXNlcm5hbWU6" : "334 UGFzc3dvcmQ6");
			if (!hear(t))
				return false;
		}
	t->in = strcmp(t->login, "yes") == 0;
	say(t, t->in ? "235 2.7.0 welcome"
		     : "535 5.7.8 Username and Password not accepted");
	return true;
}

/* message - what follows DATA, and its end */
static bool
message(struct talk *t)
{
	say(t, "354 go on");
	do {
		if (!hear(t))
			return false;
	} while (strcmp(t->line, ".") != 0);
	note(t->dir, "took", t->rcpts);
	t->rcpts[0] = '\0';
	say(t, "250 2.0.0 taken");
	return true;
}

static bool
answer(struct talk *t)
{
	const bool mail = is(t, "MAIL"), rcpt = is(t, "RCPT");
	const size_t len = strlen(t->rcpts);

	if (is(t, "EHLO"))
		hello(t);
	else if (is(t, "AUTH"))
		return log_in(t);
	else if (!t->in && ((mail && strcmp(t->at, "MAIL") == 0) ||
			       (rcpt && strcmp(t->at, "RCPT") == 0)))
		say(t, "530 5.7.0 Authentication Required");
	else if (is(t, "DATA"))
		return message(t);
	else if (is(t, "QUIT"))
		say(t, "221 2.0.0 bye");
	else
		say(t, "250 2.0.0 ok");
	if (rcpt)
		snprintf(t->rcpts + len, sizeof(t->rcpts) - len, "%.1000s ",
		    t->line + 8);
	return !is(t, "QUIT");
}

static void
serve(struct talk *t, SSL_CTX *ctx)
{
	word(t->dir, "offers", t->offers, sizeof(t->offers));
	word(t->dir, "login", t->login, sizeof(t->login));
	word(t->dir, "at", t->at, sizeof(t->at));
	say(t, "220 refuserd ESMTP");
	while (hear(t)) {
		if (t->ssl == NULL && is(t, "STARTTLS")) {
			say(t, "220 2.0.0 go on");
			t->ssl = SSL_new(ctx);
			if (SSL_set_fd(t->ssl, t->fd) != 1 ||
			    SSL_accept(t->ssl) != 1)
				return;
		} else if (!answer(t)) {
			return;
		}
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 6 || ctx == NULL || fd == -1)
		return 64;
	sa.sin_port = htons((uint16_t)atoi(argv[2]));
	if (inet_pton(AF_INET, argv[1], &sa.sin_addr) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    listen(fd, 64) == -1)
		return 1;
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct talk t = { .fd = accept(fd, NULL, NULL),
			.dir = argv[5] };

		if (t.fd == -1)
			continue;
		/* Short lines that wait for nothing. */
		(void)setsockopt(
		    t.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (fork() == 0) {
			serve(&t, ctx);
			_exit(0);
		}
		close(t.fd);
	}
}
