/*
 * import_rspamd.c - rspamd's ratelimit.conf.
 *
 * A bucket lets "burst" pass at once and then "rate" a second.  The same burst
 * and the same steady rate, and never the double, is a limit of burst in the
 * time that the bucket takes to run dry.  UCL is the language of that file; the
 * libucl of Debian is something else, so what ratelimit.conf uses of it is read
 * here: objects, arrays, strings, numbers with a unit, comments.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"

#define DEPTH_MAX 16

/* --- UCL -------------------------------------------------------------------
 */

struct ucl {
	struct import *im;
	const char *file, *p;
	unsigned line;
	bool broken; /* told once */
};

static void
broken(struct ucl *u, const char *what)
{
	char where[300];

	if (!u->broken) {
		snprintf(where, sizeof(where), "%s:%u", u->file, u->line);
		import_left(
		    u->im, where, "%s: what comes after it is not read", what);
	}
	u->broken = true;
}

static void
skip_blanks(struct ucl *u)
{
	for (;; u->p++) {
		if (*u->p == '#')
			u->p += strcspn(u->p, "\n");
		if (strncmp(u->p, "/*", 2) == 0) {
			const char *end = strstr(u->p, "*/");

			if (end == NULL)
				broken(u, "a comment has no end");
			for (; end != NULL && u->p < end + 2; u->p++)
				u->line += *u->p == '\n';
			u->p--;
			if (end != NULL)
				continue;
			u->p += strlen(u->p);
		}
		u->line += *u->p == '\n';
		if (*u->p == '\0' || !isspace((unsigned char)*u->p))
			return;
	}
}

/* rspamd_word - a name or a value, quoted or bare; to be freed */
static char *
rspamd_word(struct ucl *u, const char *ends)
{
	const char quote = *u->p == '"' || *u->p == '\'' ? *u->p : '\0';
	const char *start = u->p + (quote != '\0');
	char *text, *to;

	u->p = start;
	while (*u->p != '\0' &&
	       (quote != '\0' ? *u->p != quote : strchr(ends, *u->p) == NULL)) {
		if (quote != '\0' && *u->p == '\\' && u->p[1] != '\0')
			u->p++;
		u->line += *u->p == '\n';
		u->p++;
	}
	text = strndup(start, (size_t)(u->p - start));
	if (quote != '\0' && *u->p == '\0')
		broken(u, "a quote has no end");
	u->p += quote != '\0' && *u->p != '\0';
	if (text == NULL)
		return NULL;
	for (to = text, start = text; *start != '\0'; start++) {
		if (quote != '\0' && *start == '\\' && start[1] != '\0')
			start++;
		*to++ = *start;
	}
	while (quote == '\0' && to > text && isspace((unsigned char)to[-1]))
		to--;
	*to = '\0';
	return text;
}

static json_t *rspamd_value(struct ucl *u, unsigned depth);

/* rspamd_add - a name that comes again makes a list of its values */
static void
rspamd_add(json_t *object, const char *name, json_t *v)
{
	json_t *known = json_object_get(object, name);

	if (known == NULL) {
		json_object_set_new(object, name, v);
	} else if (json_is_array(known)) {
		json_array_append_new(known, v);
	} else {
		json_object_set_new(object, name, json_pack("[O,o]", known, v));
	}
}

/* members - up to "}" or the end of the file */
static json_t *
members(struct ucl *u, unsigned depth)
{
	json_t *object = json_object();

	for (;;) {
		char *name;

		skip_blanks(u);
		while (*u->p == ';' || *u->p == ',') {
			u->p++;
			skip_blanks(u);
		}
		if (*u->p == '\0' || *u->p == '}' || u->broken)
			return object;
		if (*u->p == '.') {
			char where[300];

			snprintf(
			    where, sizeof(where), "%s:%u", u->file, u->line);
			import_left(u->im, where,
			    ".include is not followed: import that file, too");
			u->p += strcspn(u->p, "\n");
			continue;
		}
		name = rspamd_word(u, " \t\r\n=:{[;,}");
		skip_blanks(u);
		if (*u->p == '=' || *u->p == ':')
			u->p++;
		if (name == NULL || name[0] == '\0')
			broken(u, "a name was expected");
		else
			rspamd_add(object, name, rspamd_value(u, depth + 1));
		free(name);
	}
}

static json_t *
rspamd_value(struct ucl *u, unsigned depth)
{
	const char *before;
	json_t *v;
	char *text;

	skip_blanks(u);
	if (depth > DEPTH_MAX || *u->p == '\0') {
		broken(u, "a value was expected");
		return json_null();
	}
	if (*u->p != '{' && *u->p != '[') {
		text = rspamd_word(u, ";,\n]}#");
		v = text != NULL ? json_string(text) : NULL;
		free(text);
		return v != NULL ? v : json_null();
	}
	if (*u->p++ == '{') {
		v = members(u, depth);
		if (*u->p != '}')
			broken(u, "a \"}\" is missing");
		u->p += *u->p == '}';
		return v;
	}
	v = json_array();
	for (skip_blanks(u); *u->p != '\0' && *u->p != ']' && !u->broken;
	     skip_blanks(u)) {
		before = u->p;
		json_array_append_new(v, rspamd_value(u, depth + 1));
		skip_blanks(u);
		u->p += *u->p == ',' || *u->p == ';';
		if (u->p == before)
			broken(u, "a value was expected");
	}
	if (*u->p != ']')
		broken(u, "a \"]\" is missing");
	u->p += *u->p == ']';
	return v;
}

/* --- ratelimit -------------------------------------------------------------
 */

/* rspamd_number - "5", "1k", "0.5"; the rest of the text behind it */
static double
rspamd_number(const char *text, char **rest)
{
	double n = strtod(text, rest);

	switch (**rest) {
	case 'k':
	case 'K':
		n *= 1e3;
		break;
	case 'm':
	case 'M':
		n *= 1e6;
		break;
	case 'g':
	case 'G':
		n *= 1e9;
		break;
	default:
		return n;
	}
	(*rest)++;
	return n;
}

/* per_second - "1 / 1m" or "0.5"; *count_r is what stands before the slash.
 * 0 if it is neither. */
static double
per_second(const char *text, double *count_r)
{
	char *rest;
	double n = rspamd_number(text, &rest), span, unit;

	rest += strspn(rest, " ");
	*count_r = n;
	if (*rest == '\0')
		return n;
	if (*rest++ != '/')
		return 0;
	rest += strspn(rest, " ");
	span = isdigit((unsigned char)*rest) ? strtod(rest, &rest) : 1;
	rest += strspn(rest, " ");
	switch (*rest) {
	case '\0':
	case 's':
		unit = 1;
		break;
	case 'm':
		unit = 60;
		break;
	case 'h':
		unit = 3600;
		break;
	case 'd':
		unit = 86400;
		break;
	default:
		return 0;
	}
	return span > 0 ? n / (span * unit) : 0;
}

/* rspamd_per_of - what a selector or the name of a rate counts by; NULL:
 * nothing ours
 */
static const char *
rspamd_per_of(const char *selector)
{
	static const char *const known[][2] = { { "user", "login" },
		{ "from", "sender" }, { "from:addr", "sender" },
		{ "smtp_from:addr", "sender" }, { "from:domain", "domain" },
		{ "ip", "client" }, { "rip", "client" } };
	char head[100];
	char *cut;

	snprintf(head, sizeof(head), "%s", selector);
	/* What only makes the name of the bucket. */
	while ((cut = strstr(head, ".append(")) != NULL ||
	       (cut = strstr(head, ".prepend(")) != NULL ||
	       (cut = strstr(head, ".lower")) != NULL)
		*cut = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(head, known[i][0]) == 0)
			return known[i][1];
	return NULL;
}

struct rates {
	struct import *im;
	const char *file, *over;
};

/* bucket - one of a rate: an object, "100 / 1s", or [burst, rate] */
static void
bucket(
    const struct rates *r, const char *name, const char *per, const json_t *b)
{
	const char *burst, *rate;
	char where[300], limit[48], body[300], *rest;
	double n = 0, speed, count;

	snprintf(where, sizeof(where), "%s: %s", r->file, name);
	burst =
	    json_string_value(json_is_array(b) ? json_array_get(b, 0)
					       : json_object_get(b, "burst"));
	rate = json_is_string(b) ? json_string_value(b)
	       : json_is_array(b)
		   ? json_string_value(json_array_get(b, 1))
		   : json_string_value(json_object_get(b, "rate"));
	speed = rate != NULL ? per_second(rate, &count) : 0;
	if (speed > 0)
		n = burst != NULL       ? rspamd_number(burst, &rest)
		    : json_is_string(b) ? count
					: 0;
	if (!(n >= 1 && n < 1e15)) {
		import_left(r->im, where,
		    "its bucket has no burst and rate that are understood");
		return;
	}
	if (import_limit(r->im, where, (long long)n, n / speed, limit,
		sizeof(limit)) == -1)
		return;
	snprintf(body, sizeof(body),
	    "per = \"%s\" count = \"all\" %s = {\"%s\"} when-over = \"%s\"",
	    per,
	    json_object_get(b, "skip_recipients") != NULL &&
		    strcmp(json_string_value(
			       json_object_get(b, "skip_recipients")) != NULL
			       ? json_string_value(
				     json_object_get(b, "skip_recipients"))
			       : "",
			"true") == 0
		? "messages"
		: "recipients",
	    limit, json_object_get(b, "symbol") != NULL ? "observe" : r->over);
	fprintf(r->im->policies,
	    "# %s: there up to %.0f passed in the first %s.\n", name, 2 * n,
	    strchr(limit, '/') + 1);
	import_layer(r->im, where, json_object(),
	    import_policy(r->im, name, body), false);
}

static void
rate(const struct rates *r, const char *name, const json_t *v)
{
	const char *selector =
	    json_string_value(json_object_get(v, "selector"));
	const char *per = rspamd_per_of(selector != NULL ? selector : name);
	const json_t *b = json_is_object(v) ? json_object_get(v, "bucket") : v;
	const json_t *one;
	size_t i;

	if (per == NULL) {
		import_left(r->im, r->file,
		    "%s counts by %s: there is no such counter here", name,
		    selector != NULL ? selector : "what it is called");
		return;
	}
	if (!json_is_array(b) || json_is_string(json_array_get(b, 0))) {
		bucket(r, name, per, b);
		return;
	}
	json_array_foreach (b, i, one)
		bucket(r, name, per, one);
}

/* exempt - a list of users or addresses, as text with commas or an array */
static void
exempt(const struct rates *r, const json_t *conf, const char *option,
    const char *condition)
{
	const json_t *v = json_object_get(conf, option), *s;
	json_t *list = json_is_array(v) ? json_deep_copy(v) : json_array();
	char *text = strdup(json_is_string(v) ? json_string_value(v) : "");
	char *rest = text, *one;
	size_t i;

	while (text != NULL && (one = strsep(&rest, ", \t\n")) != NULL)
		if (one[0] != '\0')
			json_array_append_new(list, json_string(one));
	free(text);
	json_array_foreach (list, i, s) {
		const char *name = json_string_value(s);

		if (name == NULL || strchr(name, '/') == name ||
		    strstr(name, "://") != NULL ||
		    (condition[0] == 'c' && !import_is_client(name)))
			import_left(r->im, r->file,
			    "%s: %s is a map: write who stands in it as a rule with policies = {}",
			    option, name != NULL ? name : "it");
		else
			import_layer(r->im, option,
			    json_pack("{s:[s]}", condition, name), NULL, true);
	}
	json_decref(list);
}

void
import_rspamd(struct import *im, const char *file, FILE *in)
{
	struct ucl u = { .im = im, .file = file, .line = 1 };
	struct rates r = { .im = im, .file = file, .over = "defer" };
	json_t *all, *conf, *v;
	const char *name;
	char *text = NULL;
	size_t size = 0;

	if (getdelim(&text, &size, '\0', in) == -1) {
		import_left(im, file, "it is empty");
		free(text);
		return;
	}
	u.p = text;
	all = members(&u, 0);
	if (*u.p == '}')
		broken(&u, "a \"}\" too many");
	conf = json_object_get(all, "ratelimit");
	conf = conf != NULL ? conf : all;
	if (json_object_get(conf, "symbol") != NULL)
		r.over = "observe";
	exempt(&r, conf, "whitelisted_user", "login");
	exempt(&r, conf, "whitelisted_ip", "client");
	json_object_foreach (json_object_get(conf, "rates"), name, v)
		rate(&r, name, v);
	if (json_object_size(json_object_get(conf, "rates")) == 0)
		import_left(im, file, "no \"rates { ... }\" stands in it");
	if (json_object_get(conf, "whitelisted_rcpts") != NULL)
		import_left(im, file,
		    "whitelisted_rcpts: one such recipient freed the whole message there; here each recipient counts");
	import_layers_end(im);
	json_decref(all);
	free(text);
}
