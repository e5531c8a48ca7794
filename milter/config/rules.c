/*
 * rules.c - the sections that say whose mail is metered how, and which way it
 * goes.
 */
#include <string.h>

#include "reader.h"

cfg_opt_t rule_options[] = {
	CONF_LIST("sender"),
	CONF_LIST("login"),
	CONF_LIST("client"),
	CONF_LIST("policies"),
	CONF_ONE("route"),
	CFG_END(),
};

static const char *const nothing[] = { NULL };

/* canon_sender - "<>", "@domain" or an address without a tag; NULL if none */
static const char *
canon_sender(
    const struct reading *r, const struct conf_value *v, struct mailaddr *a)
{
	struct mailaddr tagged;

	if (strcmp(v->text, "<>") == 0)
		return v->text;
	if (v->text[0] == '@') {
		a->text[0] = '@';
		return mailaddr_canon_domain(
			   a->text + 1, MAILADDR_MAX, v->text + 1, v->len - 1)
			   ? a->text
			   : NULL;
	}
	mailaddr_canon(a, v->text, v->len, r->conf->recipient_delimiter);
	mailaddr_canon(&tagged, v->text, v->len, "");
	if (a->at == 0 || mailaddr_domain(a)[0] == '\0' ||
	    strcmp(a->text, tagged.text) != 0)
		return NULL;
	return a->text;
}

static void
read_sender(struct reading *r, const struct conf_value *v, struct names *names)
{
	struct mailaddr a;
	const char *canon = canon_sender(r, v, &a);
	char text[SHOWN];

	if (canon == NULL)
		diag_error(&r->m, v->line,
		    "sender: \"%s\": write \"user@domain\" without a tag, \"@domain\", or \"<>\"",
		    shown(text, v));
	else
		names->v[names->n++] = keep(r, canon);
}

static void
read_rule_login(
    struct reading *r, const struct conf_value *v, struct names *names)
{
	char canon[MAILADDR_MAX + 1];

	config_login(r->conf, v->text, canon);
	if (canon[0] == '\0')
		diag_error(&r->m, v->line,
		    "login: it is the name that a user logs in with, and not empty");
	else
		names->v[names->n++] = keep(r, canon);
}

static void
read_condition(struct reading *r, cfg_t *sec, const char *name,
    void (*read)(struct reading *, const struct conf_value *, struct names *),
    struct names *names)
{
	const size_t n = conftext_size(sec, name);

	names->v = keep_array(r, n, sizeof(*names->v));
	for (size_t i = 0; i < n && names->v != NULL; i++)
		read(r, conftext_value(sec, name, i), names);
}

/* no_empty_conditions - {} could mean everything or nothing: nobody guesses */
static void
no_empty_conditions(struct reading *r, cfg_t *sec)
{
	static const char *const names[] = { "sender", "login", "client" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (conftext_given(sec, names[i]) &&
		    conftext_size(sec, names[i]) == 0)
			diag_error(&r->m, conftext_title(sec).line,
			    "%s = {} in this rule: name at least one, or leave %s out to match all",
			    names[i], names[i]);
}

/* bill_lines - how many counters a message under this rule can touch */
static size_t
bill_lines(const struct rule *rule)
{
	size_t n = rule->policies.n + 1; /* and the cap on new senders */

	for (size_t i = 0; rule->route != NULL && i < rule->route->n; i++)
		n += rule->route->smarthost[i]->policies.n;
	return n;
}

/* charges - is p one of the policies of the rule itself? */
static bool
charges(const struct rule *rule, const struct policy *p)
{
	for (size_t i = 0; i < rule->policies.n; i++)
		if (rule->policies.v[i] == p)
			return true;
	return false;
}

/* no_double_senders - one counter of a sender must not pay twice */
static void
no_double_senders(struct reading *r, cfg_t *sec, const struct rule *rule)
{
	const unsigned line = conftext_title(sec).line;

	for (size_t i = 0; rule->route != NULL && i < rule->route->n; i++) {
		const struct smarthost *sh = rule->route->smarthost[i];

		for (size_t j = 0; j < sh->policies.n; j++)
			if (sh->policies.v[j]->per == PER_SENDER &&
			    charges(rule, sh->policies.v[j]))
				diag_error(&r->m, line,
				    "policy \"%s\" counts each sender for this rule and again for smarthost \"%s\" of its route: give one of them its own",
				    sh->policies.v[j]->name, sh->name);
	}
}

static void
read_rule(struct reading *r, cfg_t *root, cfg_t *sec, struct rule *rule)
{
	const struct conf_value *route = read_one(sec, "route");
	int i;

	no_empty_conditions(r, sec);
	read_condition(r, sec, "sender", read_sender, &rule->sender);
	read_condition(r, sec, "login", read_rule_login, &rule->login);
	read_prefixes(r, sec, "client", nothing, &rule->client);
	read_policy_names(r, root, sec, 0, &rule->policies);
	if (route == NULL)
		return;
	i = read_reference(r, root, "route", route);
	if (i != -1 && r->conf->route != NULL)
		rule->route = &r->conf->route[i];
	no_double_senders(r, sec, rule);
	if (bill_lines(rule) > BILL_POLICIES)
		diag_error(&r->m, conftext_title(sec).line,
		    "this rule and the smarthosts of its route name %zu policies together, at most %d can be met at once",
		    bill_lines(rule) - 1, BILL_POLICIES - 1);
}

void
read_rules(struct reading *r, cfg_t *root)
{
	struct config *conf = r->conf;
	const size_t n = conftext_size(root, "rule");

	if (n == 0 && !conf->unmatched_accept)
		diag_error(&r->m, 0,
		    "there is no rule, so all outgoing mail would be refused: add rule \"everybody\" { ... }");
	conf->rule = keep_array(r, n, sizeof(*conf->rule));
	for (size_t i = 0; i < n && conf->rule != NULL; i++) {
		struct rule *rule = &conf->rule[conf->nrule++];

		rule->name = read_title(r, root, "rule", i);
		read_rule(
		    r, root, cfg_getnsec(root, "rule", (unsigned)i), rule);
	}
}
