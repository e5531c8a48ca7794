/*
 * import_sendmail.c - the AuthInfo lines of Sendmail's access or authinfo file.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "import.h"

/* import_sendmail_part - the text of "U:..." or, in base64, "U=..." ; "" if it
 * is missing */
static void
import_sendmail_part(const char *line, char letter, char *dst, size_t size)
{
	const char plain[] = { '"', letter, ':', '\0' };
	const char coded[] = { '"', letter, '=', '\0' };
	const char *p = strstr(line, plain);
	unsigned char out[512];
	int n;

	dst[0] = '\0';
	if (p != NULL) {
		p += 3;
		snprintf(dst, size, "%.*s", (int)strcspn(p, "\""), p);
		return;
	}
	p = strstr(line, coded);
	if (p == NULL)
		return;
	p += 3;
	n = (int)strcspn(p, "\"");
	if (n > 600 || n % 4 != 0 ||
	    (n = EVP_DecodeBlock(out, (const unsigned char *)p, n)) < 0)
		return;
	snprintf(dst, size, "%.*s", n, (const char *)out);
	explicit_bzero(out, sizeof(out));
}

void
import_sendmail(struct import *im, const char *file, FILE *in)
{
	char *line = NULL, where[300], user[256], own[256], password[512];
	size_t size = 0;
	unsigned at = 0;

	while (getline(&line, &size, in) != -1) {
		char *host = line + strspn(line, " \t"), *rest;
		const char *name;

		snprintf(where, sizeof(where), "%s:%u", file, ++at);
		if (strncasecmp(host, "AuthInfo:", 9) != 0)
			continue;
		host += 9;
		rest = host + strcspn(host, " \t");
		if (*rest == '\0' || rest == host) {
			import_left(im, where, "it names no host");
			continue;
		}
		*rest++ = '\0';
		import_sendmail_part(rest, 'U', user, sizeof(user));
		import_sendmail_part(rest, 'I', own, sizeof(own));
		import_sendmail_part(rest, 'P', password, sizeof(password));
		name =
		    import_smarthost(im, host, 587, own[0] != '\0' ? own : user,
			password[0] != '\0' ? password : NULL);
		/* Which of several a message takes, mailertable says. */
		if (im->nrule == 0)
			import_rule(im, where, json_object(), json_array(),
			    import_route(im, &name, 1));
		else
			import_left(im, where,
			    "smarthost %s: write the rule of those who send through it",
			    name);
		explicit_bzero(password, sizeof(password));
		import_left(im, where,
		    "remove the old password when mail leaves by %s", name);
	}
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
}
