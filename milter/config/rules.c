/*
 * rules.c - smarthosts, routes and rules, and that what they name is
 * there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "escape.h"
#include "reader.h"
#include "suggest.h"

cfg_opt_t smarthost_options[] = {
	CONF_ONE("provider"),
	CONF_ONE("margin"),
	CONF_ONE("host"),
	CONF_ONE("port"),
	CONF_ONE("tls"),
	CONF_ONE("username"),
	CONF_ONE("secret"),
	CONF_LIST("policies"),
	CONF_ONE("recipient-limit"),
	CONF_ONE("envelope-sender"),
	CFG_END(),
};

cfg_opt_t route_options[] = {
	CONF_LIST("smarthosts"),
	CONF_ONE("strategy"),
	CFG_END(),
};

cfg_opt_t rule_options[] = {
	CONF_LIST("sender"),
	CONF_LIST("login"),
	CONF_LIST("client"),
	CONF_LIST("policies"),
	CONF_ONE("route"),
	CFG_END(),
};

#define HOST_LONGEST 253 /* RFC 1035, as people write it */

static const char *const nothing[] = { NULL };

/*
 * refer - the index of the section of that kind that v names; -1 and a
 * mistake if there is none.
 */
static int
refer(struct reading *r, cfg_t *root, const char *kind,
    const struct conf_value *v)
{
	const size_t n = conftext_size(root, kind);
	struct suggest near;
	char text[SHOWN], best[SHOWN];

	suggest_init(&near, v->text);
	for (size_t i = 0; i < n; i++) {
		const char *title = conftext_title(
		    &r->text, cfg_getnsec(root, kind, (unsigned)i))
					->text;

		if (strcmp(title, v->text) == 0)
			return (int)i;
		suggest_add(&near, title);
	}
	if (suggest_best(&near) != NULL)
		diag_error(&r->m, v->line,
		    "there is no %s \"%s\", did you mean \"%s\"?", kind,
		    shown(text, v),
		    escape_str(best, sizeof(best), suggest_best(&near)));
	else
		diag_error(&r->m, v->line,
		    "there is no %s \"%s\": add a section %s \"%s\" { ... }",
		    kind, shown(text, v), kind, text);
	return -1;
}

/*
 * read_budget - the policies that a rule or a smarthost names, and room for
 * more behind them
 */
static void
read_budget(
    struct reading *r, cfg_t *root, cfg_t *sec, size_t more, struct policies *p)
{
	const size_t n = conftext_size(sec, "policies");
	char text[SHOWN];

	p->v = keep_array(r, n + more, sizeof(*p->v));
	for (size_t i = 0; i < n && p->v != NULL; i++) {
		const struct conf_value *v =
		    conftext_value(&r->text, sec, "policies", i);
		const int j = refer(r, root, "policy", v);
		const struct policy *policy;

		if (j == -1 || r->conf->policy == NULL)
			continue;
		policy = &r->conf->policy[j + 1]; /* behind the built-in */
		for (size_t k = 0; k < p->n; k++)
			if (p->v[k] == policy)
				diag_error(&r->m, v->line,
				    "policies: \"%s\" stands twice here, remove one",
				    shown(text, v));
		p->v[p->n++] = policy;
	}
}

/* --- smarthosts ---------------------------------------------------------- */

static char *
read_host(
    struct reading *r, cfg_t *sec, const struct provider *p, unsigned line)
{
	const struct conf_value *v = read_one(r, sec, "host");
	struct netaddr addr;
	char name[MAILADDR_MAX + 1], text[SHOWN];

	if (v == NULL && p != NULL && p->host[0] != '\0')
		return keep(r, p->host);
	if (v == NULL) {
		diag_error(&r->m, line,
		    "a smarthost needs a host: the name on its certificate, such as \"smtp.example.net\"");
		return keep(r, "");
	}
	if (strchr(v->text, '[') == NULL && netaddr_parse(v->text, &addr) == 0)
		return keep(r, v->text);
	if (!mailaddr_canon_domain(name, sizeof(name), v->text, v->len) ||
	    strlen(name) > HOST_LONGEST)
		diag_error(&r->m, v->line,
		    "host = \"%s\": write a host name or an address, without brackets and port",
		    shown(text, v));
	return keep(r, name);
}

/* read_login - username and secret go together, or neither is there */
static void
read_login(struct reading *r, cfg_t *sec, struct smarthost *sh)
{
	const struct conf_value *user = read_one(r, sec, "username");
	const struct conf_value *secret = read_one(r, sec, "secret");

	sh->username = read_text(r, sec, "username", "");
	sh->secret = read_text(r, sec, "secret", "");
	if (user != NULL &&
	    (user->len == 0 || strchr(user->text, ':') != NULL ||
		u8_check((const uint8_t *)user->text, user->len) != NULL))
		diag_error(&r->m, user->line,
		    "username: it is valid UTF-8, not empty, and without \":\", where mail servers cut it");
	if (secret != NULL && secret->len == 0)
		diag_error(&r->m, secret->line,
		    "secret: it is the name of a secret in the secrets file, or leave it out");
	if (user != NULL && secret == NULL)
		diag_error(&r->m, user->line,
		    "a username without a secret: add secret = \"NAME\", or remove both");
	if (user == NULL && secret != NULL)
		diag_error(&r->m, secret->line,
		    "a secret without a username: add username = \"...\", or remove both");
}

/* read_envelope_sender - an address that needs no quotes in any header */
static void
read_envelope_sender(struct reading *r, cfg_t *sec, struct smarthost *sh)
{
	const struct conf_value *v = read_one(r, sec, "envelope-sender");
	const char *plain =
	    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-/=?^_`{|}~.@";
	struct mailaddr a = { .text = "" };
	char text[SHOWN];

	if (v != NULL && v->len > 0) {
		mailaddr_canon(
		    &a, v->text, v->len, r->conf->recipient_delimiter);
		if (a.at == 0 || mailaddr_domain(&a)[0] == '\0' ||
		    v->len > MAILADDR_MAX || strspn(v->text, plain) != v->len ||
		    strchr(v->text, '@') != strrchr(v->text, '@'))
			diag_error(&r->m, v->line,
			    "envelope-sender = \"%s\": write the account's address, \"user@domain\", in ASCII",
			    shown(text, v));
	}
	sh->envelope_sender = read_text(r, sec, "envelope-sender", "");
	sh->envelope_key = keep(r, a.text);
}

static void
read_smarthost(struct reading *r, cfg_t *root, cfg_t *sec, struct smarthost *sh)
{
	static const char *const tls[] = {
		[TLS_VERIFY] = "verify", [TLS_ENCRYPT] = "encrypt", NULL
	};
	const unsigned line = conftext_title(&r->text, sec)->line;
	const struct provider *p = read_provider(r, sec);
	const uint32_t margin =
	    read_number(r, sec, "margin", 0, MARGIN_LARGEST, r->margin);

	sh->provider = keep(r, p != NULL ? p->name : "");
	sh->host = read_host(r, sec, p, line);
	sh->port = (uint16_t)read_number(
	    r, sec, "port", 1, 65535, p != NULL ? p->port : 587);
	sh->tls = (enum tls_level)read_choice(r, sec, "tls", tls, TLS_VERIFY);
	read_login(r, sec, sh);
	read_budget(r, root, sec, p != NULL ? p->nlimit + 1 : 0, &sh->policies);
	if (p != NULL)
		provider_bring(r, p, margin, line, sh);
	sh->recipient_limit = read_number(r, sec, "recipient-limit", 1, 100000,
	    p != NULL ? p->recipient_limit : 0);
	read_envelope_sender(r, sec, sh);
}

void
read_smarthosts(struct reading *r, cfg_t *root)
{
	struct config *conf = r->conf;
	const size_t n = conftext_size(root, "smarthost");

	conf->smarthost = keep_array(r, n, sizeof(*conf->smarthost));
	for (size_t i = 0; i < n && conf->smarthost != NULL; i++) {
		struct smarthost *sh = &conf->smarthost[conf->nsmarthost++];

		sh->name = read_title(r, root, "smarthost", i);
		read_smarthost(
		    r, root, cfg_getnsec(root, "smarthost", (unsigned)i), sh);
	}
}

/* --- routes -------------------------------------------------------------- */

static void
read_route(struct reading *r, cfg_t *root, cfg_t *sec, struct route *route)
{
	static const char *const strategies[] = { "failover", "spread", NULL };
	const size_t n = conftext_size(sec, "smarthosts");
	char text[SHOWN];

	route->spread = read_choice(r, sec, "strategy", strategies, 0) == 1;
	if (n == 0 || n > BILL_CHOICES)
		diag_error(&r->m, conftext_title(&r->text, sec)->line,
		    "a route leads to 1 to %d smarthosts: smarthosts = {\"NAME\"}",
		    BILL_CHOICES);
	route->smarthost = keep_array(r, n, sizeof(*route->smarthost));
	for (size_t i = 0; i < n && route->smarthost != NULL; i++) {
		const struct conf_value *v =
		    conftext_value(&r->text, sec, "smarthosts", i);
		const int j = refer(r, root, "smarthost", v);
		const struct smarthost *sh;

		if (j == -1 || r->conf->smarthost == NULL)
			continue;
		sh = &r->conf->smarthost[j];
		for (size_t k = 0; k < route->n; k++)
			if (route->smarthost[k] == sh)
				diag_error(&r->m, v->line,
				    "smarthosts: \"%s\" stands twice in this route, remove one",
				    shown(text, v));
		route->smarthost[route->n++] = sh;
	}
}

void
read_routes(struct reading *r, cfg_t *root)
{
	struct config *conf = r->conf;
	const size_t n = conftext_size(root, "route");

	conf->route = keep_array(r, n, sizeof(*conf->route));
	for (size_t i = 0; i < n && conf->route != NULL; i++) {
		struct route *route = &conf->route[conf->nroute++];

		route->name = read_title(r, root, "route", i);
		read_route(
		    r, root, cfg_getnsec(root, "route", (unsigned)i), route);
	}
}

/* --- rules --------------------------------------------------------------- */

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
		read(r, conftext_value(&r->text, sec, name, i), names);
}

/* no_empty_conditions - {} could mean everything or nothing: nobody guesses */
static void
no_empty_conditions(struct reading *r, cfg_t *sec)
{
	static const char *const names[] = { "sender", "login", "client" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (conftext_given(sec, names[i]) &&
		    conftext_size(sec, names[i]) == 0)
			diag_error(&r->m, conftext_title(&r->text, sec)->line,
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
	const unsigned line = conftext_title(&r->text, sec)->line;

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
	const struct conf_value *route = read_one(r, sec, "route");
	int i;

	no_empty_conditions(r, sec);
	read_condition(r, sec, "sender", read_sender, &rule->sender);
	read_condition(r, sec, "login", read_rule_login, &rule->login);
	read_prefixes(r, sec, "client", nothing, &rule->client);
	read_budget(r, root, sec, 0, &rule->policies);
	if (route == NULL)
		return;
	i = refer(r, root, "route", route);
	if (i != -1 && r->conf->route != NULL)
		rule->route = &r->conf->route[i];
	no_double_senders(r, sec, rule);
	if (bill_lines(rule) > BILL_LINES)
		diag_error(&r->m, conftext_title(&r->text, sec)->line,
		    "this rule and the smarthosts of its route name %zu policies together, at most %d can be met at once",
		    bill_lines(rule) - 1, BILL_LINES - 1);
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
