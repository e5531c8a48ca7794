/*
 * smtpd.c - a mail server of few words, to be probed.
 *
 * It is a process of its own, so that the prober's state and its own never
 * mix; what it saw comes back through shared memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpd.h"

#define DAY_SECONDS (24 * 60 * 60)

/* --- certificates -------------------------------------------------------- */

static void
extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
}

static X509 *
make(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer, long from,
    long to)
{
	static long serial = 1;
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	char san[80];

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(cert), from);
	X509_gmtime_adj(X509_getm_notAfter(cert), to);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(
	    cert, X509_get_subject_name(issuer == NULL ? cert : issuer));
	X509_set_pubkey(cert, key);
	snprintf(san, sizeof(san), "DNS:%s", name);
	extend(cert, issuer == NULL ? cert : issuer, NID_subject_alt_name, san);
	if (strcmp(name, "authority") == 0)
		extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(cert, signer, EVP_sha256()) > 0);
	return cert;
}

static void
save(const char *directory, const char *name, X509 *cert, EVP_PKEY *key)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.pem", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	PEM_write_X509(f, cert);
	if (key != NULL)
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(cert);
}

void
smtpd_certificates(const char *directory)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	const long soon = DAY_SECONDS, past = -DAY_SECONDS;
	X509 *ca = make("authority", ca_key, NULL, ca_key, past, soon);

	save(
	    directory, "0", make(SMTPD_NAME, key, ca, ca_key, past, soon), key);
	save(directory, "1", make(SMTPD_NAME, key, NULL, key, past, soon), key);
	save(directory, "2", make("other.example", key, ca, ca_key, past, soon),
	    key);
	save(directory, "3", make(SMTPD_NAME, key, ca, ca_key, 2 * past, past),
	    key);
	save(directory, "ca", ca, NULL);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

/* --- the server's side of a talk ----------------------------------------- */

struct session {
	const struct scene *scene;
	struct witness *saw;
	const char *directory;
	int fd;
	SSL *ssl;
};

static void
say(struct session *s, const char *line)
{
	char text[600];
	const int n = snprintf(text, sizeof(text), "%s\r\n", line);

	if (s->ssl != NULL)
		SSL_write(s->ssl, text, n);
	else if (write(s->fd, text, (size_t)n) != n)
		_exit(1);
}

/* hear - one line without its end; false at the end */
static bool
hear(struct session *s, char *line, size_t size)
{
	size_t n = 0, all = strlen(s->saw->received);
	char c;

	for (;;) {
		if ((s->ssl != NULL ? SSL_read(s->ssl, &c, 1)
				    : (int)read(s->fd, &c, 1)) != 1)
			return false;
		if (all + 1 < sizeof(s->saw->received))
			s->saw->received[all++] = c;
		if (c == '\n') {
			line[n] = '\0';
			return true;
		}
		if (c != '\r' && n + 1 < size)
			line[n++] = c;
	}
}

static void
start_tls(struct session *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char path[300];

	snprintf(
	    path, sizeof(path), "%s/%d.pem", s->directory, (int)s->scene->cert);
	SSL_CTX_use_certificate_chain_file(ctx, path);
	SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM);
	s->ssl = SSL_new(ctx);
	SSL_set_fd(s->ssl, s->fd);
	if (SSL_accept(s->ssl) != 1)
		_exit(0);
}

static const char * or (const char *given, const char *usual)
{
	return given != NULL ? given : usual;
}

static void
greet_back(struct session *s)
{
	const char *auth = or (s->scene->auth, "PLAIN LOGIN");
	char line[100];

	say(s, "250-" SMTPD_NAME);
	if (auth[0] != '\0') { /* in clear, too: it may be tempting */
		snprintf(line, sizeof(line), "250-AUTH %s", auth);
		say(s, line);
	}
	if (s->ssl == NULL && !s->scene->no_starttls)
		say(s, "250-STARTTLS");
	say(s, "250 HELP");
}

static bool
is(const char *line, const char *command)
{
	return strncasecmp(line, command, strlen(command)) == 0;
}

static void
take_login(struct session *s, const char *mechanism)
{
	char line[600];

	s->saw->auth++;
	s->saw->clear_auth += s->ssl == NULL;
	if (is(mechanism, "LOGIN")) { /* asks for the username first */
		say(s, "334 VXNlcm5hbWU6");
		hear(s, line, sizeof(line));
	}
	say(s, "334 ");
	if (hear(s, line, sizeof(line)))
		say(s, or (s->scene->auth_reply, "235 2.7.0 welcome"));
}

static void
take_mail(struct session *s)
{
	char line[600];

	say(s, "354 go on");
	while (hear(s, line, sizeof(line)) && strcmp(line, ".") != 0) {
		const size_t n = strlen(s->saw->mail);

		snprintf(
		    s->saw->mail + n, sizeof(s->saw->mail) - n, "%s\n", line);
	}
	s->saw->mails++;
	say(s, "250 2.0.0 queued as 4711");
}

static void
converse(struct session *s)
{
	char line[600];

	if (s->scene->silent)
		for (;;)
			pause();
	if (s->scene->implicit)
		start_tls(s);
	say(s, or (s->scene->greeting, "220 " SMTPD_NAME " ESMTP"));
	while (hear(s, line, sizeof(line))) {
		if (is(line, "EHLO"))
			greet_back(s);
		else if (is(line, "STARTTLS")) {
			say(s, "220 go on");
			start_tls(s);
		} else if (is(line, "AUTH"))
			take_login(s, line + 5);
		else if (is(line, "MAIL"))
			say(s, or (s->scene->mail_reply, "250 2.1.0 ok"));
		else if (is(line, "DATA"))
			take_mail(s);
		else if (is(line, "QUIT")) {
			say(s, or (s->scene->quit_reply, "221 2.0.0 bye"));
			return;
		} else
			say(s, "250 2.0.0 ok");
	}
}

void
smtpd_start(struct smtpd *s, const char *directory, const struct scene *scene)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	snprintf(s->address, sizeof(s->address), "127.0.0.1:%u",
	    (unsigned)ntohs(sin.sin_port));
	s->saw = mmap(NULL, sizeof(*s->saw), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s->saw, MAP_FAILED);
	s->pid = fork();
	if (s->pid == 0) {
		struct session session = {
			.scene = scene, .saw = s->saw, .directory = directory
		};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		session.fd = accept(fd, NULL, NULL);
		converse(&session);
		_exit(0);
	}
	assert_true(s->pid > 0);
	close(fd);
}

void
smtpd_stop(struct smtpd *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->saw, sizeof(*s->saw));
}
