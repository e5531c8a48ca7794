/*
 * sendmail_key.c - Sendmail's questions taken apart, and answers its rules
 * take.
 *
 * Sendmail glues a queue id, a sender and a recipient or server into one key,
 * and both addresses come from the net: whoever reads `"x<y><z"@a.test` at
 * its first bracket lets a recipient choose the sender.  And of its answers
 * some are worse than none: a mailer that it does not know bounces the mail,
 * a demand that it cannot read is taken as met.  So both are made here, where
 * a fuzzer and a table can reach them.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "sendmail_key.h"
#include "transaction.h"

/* A cipher of fewer bits is no encryption (RFC 3207 leaves it to us). */
#define CIPHER_BITS "112"

/* --- the key ------------------------------------------------------------- */

/* take_id - letters and digits up to the first bracket */
static bool
take_id(struct bytes *rest, struct bytes *id_r)
{
	size_t n = 0;

	while (n < rest->len && rest->p[n] != '<') {
		char c = rest->p[n++];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z')))
			return false;
	}
	*id_r = (struct bytes){ rest->p, n };
	rest->p += n;
	rest->len -= n;
	return n < TXN_QUEUE_ID;
}

/* take_path - "<...>" up to the bracket that is neither quoted nor escaped */
static bool
take_path(struct bytes *rest, struct bytes *path_r)
{
	bool quoted = false;

	if (rest->len == 0 || rest->p[0] != '<')
		return false;
	for (size_t i = 1; i < rest->len; i++) {
		switch (rest->p[i]) {
		case '\\':
			i++;
			break;
		case '"':
			quoted = !quoted;
			break;
		case '<':
			if (!quoted)
				return false;
			break;
		case '>':
			if (quoted)
				break;
			*path_r = (struct bytes){ rest->p + 1, i - 1 };
			rest->p += i + 1;
			rest->len -= i + 1;
			return true;
		default:
			break;
		}
	}
	return false;
}

bool
sendmail_parse(struct bytes key, struct sendmail_key *k_r)
{
	if (!take_id(&key, &k_r->id) || !take_path(&key, &k_r->sender) ||
	    !take_path(&key, &k_r->about))
		return false;
	k_r->rcpt = (struct bytes){ NULL, 0 };
	(void)take_path(&key, &k_r->rcpt);
	k_r->envid = key;
	return true;
}

static bool
bytes_is(struct bytes s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

bool
sendmail_is_mark(struct bytes envid)
{
	const size_t len = strlen(SENDMAIL_MARK);

	return envid.len == TXN_MARK - 1 &&
	       memcmp(envid.p, SENDMAIL_MARK, len) == 0;
}

bool
sendmail_is_notice(struct bytes sender)
{
	return sender.len == 0 || bytes_is(sender, "MAILER-DAEMON");
}

/* --- the server ---------------------------------------------------------- */

/* bare - without the brackets of an address literal, without the root dot */
static struct bytes
bare(struct bytes name)
{
	if (name.len >= 2 && name.p[0] == '[' && name.p[name.len - 1] == ']')
		return (struct bytes){ name.p + 1, name.len - 2 };
	if (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	return name;
}

/* sendmail_key_inside - does the server stand in the office? */
static bool
sendmail_key_inside(const struct config *conf, struct bytes server)
{
	struct netaddr addr;
	char text[NETADDR_TEXT];

	for (size_t i = 0; i < conf->local_domains.n; i++) {
		const char *domain = conf->local_domains.v[i];
		size_t len = strlen(domain);
		size_t at = server.len >= len ? server.len - len : 0;
		struct bytes tail = { server.p + at, server.len - at };

		if (bytes_is(tail, domain) &&
		    (at == 0 || server.p[at - 1] == '.'))
			return true;
	}
	if (server.len >= sizeof(text))
		return false;
	memcpy(text, server.p, server.len);
	text[server.len] = '\0';
	if (netaddr_parse(text, &addr) == -1)
		return false;
	for (size_t i = 0; i < conf->networks.n; i++)
		if (netprefix_has(&conf->networks.v[i], &addr))
			return true;
	return false;
}

/* is_host - is that the server of this smarthost? */
static bool
is_host(const struct smarthost *sh, struct bytes server)
{
	const struct bytes due =
	    bare((struct bytes){ sh->host, strlen(sh->host) });

	return server.len > 0 && server.len == due.len &&
	       strncasecmp(server.p, due.p, due.len) == 0;
}

enum sendmail_server
sendmail_server(
    const struct config *conf, const struct smarthost *sh, struct bytes server)
{
	server = bare(server);
	if (sh != NULL && is_host(sh, server))
		return SENDMAIL_DUE;
	for (size_t i = 0; i < conf->nsmarthost; i++)
		if (is_host(&conf->smarthost[i], server))
			return SENDMAIL_ASTRAY;
	if (sh == NULL)
		return SENDMAIL_OTHER;
	if (server.len > 0 && sendmail_key_inside(conf, server))
		return SENDMAIL_OTHER;
	return SENDMAIL_ASTRAY;
}

/* --- the answers --------------------------------------------------------- */

bool
sendmail_can(const struct smarthost *sh, struct why *why)
{
	/* The mailers that postmeter-b.m4 makes. */
	static const uint16_t mailers[] = { 25, 26, 587, 588, 2525, 2587 };

	if (sh->port == 465) {
		why_set(why,
		    "Sendmail has no implicit TLS as a client: use port 587 instead of 465");
		return false;
	}
	for (size_t i = 0; i < sizeof(mailers) / sizeof(mailers[0]); i++)
		if (sh->port == mailers[i])
			return true;
	why_set(why,
	    "Sendmail has no mailer for this port: use one of 25, 26, 587, 588, 2525, 2587");
	return false;
}

int
sendmail_route(const struct smarthost *sh, char *dst, size_t size)
{
	struct bytes host = bare((struct bytes){ sh->host, strlen(sh->host) });
	int n = snprintf(dst, size, "pm%u:[%.*s]", (unsigned)sh->port,
	    (int)host.len, host.p);

	return n > 0 && (size_t)n < size ? 0 : -1;
}

const char *
sendmail_tls(const struct smarthost *sh)
{
	switch (sh->tls) {
	case TLS_ENCRYPT:
		return "ENCR:" CIPHER_BITS;
	case TLS_VERIFY:
		break;
	}
	return "VERIFY:" CIPHER_BITS "+CN";
}

/* sendmail_key_put - name, value in base64, close; the bytes written, 0 if no
 * room */
static size_t
sendmail_key_put(char *dst, size_t size, const char *name, const char *value)
{
	size_t len = strlen(value), head = strlen(name);
	size_t body = (len + 2) / 3 * 4;

	if (len > SENDMAIL_VALUE || head + body + 3 > size)
		return 0;
	memcpy(dst, name, head);
	/* It ends in a NUL of its own, which the quote takes the place of. */
	EVP_EncodeBlock((unsigned char *)dst + head,
	    (const unsigned char *)value, (int)len);
	memcpy(dst + head + body, "\" ", 3);
	return head + body + 2;
}

int
sendmail_auth(const char *user, const char *password, const char *methods,
    char *dst, size_t size)
{
	const struct {
		const char *name, *value;
	} item[] = { { "\"U=", user }, { "\"I=", user }, { "\"P=", password } };
	size_t at = 0;

	for (size_t i = 0; i < sizeof(item) / sizeof(item[0]); i++) {
		size_t n = sendmail_key_put(
		    dst + at, size - at, item[i].name, item[i].value);

		if (n == 0)
			return -1;
		at += n;
	}
	return snprintf(dst + at, size - at, "\"M:%s\"", methods) <
		       (int)(size - at)
		   ? 0
		   : -1;
}
