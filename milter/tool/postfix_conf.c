/*
 * postfix_conf.c - reads and edits Postfix's files with Postfix's own tools.
 *
 * postconf(1) knows every corner of main.cf and master.cf and replaces them
 * in one step.  It is run directly, never through a shell: no value from a
 * configuration can become a command.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postfix.h"
#include "run_program.h"
#include "tool.h"

/* postconf(1) rewrites the whole file each time: many changes in one go. */
#define CHANGES_AT_ONCE 50

/* The arguments of one run; the first two are for the directory. */
struct run {
	const char *argv[8 + CHANGES_AT_ONCE];
	size_t n;
};

static void
run_begin(struct run *r, const char *program, const char *dir)
{
	r->n = 0;
	r->argv[r->n++] = program;
	if (dir != NULL) {
		r->argv[r->n++] = "-c";
		r->argv[r->n++] = dir;
	}
}

static void
run_add(struct run *r, const char *arg)
{
	r->argv[r->n++] = arg;
	r->argv[r->n] = NULL;
}

/* run - what postconf printed; NULL if it failed (it said why on stderr) */
static char *
run(const struct run *r)
{
	struct why why = WHY_NONE;
	char *text = NULL;
	const int code = run_program(r->argv, false, &text, &why);

	if (code == 0)
		return text;
	if (code == -1)
		fprintf(stderr, "%s\n", why.text);
	free(text);
	return NULL;
}

static char *
postfix_conf_ask(const char *dir, const char *option, const char *name)
{
	struct run r;

	run_begin(&r, "postconf", dir);
	run_add(&r, option);
	if (name != NULL)
		run_add(&r, name);
	return run(&r);
}

char *
postfix_map_list(const char *dir, const char *map)
{
	struct run r;

	run_begin(&r, "postmap", dir);
	run_add(&r, "-s");
	run_add(&r, map);
	return run(&r);
}

/* one_line - the answer without its newline */
static char *
one_line(char *text)
{
	if (text != NULL)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

/* settings - "name = value" lines as a map */
static json_t *
settings(char *text)
{
	json_t *map = json_object();
	char *rest = NULL, *line;

	if (text == NULL) {
		json_decref(map);
		return NULL;
	}
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *equals = strstr(line, " =");

		if (equals == NULL)
			continue;
		*equals = '\0';
		equals += 2;
		json_object_set_new(
		    map, line, json_string(equals + strspn(equals, " ")));
	}
	free(text);
	return map;
}

/* squeeze - blanks become single ones, none at the ends */
static void
squeeze(char *s)
{
	char *to = s;

	for (const char *from = s; *from != '\0'; from++) {
		if (*from != ' ' && *from != '\t')
			*to++ = *from;
		else if (to > s && to[-1] != ' ')
			*to++ = ' ';
	}
	while (to > s && to[-1] == ' ')
		to--;
	*to = '\0';
}

/* services - the lines of master.cf as a map */
static json_t *
services(char *text)
{
	json_t *map = json_object();
	char *rest = NULL, *line, key[256];

	if (text == NULL) {
		json_decref(map);
		return NULL;
	}
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *type, *end;

		squeeze(line);
		type = strchr(line, ' ');
		if (type == NULL)
			continue;
		end = type + 1 + strcspn(type + 1, " ");
		snprintf(key, sizeof(key), "%.*s/%.*s", (int)(type - line),
		    line, (int)(end - type - 1), type + 1);
		json_object_set_new(map, key, json_string(line));
	}
	free(text);
	return map;
}

/* is_chrooted - does one of those that open our sockets run in a chroot? */
static bool
is_chrooted(const json_t *master)
{
	const char *name, *entry;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)master, name, value) {
		entry = json_string_value(value);
		for (int i = 0; i < 4 && entry != NULL; i++) {
			entry = strchr(entry, ' ');
			entry += entry != NULL;
		}
		if (entry != NULL && entry[0] == 'y' &&
		    (strstr(entry, " smtpd") != NULL ||
			strcmp(name, "cleanup/unix") == 0 ||
			strcmp(name, "rewrite/unix") == 0))
			return true;
	}
	return false;
}

int
postfix_read(struct postfix *pf, const char *dir, json_t **failure_r)
{
	*pf = (struct postfix){ .dir = dir };
	/* Not asked for what was said: Postfix 3.10 may forget its -c. */
	pf->config_directory =
	    dir != NULL
		? strdup(dir)
		: one_line(postfix_conf_ask(dir, "-h", "config_directory"));
	pf->queue_directory =
	    one_line(postfix_conf_ask(dir, "-hx", "queue_directory"));
	if (pf->config_directory != NULL && pf->queue_directory != NULL) {
		pf->main = settings(postfix_conf_ask(dir, "-n", NULL));
		pf->master = services(postfix_conf_ask(dir, "-M", NULL));
		pf->override = settings(postfix_conf_ask(dir, "-P", NULL));
	}
	if (pf->main != NULL && pf->master != NULL && pf->override != NULL) {
		pf->chrooted = is_chrooted(pf->master);
		return 0;
	}
	postfix_free(pf);
	*failure_r = ctl_failure(
	    "install Postfix, or name the directory of its main.cf with --postfix-config",
	    "postconf cannot read the configuration of Postfix");
	return -1;
}

void
postfix_free(struct postfix *pf)
{
	free(pf->config_directory);
	free(pf->queue_directory);
	json_decref(pf->main);
	json_decref(pf->master);
	json_decref(pf->override);
	*pf = (struct postfix){ .dir = NULL };
}

/* edit - the option and the argument that bring name to value */
static char *
edit(const json_t *change, const char *to, const char **option_r)
{
	const char *name = json_string_value(json_object_get(change, "name"));
	const char *value = json_string_value(json_object_get(change, to));
	bool master = strcmp(json_string_value(json_object_get(change, "file")),
			  "master") == 0;
	char *arg;

	*option_r =
	    value == NULL ? (master ? "-MX" : "-X") : (master ? "-M" : "-e");
	if (value == NULL)
		return strdup(name);
	return asprintf(&arg, master ? "%s=%s" : "%s = %s", name, value) == -1
		   ? NULL
		   : arg;
}

size_t
postfix_change(const struct postfix *pf, const json_t *changes, size_t from)
{
	const char *option = NULL, *other;
	char *arg[CHANGES_AT_ONCE], *said = NULL;
	struct run r;
	size_t n = 0;

	run_begin(&r, "postconf", pf->dir);
	while (n < CHANGES_AT_ONCE && from + n < json_array_size(changes)) {
		arg[n] =
		    edit(json_array_get(changes, from + n), "value", &other);
		if (option == NULL)
			run_add(&r, option = other);
		if (arg[n] == NULL || strcmp(option, other) != 0) {
			free(arg[n]);
			break;
		}
		run_add(&r, arg[n++]);
	}
	if (n > 0)
		said = run(&r);
	for (size_t i = 0; i < n; i++)
		free(arg[i]);
	free(said);
	return said == NULL ? 0 : n;
}

int
postfix_reload(const struct postfix *pf)
{
	struct run r;
	char *said;

	run_begin(&r, "postfix", pf->dir);
	run_add(&r, "reload");
	said = run(&r);
	free(said);
	return said == NULL ? -1 : 0;
}

/* quote - arg for a shell, inside single quotes */
static char *
quote(const char *arg)
{
	char *quoted = malloc(strlen(arg) * 4 + 3), *to = quoted;

	if (quoted == NULL)
		return NULL;
	*to++ = '\'';
	for (; *arg != '\0'; arg++) {
		if (*arg == '\'')
			to = stpcpy(to, "'\\'");
		*to++ = *arg;
	}
	strcpy(to, "'");
	return quoted;
}

char *
postfix_command(const struct postfix *pf, const json_t *change)
{
	const char *option;
	char *arg = edit(change, "value", &option), *quoted, *command = NULL;

	quoted = arg != NULL ? quote(arg) : NULL;
	free(arg);
	if (quoted == NULL ||
	    asprintf(&command, "postconf%s%s %s %s",
		pf->dir != NULL ? " -c " : "", pf->dir != NULL ? pf->dir : "",
		option, quoted) == -1)
		command = NULL;
	free(quoted);
	return command;
}
