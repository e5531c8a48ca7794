/*
 * import_msmtp.c - an msmtprc: accounts, each with what "defaults" said last.
 */
#include <stdlib.h>
#include <string.h>

#include "import.h"

struct account {
	char host[256], user[256], password[512], from[256], port[8];
	bool starttls, tls, evaluated;
};

static void
msmtp_set(char *dst, size_t size, const char *value)
{
	const size_t n = strlen(value);
	const bool quoted = n >= 2 && value[0] == '"' && value[n - 1] == '"';

	snprintf(dst, size, "%.*s", (int)(quoted ? n - 2 : n),
	    value + (quoted ? 1 : 0));
}

static void
account_end(struct import *im, const char *where, struct account *a)
{
	unsigned port = !a->starttls ? 465 : 25;
	const char *name;

	if (a->host[0] == '\0')
		return;
	if (a->port[0] != '\0')
		port = (unsigned)strtoul(a->port, NULL, 10);
	if (!a->tls)
		import_left(
		    im, where, "%s: tls was off; ours is \"verify\"", a->host);
	if (a->evaluated)
		import_left(im, where,
		    "%s: passwordeval is not run: postmeterctl secret set",
		    a->host);
	name = import_smarthost(im, a->host, port, a->user,
	    a->password[0] != '\0' ? a->password : NULL);
	if (strpbrk(a->from, "*?[") != NULL)
		import_left(im, where, "from %s is a pattern", a->from);
	else
		import_rule(im, where,
		    a->from[0] != '\0' ? json_pack("{s:[s]}", "sender", a->from)
				       : json_object(),
		    json_array(), import_route(im, &name, 1));
	explicit_bzero(a->password, sizeof(a->password));
}

/* msmtp_note - one line of msmtprc */
static void
msmtp_note(struct account *a, const char *word, const char *value)
{
	const bool on = strcmp(value, "off") != 0;

	if (strcmp(word, "host") == 0)
		msmtp_set(a->host, sizeof(a->host), value);
	else if (strcmp(word, "port") == 0)
		msmtp_set(a->port, sizeof(a->port), value);
	else if (strcmp(word, "from") == 0)
		msmtp_set(a->from, sizeof(a->from), value);
	else if (strcmp(word, "user") == 0)
		msmtp_set(a->user, sizeof(a->user), value);
	else if (strcmp(word, "password") == 0)
		msmtp_set(a->password, sizeof(a->password), value);
	else if (strcmp(word, "passwordeval") == 0)
		a->evaluated = true;
	else if (strcmp(word, "tls") == 0)
		a->tls = on;
	else if (strcmp(word, "tls_starttls") == 0)
		a->starttls = on;
}

void
import_msmtp(struct import *im, const char *file, FILE *in)
{
	struct account defaults = { .starttls = true }, a = defaults;
	char *line = NULL, where[300];
	bool in_defaults = false;
	unsigned at = 0;
	size_t size = 0;

	snprintf(where, sizeof(where), "%s", file);
	while (getline(&line, &size, in) != -1) {
		char *word = line + strspn(line, " \t"), *value;

		at++;
		word[strcspn(word, "\r\n")] = '\0';
		if (word[0] == '#' || word[0] == '\0')
			continue;
		value = word + strcspn(word, " \t");
		if (*value != '\0')
			*value++ = '\0';
		value += strspn(value, " \t");
		if (strcmp(word, "defaults") != 0 &&
		    strcmp(word, "account") != 0) {
			msmtp_note(in_defaults ? &defaults : &a, word, value);
			continue;
		}
		account_end(im, where, &a);
		in_defaults = word[0] == 'd';
		a = defaults;
		snprintf(where, sizeof(where), "%s:%u", file, at);
		if (!in_defaults && strchr(value, ':') != NULL)
			import_left(im, where,
			    "account %s takes over from another", value);
	}
	account_end(im, where, &a);
	explicit_bzero(&defaults, sizeof(defaults));
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
}
