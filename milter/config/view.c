/*
 * view.c - the door for those who look: where it is, who may come, and what
 * else than looking he may do.
 *
 * Nobody is let in by default, and a command is allowed by its name only: what
 * a monitoring system or a web page can do is what this file was told.
 */
#include <ctype.h>
#include <string.h>

#include "reader.h"

const char *const view_commands[] = { "block", "unblock", "grant", "revoke",
	"reset", "release", "reload", NULL };

/* is_uid - "1001": the user of another container has no name here */
static bool
is_uid(const char *text)
{
	const size_t n = strlen(text);

	return n > 0 && n < 10 && strspn(text, "0123456789") == n;
}

static bool
is_user(const struct conf_value *v)
{
	if (is_uid(v->text))
		return true;
	if (v->len == 0 || v->text[0] == '-' || strlen(v->text) != v->len)
		return false;
	for (const char *p = v->text; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("_.-", *p) == NULL)
			return false;
	return true;
}

static void
read_peers(struct reading *r, cfg_t *root)
{
	const size_t n = conftext_size(root, "view-peers");
	struct names *peers = &r->conf->view_peers;
	char text[SHOWN];

	peers->v = keep_array(r, n, sizeof(*peers->v));
	for (size_t i = 0; i < n && peers->v != NULL; i++) {
		const struct conf_value *v =
		    conftext_value(root, "view-peers", i);

		if (!is_user(v))
			diag_error(&r->m, v->line,
			    "view-peers: \"%s\" is no user: name one of this machine, such as \"nagios\", or write its uid",
			    shown(text, v));
		peers->v[peers->n++] = keep(r, v->text);
	}
}

static void
read_may(struct reading *r, cfg_t *root)
{
	const size_t n = conftext_size(root, "view-may");
	struct names *may = &r->conf->view_may;
	char text[SHOWN];

	may->v = keep_array(r, n, sizeof(*may->v));
	for (size_t i = 0; i < n && may->v != NULL; i++) {
		const struct conf_value *v =
		    conftext_value(root, "view-may", i);

		if (enum_from_name(view_commands, v->text) == -1)
			diag_error(&r->m, v->line,
			    "view-may: \"%s\" is no such command: it is block, unblock, grant, revoke, reset, release or reload",
			    shown(text, v));
		may->v[may->n++] = keep(r, v->text);
	}
}

/* read_people - names as the proxy before the page has them */
static void
read_people(struct reading *r, cfg_t *root, const char *name,
    const char *const *usual, struct names *people)
{
	const size_t n = read_size(root, name, usual);

	people->v = keep_array(r, n, sizeof(*people->v));
	for (size_t i = 0; i < n && people->v != NULL; i++) {
		const struct conf_value v = read_nth(root, name, usual, i);

		if (v.len == 0)
			diag_error(&r->m, v.line,
			    "%s: \"\" is nobody: name a login, or write \"*\" for all that are logged in",
			    name);
		people->v[people->n++] = keep(r, v.text);
	}
}

/* read_web - who may see and do what on the page */
static void
read_web(struct reading *r, cfg_t *root)
{
	static const char *const everybody[] = { "*", NULL };
	static const char *const nobody[] = { NULL };
	const struct conf_value *key = read_one(root, "web-key");
	char text[SHOWN];

	read_people(r, root, "web-readers", everybody, &r->conf->web_readers);
	read_people(r, root, "web-actors", nobody, &r->conf->web_actors);
	r->conf->web_key =
	    read_text(r, root, "web-key", "/run/postmeter-web/key");
	if (key != NULL && key->text[0] != '/')
		diag_error(&r->m, key->line,
		    "web-key = \"%s\": write the absolute path of a file",
		    shown(text, key));
}

void
read_view(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "view-socket");
	struct unix_socket *at = &r->conf->view_socket;
	char text[SHOWN];
	struct why why = WHY_NONE;

	if (v != NULL && v->len > 0) {
		const char *taken[] = { r->conf->milter_socket.path,
			r->conf->map_socket.path, r->conf->auth_socket.path,
			r->conf->control_socket.path };

		if (unix_socket_parse(v->text, at, &why) == -1)
			diag_error(&r->m, v->line, "view-socket = \"%s\": %s",
			    shown(text, v), why.text);
		for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
			if (at->path[0] != '\0' &&
			    strcmp(at->path, taken[i]) == 0)
				diag_error(&r->m, v->line,
				    "view-socket = \"%s\": that is another socket's path, it needs its own",
				    shown(text, v));
	}
	read_peers(r, root);
	read_may(r, root);
	read_web(r, root);
}
