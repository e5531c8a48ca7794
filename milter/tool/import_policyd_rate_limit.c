/*
 * import_policyd_rate_limit.c - policyd-rate-limit's YAML file.
 *
 * Its limits roll as ours do, and it counts every recipient, internal ones too.
 * A login, else a sender, else an address is limited, as three switches say.
 */
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "import.h"

#define DEPTH_MAX 16

/* --- YAML as JSON ----------------------------------------------------------
 */

/* scalar - a number, a truth value, nothing, or text */
static json_t *
scalar(const yaml_node_t *node)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = { { "true", true }, { "yes", true }, { "on", true },
		{ "false", false }, { "no", false }, { "off", false } };
	const char *text = (const char *)node->data.scalar.value;
	char *end;
	long long n;

	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_string(text);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i].text) == 0)
			return json_boolean(words[i].value);
	if (strcmp(text, "") == 0 || strcmp(text, "~") == 0 ||
	    strcasecmp(text, "null") == 0)
		return json_null();
	n = strtoll(text, &end, 10);
	return *end == '\0' ? json_integer(n) : json_string(text);
}

/* to_json - NULL if it is nested too deep (an anchor inside itself) */
static json_t *
to_json(yaml_document_t *doc, int at, unsigned depth)
{
	const yaml_node_t *node = yaml_document_get_node(doc, at);
	json_t *made;

	if (node == NULL || depth > DEPTH_MAX)
		return NULL;
	if (node->type == YAML_SEQUENCE_NODE) {
		made = json_array();
		for (const int *i = node->data.sequence.items.start;
		     i < node->data.sequence.items.top; i++)
			json_array_append_new(
			    made, to_json(doc, *i, depth + 1));
		return made;
	}
	if (node->type != YAML_MAPPING_NODE)
		return scalar(node);
	made = json_object();
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
	     p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);

		if (key != NULL && key->type == YAML_SCALAR_NODE)
			json_object_set_new(made,
			    (const char *)key->data.scalar.value,
			    to_json(doc, p->value, depth + 1));
	}
	return made;
}

/* read_yaml - the document; NULL (told) if it is none */
static json_t *
read_yaml(struct import *im, const char *file, FILE *in)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	json_t *made = NULL;

	if (yaml_parser_initialize(&parser) == 0)
		return NULL;
	yaml_parser_set_input_file(&parser, in);
	if (yaml_parser_load(&parser, &doc) == 0) {
		import_left(im, file,
		    "line %zu: %s; the old form was Python and is not read: write the YAML form",
		    parser.problem_mark.line + 1,
		    parser.problem != NULL ? parser.problem : "it is no YAML");
	} else {
		made = to_json(&doc, 1, 0);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	if (made != NULL && json_is_object(made))
		return made;
	json_decref(made);
	import_left(im, file, "it is no YAML file of names and values");
	return NULL;
}

/* --- its limits ------------------------------------------------------------
 */

struct prl {
	struct import *im;
	const char *file, *per, *dimension, *action;
};

/* policies - of a list of [count, seconds]; empty: no limit */
static json_t *
policies(const struct prl *c, const char *per, const json_t *limits)
{
	json_t *names = json_array();
	char body[1000], limit[48];
	const json_t *pair;
	size_t i, n = 0;

	snprintf(body, sizeof(body), "per = \"%s\" count = \"all\" %s = {", per,
	    c->dimension);
	json_array_foreach (limits, i, pair) {
		const json_t *count = json_array_get(pair, 0);
		const json_t *span = json_array_get(pair, 1);

		if (!json_is_integer(count) || !json_is_integer(span) ||
		    strlen(body) > 600) {
			import_left(c->im, c->file,
			    "a limit that is no [number, seconds]");
			continue;
		}
		if (import_limit(c->im, c->file, json_integer_value(count),
			(double)json_integer_value(span), limit,
			sizeof(limit)) == -1)
			continue;
		snprintf(body + strlen(body), sizeof(body) - strlen(body),
		    "%s\"%s\"", n++ > 0 ? ", " : "", limit);
	}
	snprintf(body + strlen(body), sizeof(body) - strlen(body), "} %s",
	    c->action);
	if (n > 0)
		json_array_append_new(
		    names, json_string(import_policy(c->im, "limits", body)));
	return names;
}

/* by_id - the limits of single logins, senders and addresses */
static void
by_id(const struct prl *c, json_t *ids, bool sasl, bool sender)
{
	const char *id;
	const json_t *limits;

	json_object_foreach (ids, id, limits) {
		char where[300];

		snprintf(
		    where, sizeof(where), "%s: limits_by_id: %s", c->file, id);
		if (import_is_client(id)) {
			import_rule(c->im, where,
			    json_pack("{s:[s]}", "client", id),
			    policies(c, "client", limits), "");
			continue;
		}
		if (sasl)
			import_rule(c->im, where,
			    json_pack("{s:[s]}", "login", id),
			    policies(c, "account", limits), "");
		if (sender && strchr(id, '@') != NULL)
			import_rule(c->im, where,
			    json_pack("{s:[s]}", "sender", id),
			    policies(c, "account", limits), "");
	}
}

static bool
is_on(const json_t *conf, const char *name, bool usual)
{
	const json_t *v = json_object_get(conf, name);

	return v != NULL ? json_is_true(v) : usual;
}

/* networks - those whose clients are limited; "limited_netword" in the file
 * that comes with it */
static json_t *
networks(const json_t *conf)
{
	json_t *v = json_object_get(conf, "limited_networks");

	return v != NULL ? v : json_object_get(conf, "limited_netword");
}

/* everybody_else - the rules behind those of single names */
static void
everybody_else(
    const struct prl *c, const json_t *conf, const json_t *limits, bool named)
{
	json_t *nets = networks(conf);
	const bool ip =
	    is_on(conf, "limit_by_ip", false) && json_array_size(nets) > 0;

	if (ip)
		import_rule(c->im, "limited_networks",
		    json_pack("{s:O}", "client", nets),
		    policies(c, named ? c->per : "client", limits), "");
	import_rule(c->im, named ? "limits" : "nobody else is limited",
	    json_object(), named ? policies(c, c->per, limits) : json_array(),
	    "");
	if (named)
		import_left(c->im, c->file,
		    "mail without a login%s was not limited; here its client's address pays",
		    strcmp(c->per, "account") == 0 ? " or a sender" : "");
}

/* not_carried - what is set and has no form here */
static void
not_carried(const struct prl *c, const json_t *conf)
{
	const char *sql =
	    json_string_value(json_object_get(conf, "sql_limits_by_id"));
	const char *error =
	    json_string_value(json_object_get(conf, "db_error_action"));

	if (sql != NULL && sql[0] != '\0')
		import_left(c->im, c->file,
		    "sql_limits_by_id: put what it answers into limits_by_id, then import again");
	if (error != NULL && strcasecmp(error, "dunno") == 0)
		import_left(c->im, c->file,
		    "db_error_action = dunno lets mail pass uncounted; ours waits, unless on-store-failure = \"accept\"");
	if (is_on(conf, "report", false))
		import_left(c->im, c->file,
		    "report: `postmeterctl report` is the page to mail; warn-at warns before the limit");
}

void
import_policyd_rate_limit(struct import *im, const char *file, FILE *in)
{
	json_t *conf = read_yaml(im, file, in), *limits;
	const json_t *mode;
	const char *action;
	struct prl c = { .im = im, .file = file };
	bool sasl, sender;

	if (conf == NULL)
		return;
	sasl = is_on(conf, "limit_by_sasl", true);
	sender = is_on(conf, "limit_by_sender", false);
	mode = json_object_get(conf, "count_mode");
	action = json_string_value(json_object_get(conf, "fail_action"));
	c.per = sender ? (sasl ? "account" : "sender") : "login";
	c.dimension = mode != NULL && json_integer_value(mode) == 2
			  ? "messages"
			  : "recipients";
	c.action = import_action(
	    im, file, action != NULL ? action : "defer_if_permit");
	limits = json_incref(json_object_get(conf, "limits"));
	if (limits == NULL)
		limits = json_pack("[[i,i],[i,i]]", 10, 60, 150, 86400);
	fputs(
	    "# It counted all recipients; count = \"external\" is what providers count.\n",
	    im->policies);
	by_id(&c, json_object_get(conf, "limits_by_id"), sasl, sender);
	everybody_else(&c, conf, limits, sasl || sender);
	not_carried(&c, conf);
	json_decref(limits);
	json_decref(conf);
}
