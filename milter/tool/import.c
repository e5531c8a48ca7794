/*
 * import.c - the pieces that every importer tells, and the text they become.
 */
#include "import.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netaddr.h"

int
import_begin(struct import *im)
{
	FILE **stream[4] = { &im->top, &im->routes, &im->policies, &im->rules };

	*im = (struct import){ .hosts = json_object(),
		.passwords = json_object(),
		.left = json_array(),
		.bodies = json_object(),
		.layers = json_array() };
	for (size_t i = 0; i < 4; i++)
		if ((*stream[i] = open_memstream(&im->part[i], &im->size[i])) ==
		    NULL)
			return -1;
	return im->hosts != NULL && im->passwords != NULL && im->left != NULL &&
		       im->bodies != NULL && im->layers != NULL
		   ? 0
		   : -1;
}

char *
import_end(struct import *im)
{
	FILE *const stream[4] = { im->top, im->routes, im->policies,
		im->rules };
	const char *name;
	json_t *password;
	char *text = NULL;

	for (size_t i = 0; i < 4; i++)
		if (stream[i] != NULL)
			fclose(stream[i]);
	if (asprintf(&text, "%s%s%s%s", im->part[0], im->part[2], im->part[1],
		im->part[3]) == -1)
		text = NULL;
	for (size_t i = 0; i < 4; i++)
		free(im->part[i]);
	json_object_foreach (im->passwords, name, password) {
		char *p;

		memcpy(&p, &(const char *){ json_string_value(password) },
		    sizeof(p));
		explicit_bzero(p, strlen(p));
	}
	json_decref(im->passwords);
	json_decref(im->hosts);
	json_decref(im->bodies);
	json_decref(im->layers);
	return text;
}

void
import_left(struct import *im, const char *where, const char *fmt, ...)
{
	char what[500], text[800];
	va_list ap;
	json_t *s;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s", where, what);
	s = json_string(text);
	json_array_append_new(
	    im->left, s != NULL ? s : json_string("a line that is no UTF-8"));
}

const char *
import_quoted(const char *text)
{
	static char quoted[600];
	size_t n = 0;

	quoted[n++] = '"';
	for (; *text != '\0' && n < sizeof(quoted) - 4; text++) {
		if (*text == '"' || *text == '\\')
			quoted[n++] = '\\';
		/* No file of another program writes to a terminal. */
		quoted[n++] =
		    (unsigned char)*text < ' ' || *text == 127 ? '?' : *text;
	}
	quoted[n++] = '"';
	quoted[n] = '\0';
	return quoted;
}

/* name_of - a-z, 0-9 and dashes, made of a text and the number n */
static void
name_of(const char *host, size_t n, char *dst, size_t size)
{
	size_t len = 0;

	for (; *host != '\0' && len + 8 < size && len < 30; host++) {
		const char c = *host >= 'A' && *host <= 'Z'
				   ? (char)(*host + 'a' - 'A')
				   : *host;

		dst[len++] =
		    (char)((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
			       ? c
			       : '-');
	}
	snprintf(dst + len, size - len, "-%zu", n);
	if (dst[0] == '-')
		dst[0] = 'x';
}

const char *
import_smarthost(struct import *im, const char *host, unsigned port,
    const char *user, const char *password)
{
	char account[700], name[48];
	json_t *known;

	snprintf(account, sizeof(account), "%s %u %s", host, port, user);
	known = json_object_get(im->hosts, account);
	if (known != NULL)
		return json_string_value(known);
	name_of(host, json_object_size(im->hosts) + 1, name, sizeof(name));
	json_object_set_new(im->hosts, account, json_string(name));
	fprintf(im->routes, "smarthost \"%s\" {\n\thost = %s\n", name,
	    import_quoted(host));
	if (port != 587)
		fprintf(im->routes, "\tport = %u\n", port);
	if (user[0] != '\0')
		fprintf(im->routes, "\tusername = %s\n\tsecret = \"%s\"\n",
		    import_quoted(user), name);
	fputs("}\n", im->routes);
	if (password != NULL && user[0] != '\0')
		json_object_set_new(im->passwords, name, json_string(password));
	else if (user[0] != '\0')
		import_left(im, name,
		    "its password was not found: postmeterctl secret set %s",
		    name);
	return json_string_value(json_object_get(im->hosts, account));
}

const char *
import_route(struct import *im, const char *const *smarthost, size_t n)
{
	static char name[32];

	snprintf(name, sizeof(name), "route-%zu", ++im->nroute);
	fprintf(im->routes, "route \"%s\" { smarthosts = {", name);
	for (size_t i = 0; i < n; i++)
		fprintf(
		    im->routes, "%s\"%s\"", i > 0 ? ", " : "", smarthost[i]);
	fputs("} }\n", im->routes);
	return name;
}

/* write_list - {"a", "b"} */
static void
write_list(FILE *out, const json_t *list)
{
	const json_t *s;
	size_t i;

	fputc('{', out);
	json_array_foreach (list, i, s)
		fprintf(out, "%s%s", i > 0 ? ", " : "",
		    import_quoted(json_string_value(s)));
	fputc('}', out);
}

void
import_rule(struct import *im, const char *where, json_t *conditions,
    json_t *policies, const char *route)
{
	const char *name;
	const json_t *list;

	if (conditions == NULL || policies == NULL) {
		import_left(
		    im, where, "it is no UTF-8: write its rule by hand");
	} else {
		fprintf(im->rules, "# %s\nrule \"rule-%zu\" { ", where,
		    ++im->nrule);
		json_object_foreach (conditions, name, list) {
			fprintf(im->rules, "%s = ", name);
			write_list(im->rules, list);
			fputc(' ', im->rules);
		}
		fputs("policies = ", im->rules);
		write_list(im->rules, policies);
		if (route[0] != '\0')
			fprintf(im->rules, " route = \"%s\"", route);
		fputs(" }\n", im->rules);
	}
	json_decref(conditions);
	json_decref(policies);
}

const char *
import_policy(struct import *im, const char *about, const char *body)
{
	char key[1200], name[48];
	const json_t *known;

	snprintf(key, sizeof(key), "%s %s", about, body);
	known = json_object_get(im->bodies, key);
	if (known == NULL) {
		name_of(about, ++im->npolicy, name, sizeof(name));
		fprintf(im->policies, "policy \"%s\" { %s }\n", name, body);
		json_object_set_new(im->bodies, key, json_string(name));
		known = json_object_get(im->bodies, key);
	}
	return known != NULL ? json_string_value(known) : "?";
}

int
import_limit(struct import *im, const char *where, long long count,
    double seconds, char *dst, size_t size)
{
	static const struct {
		long long seconds;
		char letter;
	} unit[] = { { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	const long long span = (long long)(seconds + 0.999);
	size_t u = 0;

	if (count < 0 || !(seconds >= 0) || seconds > 31 * 86400.0 ||
	    span < 1) {
		import_left(im, where,
		    "%lld in %.0f s: a window here has 1s to 31d", count,
		    seconds);
		return -1;
	}
	while (span % unit[u].seconds != 0)
		u++;
	snprintf(dst, size, "%lld/%lld%c", count, span / unit[u].seconds,
	    unit[u].letter);
	return 0;
}

/* printable - what a reply can bear, of a text that it starts with */
static bool
printable(const char *text)
{
	size_t n = 0;

	while (text[n] >= ' ' && text[n] <= '~')
		n++;
	return text[n] == '\0' && n > 0 && n <= 200;
}

const char *
import_action(struct import *im, const char *where, const char *action)
{
	static char said[700];
	static const struct {
		const char *start, *over;
	} word[] = { { "defer", "defer" }, { "4", "defer" },
		{ "reject", "reject" }, { "5", "reject" }, { "hold", "hold" },
		{ "dunno", "observe" }, { "warn", "observe" } };
	const char *text = action + strcspn(action, " ");
	size_t w = 0;

	while (w < sizeof(word) / sizeof(word[0]) &&
	       strncasecmp(action, word[w].start, strlen(word[w].start)) != 0)
		w++;
	if (w == sizeof(word) / sizeof(word[0])) {
		import_left(im, where,
		    "%s: there is no such answer here; written as defer",
		    action);
		return "when-over = \"defer\"";
	}
	/* "450 4.7.1 text": the codes are ours. */
	text += strspn(text, " 0123456789.");
	snprintf(said, sizeof(said), "when-over = \"%s\"", word[w].over);
	if (printable(text) && strcmp(word[w].over, "observe") != 0)
		snprintf(said + strlen(said), sizeof(said) - strlen(said),
		    " text = %s", import_quoted(text));
	return said;
}

bool
import_is_client(const char *text)
{
	struct netprefix p;

	return netprefix_parse(text, &p) == 0;
}

int
import_nexthop(
    const char *text, unsigned usual, char *host, size_t size, unsigned *port_r)
{
	const char *start = text, *end;
	char *rest;

	*port_r = usual;
	if (*text == '[') {
		start = text + 1;
		end = strchr(start, ']');
		text = end != NULL ? end + 1 : "?";
	} else {
		end = start + strcspn(start, ":");
		text = end;
	}
	if (end == NULL || end == start || (size_t)(end - start) >= size)
		return -1;
	snprintf(host, size, "%.*s", (int)(end - start), start);
	if (*text == '\0')
		return 0;
	if (*text != ':')
		return -1;
	if (strcmp(text + 1, "submission") == 0)
		*port_r = 587;
	else if (strcmp(text + 1, "submissions") == 0 ||
		 strcmp(text + 1, "smtps") == 0)
		*port_r = 465;
	else if (strcmp(text + 1, "smtp") == 0)
		*port_r = 25;
	else {
		*port_r = (unsigned)strtoul(text + 1, &rest, 10);
		return *rest == '\0' && *port_r > 0 && *port_r < 65536 ? 0 : -1;
	}
	return 0;
}
