/*
 * smarthosts.c - the sections that say where mail can go: smarthosts, and the
 * routes that choose among them.
 */
#include <string.h>
#include <unistr.h>

#include "reader.h"

#define RECIPIENT_LIMIT 50 /* what Postfix has by default */

cfg_opt_t smarthost_options[] = {
	CONF_ONE("provider"),
	CONF_ONE("margin"),
	CONF_ONE("host"),
	CONF_ONE("port"),
	CONF_ONE("tls"),
	CONF_ONE("username"),
	CONF_ONE("secret"),
	CONF_ONE("auth"),
	CONF_ONE("grant"),
	CONF_ONE("client-id"),
	CONF_ONE("tenant"),
	CONF_ONE("token-url"),
	CONF_ONE("scope"),
	CONF_ONE("key-file"),
	CONF_ONE("secret-until"),
	CONF_LIST("policies"),
	CONF_ONE("recipient-limit"),
	CONF_ONE("concurrency"),
	CONF_ONE("messages-per-minute"),
	CONF_ONE("envelope-sender"),
	CFG_END(),
};

cfg_opt_t route_options[] = {
	CONF_LIST("smarthosts"),
	CONF_ONE("strategy"),
	CFG_END(),
};

#define HOST_LONGEST 253 /* RFC 1035, as people write it */

/* --- smarthosts ---------------------------------------------------------- */

static char *
read_host(
    struct reading *r, cfg_t *sec, const struct provider *p, unsigned line)
{
	const struct conf_value *v = read_one(sec, "host");
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
	const struct conf_value *user = read_one(sec, "username");
	const struct conf_value *secret = read_one(sec, "secret");

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
	read_oauth(r, sec, sh);
	if (sh->oauth.grant != GRANT_NONE)
		return;
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
	const struct conf_value *v = read_one(sec, "envelope-sender");
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

/* bound_recipient_limit - a delivery must fit into each budget of the account
 */
static void
bound_recipient_limit(struct smarthost *sh)
{
	for (size_t i = 0; i < sh->policies.n; i++) {
		const struct policy *p = sh->policies.v[i];

		for (size_t j = 0;
		     p->when_over != OVER_OBSERVE && j < p->nlimit; j++)
			if (p->limit[j].dim == DIM_RECIPIENTS &&
			    p->limit[j].max < sh->recipient_limit)
				sh->recipient_limit = (uint32_t)p->limit[j].max;
	}
	if (sh->recipient_limit == 0)
		sh->recipient_limit = 1; /* a limit of 0 fits nothing anyway */
}

static void
read_smarthost(struct reading *r, cfg_t *root, cfg_t *sec, struct smarthost *sh)
{
	static const char *const tls[] = {
		[TLS_VERIFY] = "verify", [TLS_ENCRYPT] = "encrypt", NULL
	};
	const unsigned line = conftext_title(sec).line;
	const struct provider *p = read_provider(r, sec);
	const uint32_t margin =
	    read_number(r, sec, "margin", 0, MARGIN_LARGEST, r->margin);

	sh->provider = keep(r, p != NULL ? p->name : "");
	sh->host = read_host(r, sec, p, line);
	sh->port = (uint16_t)read_number(
	    r, sec, "port", 1, 65535, p != NULL ? p->port : 587);
	sh->tls = (enum tls_level)read_choice(r, sec, "tls", tls, TLS_VERIFY);
	read_login(r, sec, sh);
	read_policy_names(
	    r, root, sec, p != NULL ? p->nlimit + 1 : 0, &sh->policies);
	if (p != NULL)
		provider_bring(r, p, margin, line, sh);
	sh->recipient_limit = read_number(r, sec, "recipient-limit", 1, 100000,
	    p != NULL && p->recipient_limit > 0 ? p->recipient_limit
						: RECIPIENT_LIMIT);
	bound_recipient_limit(sh);
	sh->concurrency = read_number(r, sec, "concurrency", 1, 1000,
	    p != NULL && p->concurrency <= 1000 ? p->concurrency : 0);
	sh->messages_per_minute = read_number(r, sec, "messages-per-minute", 1,
	    100000, p != NULL ? p->messages_per_minute : 0);
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
		diag_error(&r->m, conftext_title(sec).line,
		    "a route leads to 1 to %d smarthosts: smarthosts = {\"NAME\"}",
		    BILL_CHOICES);
	route->smarthost = keep_array(r, n, sizeof(*route->smarthost));
	for (size_t i = 0; i < n && route->smarthost != NULL; i++) {
		const struct conf_value *v =
		    conftext_value(sec, "smarthosts", i);
		const int j = read_reference(r, root, "smarthost", v);
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
