/*
 * import_ssmtp.c - ssmtp.conf, and the revaliases that ssmtp reads beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "import.h"

struct ssmtp {
	char hub[256], user[256], password[512];
	bool tls, starttls;
};

static const char *
smarthost(struct import *im, const char *where, const struct ssmtp *s,
    const char *hub)
{
	char host[256];
	unsigned port;

	if (import_nexthop(hub, s->tls && !s->starttls ? 465 : 25, host,
		sizeof(host), &port) == -1) {
		import_left(im, where, "%s is no host and port", hub);
		return NULL;
	}
	if (!s->tls && !s->starttls)
		import_left(
		    im, where, "%s: TLS was off; ours is \"verify\"", host);
	return import_smarthost(im, host, port, s->user,
	    s->password[0] != '\0' ? s->password : NULL);
}

/* aliases - lines "local:address:hub"; a sender with a hub of its own */
static void
aliases(struct import *im, const char *conf_file, const struct ssmtp *s)
{
	const char *slash = strrchr(conf_file, '/');
	char path[400], where[440], *line = NULL;
	unsigned at = 0;
	size_t size = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%.*srevaliases",
	    slash != NULL ? (int)(slash + 1 - conf_file) : 0, conf_file);
	in = fopen(path, "re");
	while (in != NULL && getline(&line, &size, in) != -1) {
		char *rest = line, *address;
		const char *name;

		snprintf(where, sizeof(where), "%s:%u", path, ++at);
		line[strcspn(line, " \t\r\n")] = '\0';
		if (line[0] == '#' || strsep(&rest, ":") == NULL ||
		    (address = strsep(&rest, ":")) == NULL || rest == NULL)
			continue;
		name = smarthost(im, where, s, rest);
		if (name != NULL)
			import_rule(im, where,
			    json_pack("{s:[s]}", "sender", address),
			    json_array(), import_route(im, &name, 1));
	}
	if (in != NULL)
		fclose(in);
	free(line);
}

static void
ssmtp_note(struct ssmtp *s, const char *name, const char *value)
{
	const bool on = strcasecmp(value, "yes") == 0;

	if (strcasecmp(name, "mailhub") == 0)
		snprintf(s->hub, sizeof(s->hub), "%s", value);
	else if (strcasecmp(name, "AuthUser") == 0)
		snprintf(s->user, sizeof(s->user), "%s", value);
	else if (strcasecmp(name, "AuthPass") == 0)
		snprintf(s->password, sizeof(s->password), "%s", value);
	else if (strcasecmp(name, "UseTLS") == 0)
		s->tls = on;
	else if (strcasecmp(name, "UseSTARTTLS") == 0)
		s->starttls = on;
}

void
import_ssmtp(struct import *im, const char *file, FILE *in)
{
	struct ssmtp s = { .hub = "mail" };
	char *line = NULL;
	const char *name;
	size_t size = 0;

	while (getline(&line, &size, in) != -1) {
		char *value = strchr(line, '=');

		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '#' || value == NULL)
			continue;
		*value++ = '\0';
		line[strcspn(line, " \t")] = '\0';
		value += strspn(value, " \t");
		value[strcspn(value, " \t")] = '\0';
		ssmtp_note(&s, line, value);
	}
	aliases(im, file, &s);
	name = smarthost(im, file, &s, s.hub);
	if (name != NULL)
		import_rule(im, file, json_object(), json_array(),
		    import_route(im, &name, 1));
	if (s.password[0] != '\0')
		import_left(im, file,
		    "remove AuthPass when mail leaves by the smarthost");
	explicit_bzero(&s, sizeof(s));
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
}
