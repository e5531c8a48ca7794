/*
 * check_rules.c - rules that are right and hardly meant: nobody can match
 * them, or nobody is left for them.
 *
 * The first rule that matches speaks.  So a rule is lost if an earlier one
 * matches whatever it matches.  Only rules that could are compared: each is
 * kept under what it asks for first, so ten thousand take no longer than they
 * take to read.
 */
#include <string.h>

#include "check.h"
#include "tool.h"

/* The rules so far, by their place: arrays of indices by condition. */
struct seen {
	const struct config *conf;
	json_t *by_sender; /* of those with senders: each of them */
	json_t *by_login;  /* of those with logins and no sender */
	json_t *rest;      /* the others: by client, or everything */
};

/* --- does one rule match whatever the other does? --------------------------
 */

/* sender_covers - "@b" covers "a@b" */
static bool
sender_covers(const char *wide, const char *narrow)
{
	const char *at = strrchr(narrow, '@');

	return strcmp(wide, narrow) == 0 ||
	       (wide[0] == '@' && at != NULL && strcmp(wide, at) == 0);
}

static bool
senders_cover(const struct names *wide, const struct names *narrow)
{
	if (wide->n == 0)
		return true;
	for (size_t i = 0; i < narrow->n; i++) {
		size_t j = 0;

		while (j < wide->n && !sender_covers(wide->v[j], narrow->v[i]))
			j++;
		if (j == wide->n)
			return false;
	}
	return narrow->n > 0;
}

static bool
logins_cover(const struct names *wide, const struct names *narrow)
{
	if (wide->n == 0)
		return true;
	for (size_t i = 0; i < narrow->n; i++) {
		size_t j = 0;

		while (j < wide->n && strcmp(wide->v[j], narrow->v[i]) != 0)
			j++;
		if (j == wide->n)
			return false;
	}
	return narrow->n > 0;
}

static bool
clients_cover(const struct prefixes *wide, const struct prefixes *narrow)
{
	if (wide->n == 0)
		return true;
	for (size_t i = 0; i < narrow->n; i++) {
		size_t j = 0;

		while (j < wide->n &&
		       (wide->v[j].bits > narrow->v[i].bits ||
			   !netprefix_has(&wide->v[j], &narrow->v[i].addr)))
			j++;
		if (j == wide->n)
			return false;
	}
	return narrow->n > 0;
}

bool
rule_covers(const struct rule *wide, const struct rule *narrow)
{
	return senders_cover(&wide->sender, &narrow->sender) &&
	       logins_cover(&wide->login, &narrow->login) &&
	       clients_cover(&wide->client, &narrow->client);
}

/* --- finding those that could ----------------------------------------------
 */

static void
keep_under(json_t *map, const char *key, size_t i)
{
	json_t *list = json_object_get(map, key);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(map, key, list);
	}
	json_array_append_new(list, json_integer((json_int_t)i));
}

static void
keep_rule(struct seen *s, size_t i)
{
	const struct rule *r = &s->conf->rule[i];

	for (size_t k = 0; k < r->sender.n; k++)
		keep_under(s->by_sender, r->sender.v[k], i);
	for (size_t k = 0; r->sender.n == 0 && k < r->login.n; k++)
		keep_under(s->by_login, r->login.v[k], i);
	if (r->sender.n == 0 && r->login.n == 0)
		json_array_append_new(s->rest, json_integer((json_int_t)i));
}

/* first_in - the first rule of a list that covers r; NULL if none does */
static const struct rule *
first_in(const struct seen *s, const json_t *list, const struct rule *r)
{
	const json_t *at;
	size_t i;

	json_array_foreach (list, i, at) {
		const struct rule *wide =
		    &s->conf->rule[json_integer_value(at)];

		if (rule_covers(wide, r))
			return wide;
	}
	return NULL;
}

/* covering - an earlier rule that leaves nothing to r */
static const struct rule *
covering(const struct seen *s, const struct rule *r)
{
	const struct rule *wide = first_in(s, s->rest, r);
	const char *sender = r->sender.n > 0 ? r->sender.v[0] : "";
	const char *domain = strrchr(sender, '@');

	if (wide == NULL && r->sender.n > 0)
		wide = first_in(s, json_object_get(s->by_sender, sender), r);
	if (wide == NULL && domain != NULL && domain != sender)
		wide = first_in(s, json_object_get(s->by_sender, domain), r);
	if (wide == NULL && r->login.n > 0)
		wide =
		    first_in(s, json_object_get(s->by_login, r->login.v[0]), r);
	return wide;
}

static void
lost_rules(const struct config *conf, json_t *list)
{
	struct seen s = { .conf = conf,
		.by_sender = json_object(),
		.by_login = json_object(),
		.rest = json_array() };

	for (size_t i = 0; i < conf->nrule; i++) {
		const struct rule *wide = covering(&s, &conf->rule[i]);

		if (wide == NULL)
			keep_rule(&s, i);
		else
			ctl_warn(list,
			    "rule %s is never reached: rule %s before it matches all that it does; move it up",
			    conf->rule[i].name, wide->name);
	}
	json_decref(s.by_sender);
	json_decref(s.by_login);
	json_decref(s.rest);
}

/* --- patterns --------------------------------------------------------------
 */

static void
odd_patterns(const struct config *conf, const struct rule *r, json_t *list)
{
	for (size_t i = 0; i < r->sender.n; i++) {
		const char *s = r->sender.v[i], *at = strrchr(s, '@');

		if (strchr(s, '*') != NULL)
			ctl_warn(list,
			    "rule %s: sender \"%s\" matches nobody: a star means itself; \"@domain\" is everybody of a domain",
			    r->name, s);
		else if (at != NULL && conf->local_domains.n > 0 &&
			 !config_is_local_domain(conf, at + 1))
			ctl_warn(list,
			    "rule %s: sender \"%s\" is of a domain that local-domains does not name: mail to it counts as external",
			    r->name, s);
	}
	for (size_t i = 0; i < r->login.n; i++)
		if (strchr(r->login.v[i], '*') != NULL)
			ctl_warn(list,
			    "rule %s: login \"%s\" matches nobody: a star means itself",
			    r->name, r->login.v[i]);
}

static void
odd_routes(const struct config *conf, json_t *list)
{
	for (size_t i = 0; i < conf->nroute; i++) {
		const struct route *r = &conf->route[i];

		for (size_t k = 0; r->spread && k < r->n; k++)
			if (r->smarthost[k]->policies.n == 0)
				ctl_warn(list,
				    "route %s spreads by what is left of budgets, and smarthost %s has none: give it policies",
				    r->name, r->smarthost[k]->name);
	}
	for (size_t i = 0; i < conf->nsmarthost; i++)
		if (conf->smarthost[i].port == 25 &&
		    conf->smarthost[i].username[0] != '\0')
			ctl_warn(list,
			    "smarthost %s: port 25 is between mail servers; a login is taken on 587 or 465",
			    conf->smarthost[i].name);
}

void
check_rules(const struct config *conf, json_t *list)
{
	lost_rules(conf, list);
	for (size_t i = 0; i < conf->nrule; i++)
		odd_patterns(conf, &conf->rule[i], list);
	odd_routes(conf, list);
}
