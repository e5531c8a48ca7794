/*
 * import_dma.c - dma.conf of the DragonFly mail agent, and the file of logins
 * that it names.
 */
#include <stdlib.h>
#include <string.h>

#include "import.h"

struct dma {
	char host[256], auth[400];
	unsigned port;
	bool tls, starttls, opportunistic, masquerade;
};

/* find_login - "user|host:password" of that host, from the file of logins */
static void
find_login(struct import *im, const struct dma *d, char *user, size_t user_size,
    char *password, size_t password_size)
{
	char *line = NULL;
	size_t size = 0;
	FILE *in = d->auth[0] != '\0' ? fopen(d->auth, "re") : NULL;

	user[0] = password[0] = '\0';
	if (in == NULL && d->auth[0] != '\0')
		import_left(im, d->auth, "it cannot be read: run this as root");
	while (in != NULL && getline(&line, &size, in) != -1) {
		char *host = strchr(line, '|'), *secret;

		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '#' || host == NULL)
			continue;
		*host++ = '\0';
		secret = strchr(host, ':');
		if (secret == NULL)
			continue;
		*secret++ = '\0';
		if (strcasecmp(host, d->host) != 0)
			continue;
		snprintf(user, user_size, "%s", line);
		snprintf(password, password_size, "%s", secret);
		break;
	}
	if (in != NULL)
		fclose(in);
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
}

static void
dma_note(struct dma *d, const char *name, const char *value)
{
	if (strcmp(name, "SMARTHOST") == 0)
		snprintf(d->host, sizeof(d->host), "%s", value);
	else if (strcmp(name, "PORT") == 0)
		d->port = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "AUTHPATH") == 0)
		snprintf(d->auth, sizeof(d->auth), "%s", value);
	else if (strcmp(name, "SECURETRANSFER") == 0)
		d->tls = true;
	else if (strcmp(name, "STARTTLS") == 0)
		d->starttls = true;
	else if (strcmp(name, "OPPORTUNISTIC_TLS") == 0)
		d->opportunistic = true;
	else if (strcmp(name, "MASQUERADE") == 0)
		d->masquerade = true;
}

void
import_dma(struct import *im, const char *file, FILE *in)
{
	struct dma d = { .port = 0 };
	char *line = NULL, user[256], password[512];
	const char *name;
	size_t size = 0;

	while (getline(&line, &size, in) != -1) {
		char *word = line + strspn(line, " \t"), *value;

		word[strcspn(word, "\r\n#")] = '\0';
		value = word + strcspn(word, " \t");
		if (*value != '\0')
			*value++ = '\0';
		value += strspn(value, " \t");
		value[strcspn(value, " \t")] = '\0';
		dma_note(&d, word, value);
	}
	free(line);
	if (d.host[0] == '\0') {
		import_left(im, file,
		    "no SMARTHOST stands in it: dma delivers by itself");
		return;
	}
	if (!d.tls || d.opportunistic)
		import_left(im, file,
		    "%s: TLS was not demanded; ours is \"verify\"", d.host);
	if (d.masquerade)
		import_left(im, file,
		    "MASQUERADE: envelope-sender of the smarthost is the nearest");
	if (d.port == 0)
		d.port = d.tls && !d.starttls ? 465 : 25;
	find_login(im, &d, user, sizeof(user), password, sizeof(password));
	name = import_smarthost(
	    im, d.host, d.port, user, password[0] != '\0' ? password : NULL);
	import_rule(
	    im, file, json_object(), json_array(), import_route(im, &name, 1));
	if (password[0] != '\0')
		import_left(im, d.auth,
		    "remove the old password when mail leaves by %s", name);
	explicit_bzero(password, sizeof(password));
}
