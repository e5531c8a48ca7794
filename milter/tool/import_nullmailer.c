/*
 * import_nullmailer.c - nullmailer's remotes: smarthosts that are tried in
 * order, which is a route.
 */
#include <stdlib.h>
#include <string.h>

#include "import.h"

#define REMOTES_MAX 16

struct remote {
	char host[256], user[256], password[512];
	unsigned port;
	bool ssl, starttls, insecure, smtp;
};

/* next_word - the next of a line with the quotes of a shell, unquoted in
 * place; NULL at the end */
static char *
next_word(char **rest)
{
	char *from = *rest + strspn(*rest, " \t\r\n"), *to = from,
	     *start = from;
	char quote = '\0';

	if (*from == '\0')
		return NULL;
	for (; *from != '\0'; from++) {
		if (quote == '\0' && strchr(" \t\r\n", *from) != NULL)
			break;
		if (*from == quote)
			quote = '\0';
		else if (quote == '\0' && (*from == '"' || *from == '\''))
			quote = *from;
		else if (*from == '\\' && quote != '\'' && from[1] != '\0')
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*rest = *from != '\0' ? from + 1 : from;
	*to = '\0';
	return start;
}

/* option - of a remote; with or without dashes */
static void
option(struct remote *r, const char *text)
{
	text += strspn(text, "-");
	if (strncmp(text, "port=", 5) == 0)
		r->port = (unsigned)strtoul(text + 5, NULL, 10);
	else if (strncmp(text, "user=", 5) == 0)
		snprintf(r->user, sizeof(r->user), "%s", text + 5);
	else if (strncmp(text, "pass=", 5) == 0)
		snprintf(r->password, sizeof(r->password), "%s", text + 5);
	else if (strcmp(text, "ssl") == 0 || strcmp(text, "tls") == 0)
		r->ssl = true;
	else if (strcmp(text, "starttls") == 0)
		r->starttls = true;
	else if (strcmp(text, "insecure") == 0)
		r->insecure = true;
}

/* remote - of one line; NULL if it is none (told if it is no smarthost) */
static const char *
remote(struct import *im, const char *where, char *line)
{
	struct remote r = { .smtp = true };
	char *rest = line, *word = next_word(&rest);
	const char *name = NULL;

	if (word == NULL || word[0] == '#')
		return NULL;
	snprintf(r.host, sizeof(r.host), "%s", word);
	word = next_word(&rest);
	if (word != NULL && strcmp(word, "smtp") != 0 &&
	    strchr(word, '=') == NULL && word[0] != '-')
		r.smtp = false;
	for (; word != NULL; word = next_word(&rest))
		option(&r, word);
	if (r.insecure || (!r.ssl && !r.starttls))
		import_left(im, where,
		    "%s: its certificate was not looked at; ours is \"verify\"",
		    r.host);
	if (r.port == 0)
		r.port = r.ssl ? 465 : 25;
	if (!r.smtp || r.port > 65535)
		import_left(
		    im, where, "%s is no SMTP server with a port", r.host);
	else
		name = import_smarthost(im, r.host, r.port, r.user,
		    r.password[0] != '\0' ? r.password : NULL);
	explicit_bzero(&r, sizeof(r));
	return name;
}

void
import_nullmailer(struct import *im, const char *file, FILE *in)
{
	const char *name[REMOTES_MAX];
	char *line = NULL, where[300];
	size_t size = 0, n = 0;
	unsigned at = 0;

	while (n < REMOTES_MAX && getline(&line, &size, in) != -1) {
		snprintf(where, sizeof(where), "%s:%u", file, ++at);
		name[n] = remote(im, where, line);
		n += name[n] != NULL;
	}
	if (n > 0) {
		import_rule(im, file, json_object(), json_array(),
		    import_route(im, name, n));
		import_left(im, file,
		    "remove the passwords when mail leaves by the smarthosts");
	} else {
		import_left(im, file, "it names no remote");
	}
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
}
