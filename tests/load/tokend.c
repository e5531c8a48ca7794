/*
 * tokend.c - a token server of few words: tokend ADDRESS PORT PEM DIR.
 *
 * Speaks HTTPS with the key and certificate in PEM.  Request N is answered by
 * DIR/answer.N if that is there, else by DIR/answer: a line with the HTTP
 * status and the body, in which @N@ stands for N; or one of the words
 *
 *   slow     takes the request and says nothing
 *   garbage  bytes that are no HTTP
 *   close    hangs up
 *
 * Each form is a line in DIR/asked.  Ends with its parent's signal.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/ssl.h>

static char request[65536], answer[65536], body[65536];

/* hear - a whole request; where its body begins, NULL if none came */
static char *
hear(SSL *ssl)
{
	size_t len = 0;

	while (len < sizeof(request) - 1) {
		int n = SSL_read(
		    ssl, request + len, (int)(sizeof(request) - 1 - len));
		char *end, *size;

		if (n <= 0)
			return NULL;
		len += (size_t)n;
		request[len] = '\0';
		end = strstr(request, "\r\n\r\n");
		size = strcasestr(request, "\r\nContent-Length:");
		if (end == NULL || size == NULL)
			continue;
		if (strlen(end + 4) >= strtoul(size + 17, NULL, 10))
			return end + 4;
	}
	return NULL;
}

/* load - the answer to request n, @N@ replaced; 0, or -1 if there is none */
static int
load(const char *dir, int n)
{
	char path[512], number[16], *at;
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "%s/answer.%d", dir, n);
	if ((f = fopen(path, "r")) == NULL) {
		snprintf(path, sizeof(path), "%s/answer", dir);
		f = fopen(path, "r");
	}
	if (f == NULL)
		return -1;
	len = fread(body, 1, sizeof(body) - 1, f);
	body[len] = '\0';
	fclose(f);
	snprintf(number, sizeof(number), "%d", n);
	while ((at = strstr(body, "@N@")) != NULL) {
		char rest[sizeof(body)];

		snprintf(rest, sizeof(rest), "%s", at + 3);
		snprintf(at, sizeof(body) - (size_t)(at - body), "%s%s", number,
		    rest);
	}
	return 0;
}

static void
note(const char *dir, const char *form)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/asked", dir);
	if ((f = fopen(path, "a")) == NULL)
		return;
	fprintf(f, "%s\n", form);
	fclose(f);
}

static void
serve(SSL *ssl, const char *dir, int n)
{
	char *form = hear(ssl), *text;
	int len;

	if (form == NULL)
		return;
	note(dir, form);
	if (load(dir, n) == -1 || strncmp(body, "close", 5) == 0)
		return;
	if (strncmp(body, "slow", 4) == 0) {
		sleep(30);
		return;
	}
	if (strncmp(body, "garbage", 7) == 0) {
		SSL_write(ssl, "\001\002 no HTTP at all\n", 18);
		return;
	}
	text = strchr(body, '\n');
	text = text == NULL ? body + strlen(body) : text + 1;
	len = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 %ld x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
	    strtol(body, NULL, 10), strlen(text), text);
	SSL_write(ssl, answer, len);
	SSL_shutdown(ssl);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int one = 1, fd, n = 0;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &sin.sin_addr) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	sin.sin_port = htons((uint16_t)atoi(argv[2]));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 16) == -1)
		return 71;
	for (;;) {
		int peer = accept(fd, NULL, NULL);
		SSL *ssl = SSL_new(ctx);

		SSL_set_fd(ssl, peer);
		if (SSL_accept(ssl) == 1)
			serve(ssl, argv[4], ++n);
		SSL_free(ssl);
		close(peer);
	}
}
