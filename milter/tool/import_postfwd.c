/*
 * import_postfwd.c - the rate(), size() and rcpt() of a postfwd.cf.
 *
 * Rules are read in order; one whose counter is not full lets the next speak,
 * so all that match apply, until one says dunno.  Conditions that are no plain
 * name, address or domain are told and not guessed.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"

struct fwd {
	struct import *im;
	json_t *macros; /* name to its items */
	char where[300];
	/* of the rule at hand */
	json_t *conditions;
	char action[600], state[40];
	bool odd;   /* a condition that cannot be said here: told */
	bool login; /* anybody who has logged in */
};

static char *
trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && strchr(" \t", end[-1]) != NULL)
		*--end = '\0';
	return s;
}

/* --- conditions ------------------------------------------------------------
 */

/* literal - a value without pattern in it: "bob", "^bob$", "a\.b"; or NULL */
static const char *
literal(const char *op, const char *value, char *dst, size_t size)
{
	const bool pattern = strcmp(op, "==") != 0;
	size_t n = 0, len = strlen(value);

	if (pattern && len > 1 && value[0] == '/' && value[len - 1] == '/') {
		value++;
		len -= 2;
	}
	if (pattern && len > 0 && value[0] == '^') {
		value++;
		len--;
	}
	if (pattern && len > 0 && value[len - 1] == '$')
		len--;
	for (size_t i = 0; i < len && n + 1 < size; i++) {
		if (pattern && value[i] == '\\' && i + 1 < len)
			i++;
		else if (pattern && strchr("*+?()[]{}|^$", value[i]) != NULL)
			return NULL;
		dst[n++] = value[i];
	}
	dst[n] = '\0';
	return n > 0 ? dst : NULL;
}

/* condition - one item of a rule; items of one name are alternatives */
static void
condition(struct fwd *f, const char *name, const char *op, const char *value)
{
	static const char *const known[][2] = { { "sasl_username", "login" },
		{ "sender", "sender" }, { "sender_domain", "sender" },
		{ "client_address", "client" } };
	char text[300], domain[302];
	const char *plain;
	json_t *list;
	size_t k = 0;

	if (strcmp(name, "id") == 0)
		return;
	if (strcmp(name, "protocol_state") == 0) {
		snprintf(f->state, sizeof(f->state), "%s", value);
		return;
	}
	if (strcmp(name, "sasl_username") == 0 &&
	    ((strcmp(op, "!~") == 0 && strstr(value, "^$") != NULL) ||
		strcmp(value, "^(.+)$") == 0 || strcmp(value, "/./") == 0 ||
		strcmp(value, "/^.+$/") == 0)) {
		f->login = true;
		return;
	}
	while (k < sizeof(known) / sizeof(known[0]) &&
	       strcmp(known[k][0], name) != 0)
		k++;
	plain = k < sizeof(known) / sizeof(known[0]) && op[0] != '!'
		    ? literal(op, value, text, sizeof(text))
		    : NULL;
	if (plain != NULL && strcmp(name, "sender_domain") == 0) {
		snprintf(domain, sizeof(domain), "@%s", plain);
		plain = domain;
	}
	if (plain == NULL ||
	    (known[k][1][0] == 'c' && !import_is_client(plain))) {
		import_left(f->im, f->where, "%s%s%s has no form here", name,
		    op, value);
		f->odd = true;
		return;
	}
	list = json_object_get(f->conditions, known[k][1]);
	if (list == NULL) {
		list = json_array();
		json_object_set_new(f->conditions, known[k][1], list);
	}
	json_array_append_new(list, json_string(plain));
}

static void items(struct fwd *f, char *text, unsigned depth);

/* item - "name OP value", "action=...", or the use of a macro */
static void
item(struct fwd *f, char *text, unsigned depth)
{
	static const char *const operators[] = { "==", "=~", "~=", "!~",
		"!=", ">=", "<=", "=", ">", "<" };
	size_t len, o = 0;
	char *name;
	const char *macro;

	if (text[0] == '\0')
		return;
	if (strncmp(text, "&&", 2) == 0) {
		macro = json_string_value(json_object_get(f->macros, text));
		name = macro != NULL && depth < 8 ? strdup(macro) : NULL;
		if (name == NULL) {
			import_left(f->im, f->where, "there is no %s", text);
			f->odd = true;
			return;
		}
		items(f, name, depth + 1);
		free(name);
		return;
	}
	len = strcspn(text, "=!<>~");
	while (o < sizeof(operators) / sizeof(operators[0]) &&
	       strncmp(text + len, operators[o], strlen(operators[o])) != 0)
		o++;
	if (o == sizeof(operators) / sizeof(operators[0])) {
		import_left(f->im, f->where, "%s is not understood", text);
		f->odd = true;
		return;
	}
	name = text + len + strlen(operators[o]);
	text[len] = '\0';
	name = trim(name);
	text = trim(text);
	if (strcmp(text, "action") == 0)
		snprintf(f->action, sizeof(f->action), "%s", name);
	else
		condition(f, text, operators[o], name);
}

static void
items(struct fwd *f, char *text, unsigned depth)
{
	char *one;

	while ((one = strsep(&text, ";")) != NULL)
		item(f, trim(one), depth);
}

/* --- actions ---------------------------------------------------------------
 */

/* counter_of - "sasl_username" or "$$sasl_username": per what; NULL */
static const char *
counter_of(const char *name)
{
	static const char *const known[][2] = { { "sasl_username", "login" },
		{ "sender", "sender" }, { "sender_domain", "domain" },
		{ "client_address", "client" } };

	name += strncmp(name, "$$", 2) == 0 ? 2 : 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i][0], name) == 0)
			return known[i][1];
	return NULL;
}

/* dimension_of - what rate, size or rcpt adds up; NULL if it is another word */
static const char *
dimension_of(struct fwd *f, const char *verb, size_t len)
{
	if (len >= 4 && strncmp(verb, "size", 4) == 0)
		return "bytes";
	if (len >= 4 && strncmp(verb, "rcpt", 4) == 0)
		return "recipients";
	if (len < 4 || strncmp(verb, "rate", 4) != 0)
		return NULL;
	if (strcasecmp(f->state, "RCPT") == 0)
		return "recipients";
	if (f->state[0] == '\0')
		import_left(f->im, f->where,
		    "rate() counts requests, written as messages; if Postfix asks it for each recipient, write recipients");
	return "messages";
}

/* limit - rate(ITEM/MAX/SECONDS/ACTION); false if it is none */
static bool
limit(struct fwd *f)
{
	char *open = strchr(f->action, '('), *end = strrchr(f->action, ')');
	char *rest, *part[3], body[900], text[48];
	const char *dimension, *per;

	if (open == NULL || end == NULL)
		return false;
	dimension = dimension_of(f, f->action, (size_t)(open - f->action));
	if (dimension == NULL)
		return false;
	*end = '\0';
	rest = open + 1;
	for (size_t i = 0; i < 3; i++)
		part[i] = strsep(&rest, "/");
	per = counter_of(part[0]);
	if (part[2] == NULL || rest == NULL || per == NULL) {
		import_left(f->im, f->where,
		    "it counts by %s: there is no such counter here", part[0]);
		return true;
	}
	if (import_limit(f->im, f->where, strtoll(part[1], NULL, 10),
		(double)strtoll(part[2], NULL, 10), text, sizeof(text)) == -1)
		return true;
	if (f->login)
		import_left(f->im, f->where,
		    "it was for those with a login; here the client's address pays for the others");
	snprintf(body, sizeof(body),
	    "per = \"%s\" count = \"all\" %s = {\"%s\"} %s", per, dimension,
	    text, import_action(f->im, f->where, rest));
	import_layer(f->im, f->where, json_incref(f->conditions),
	    import_policy(f->im, "limit", body), false);
	return true;
}

/* postfwd_rule - one whole rule of the file */
static void
postfwd_rule(struct fwd *f, const char *file, unsigned line, char *text)
{
	f->conditions = json_object();
	f->action[0] = f->state[0] = '\0';
	f->odd = f->login = false;
	snprintf(f->where, sizeof(f->where), "%s:%u", file, line);
	items(f, text, 0);
	if (f->odd)
		import_left(f->im, f->where,
		    "so the rule is not carried over: %s", f->action);
	else if (strcasecmp(f->action, "dunno") == 0 && f->login)
		import_left(f->im, f->where,
		    "it frees everybody with a login: there is no such rule here");
	else if (strcasecmp(f->action, "dunno") == 0)
		import_layer(
		    f->im, f->where, json_incref(f->conditions), NULL, true);
	else if (!limit(f))
		import_left(f->im, f->where,
		    "%s is no limit: leave it to postfwd", f->action);
	json_decref(f->conditions);
}

/* macro - "&&NAME { a; b; }" */
static void
macro(struct fwd *f, char *text)
{
	char *open = strchr(text, '{'), *end = strrchr(text, '}');

	if (open == NULL || end == NULL || end < open)
		return;
	*open = *end = '\0';
	json_object_set_new(f->macros, trim(text), json_string(open + 1));
}

/* --- lines -----------------------------------------------------------------
 */

static void
logical_line(struct fwd *f, const char *file, unsigned line, char *text)
{
	text = trim(text);
	if (strncmp(text, "&&", 2) == 0 && strchr(text, '{') != NULL)
		macro(f, text);
	else if (text[0] != '\0')
		postfwd_rule(f, file, line, text);
}

/* goes_on - does the text at hand take this line in? */
static bool
goes_on(const char *text, const char *line)
{
	const char *open = strchr(text, '{');

	return (text[0] != '\0' && isspace((unsigned char)line[0])) ||
	       (strncmp(text, "&&", 2) == 0 && open != NULL &&
		   strchr(open, '}') == NULL);
}

void
import_postfwd(struct import *im, const char *file, FILE *in)
{
	struct fwd f = { .im = im, .macros = json_object() };
	char *text = strdup(""), *line = NULL, *more;
	size_t size = 0;
	unsigned at = 0, from = 1;
	bool joined = false;

	while (text != NULL && getline(&line, &size, in) != -1) {
		size_t len;

		at++;
		line[strcspn(line, "\r\n")] = '\0';
		if (line[strspn(line, " \t")] == '#' || line[0] == '\0')
			continue;
		if (!joined && !goes_on(text, line)) {
			logical_line(&f, file, from, text);
			text[0] = '\0';
			from = at;
		}
		len = strlen(line);
		joined = len > 0 && line[len - 1] == '\\';
		if (joined)
			line[len - 1] = '\0';
		if (asprintf(&more, "%s%s%s", text, text[0] != '\0' ? ";" : "",
			line) == -1)
			more = NULL;
		free(text);
		text = more;
	}
	if (text != NULL)
		logical_line(&f, file, from, text);
	import_layers_end(im);
	json_decref(f.macros);
	free(text);
	free(line);
}
