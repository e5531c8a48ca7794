/*
 * lookup.c - a configuration that was read: its life, and what is asked of it.
 *
 * Below the readers: they look up, too.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/* --- its life ------------------------------------------------------------ */

static void
free_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
}

static void
free_route(struct route *route)
{
	free(route->name);
	free(route->smarthost);
}

static void
free_rule(struct rule *rule)
{
	free(rule->name);
	free_names(&rule->sender);
	free_names(&rule->login);
	free(rule->client.v);
	free(rule->policies.v);
}

const struct config *
config_hold(const struct config *conf)
{
	/* Nothing else of it changes once it is loaded. */
	atomic_fetch_add(&((struct config *)(uintptr_t)conf)->holders, 1);
	return conf;
}

void
config_release(const struct config **cp)
{
	struct config *conf = (struct config *)(uintptr_t)*cp;

	*cp = NULL;
	config_free(&conf);
}

void
config_free(struct config **cp)
{
	struct config *conf = *cp;

	*cp = NULL;
	if (conf == NULL || atomic_fetch_sub(&conf->holders, 1) > 0)
		return;
	for (size_t i = 0; i < conf->nrule; i++)
		free_rule(&conf->rule[i]);
	for (size_t i = 0; i < conf->nroute; i++)
		free_route(&conf->route[i]);
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		free(conf->smarthost[i].name);
		free(conf->smarthost[i].provider);
		free(conf->smarthost[i].host);
		free(conf->smarthost[i].envelope_sender);
		free(conf->smarthost[i].envelope_key);
		free(conf->smarthost[i].username);
		free(conf->smarthost[i].secret);
		free(conf->smarthost[i].oauth.client_id);
		free(conf->smarthost[i].oauth.tenant);
		free(conf->smarthost[i].oauth.token_url);
		free(conf->smarthost[i].oauth.scope);
		free(conf->smarthost[i].oauth.key_file);
		free(conf->smarthost[i].policies.v);
	}
	for (size_t i = 0; i < conf->npolicy; i++) {
		free(conf->policy[i].name);
		free(conf->policy[i].text);
		free(conf->policy[i].warn_to);
	}
	free(conf->rule);
	free(conf->route);
	free(conf->smarthost);
	free(conf->policy);
	free_names(&conf->auth_peers);
	free_names(&conf->view_peers);
	free_names(&conf->view_may);
	free_names(&conf->web_readers);
	free_names(&conf->web_actors);
	free_names(&conf->report_to);
	free_names(&conf->local_domains);
	free_names(&conf->login_domains);
	free(conf->networks.v);
	zone_free(&conf->zone);
	free(conf->file);
	free(conf->user);
	free(conf->web_key);
	free(conf->store);
	free(conf->store_secret);
	free(conf->oauth_state);
	free(conf->store_local);
	free(conf->secrets);
	free(conf->providers);
	free(conf->trace_file);
	free(conf->on_alert);
	free(conf->mail_texts);
	free(conf->mail_state);
	refusals_free(&conf->refusals);
	free(conf->recipient_delimiter);
	free(conf);
}

/* --- lookups ------------------------------------------------------------- */

const struct policy *
config_policy(const struct config *conf, const char *name)
{
	for (size_t i = 0; i < conf->npolicy; i++)
		if (strcmp(conf->policy[i].name, name) == 0)
			return &conf->policy[i];
	return NULL;
}

bool
config_leads_to(const struct route *route, const struct smarthost *sh)
{
	for (size_t i = 0; route != NULL && i < route->n; i++)
		if (route->smarthost[i] == sh)
			return true;
	return false;
}

const struct smarthost *
config_smarthost(const struct config *conf, const char *name)
{
	for (size_t i = 0; i < conf->nsmarthost; i++)
		if (strcmp(conf->smarthost[i].name, name) == 0)
			return &conf->smarthost[i];
	return NULL;
}

bool
config_is_local_domain(const struct config *conf, const char *domain)
{
	for (size_t i = 0; i < conf->local_domains.n; i++)
		if (strcmp(conf->local_domains.v[i], domain) == 0)
			return true;
	return false;
}

bool
config_is_local(const struct config *conf, const struct mailaddr *a)
{
	return config_is_local_domain(conf, mailaddr_domain(a));
}

bool
config_needs_headers(const struct config *conf)
{
	for (size_t i = 0; i < conf->nsmarthost; i++)
		if (conf->smarthost[i].envelope_sender[0] != '\0')
			return true;
	return false;
}

/* is_realm - does the login end in one of the realms that the first means? */
static bool
is_realm(const struct config *conf, const char *domain)
{
	for (size_t i = 1; i < conf->login_domains.n; i++)
		if (strcmp(conf->login_domains.v[i], domain) == 0)
			return true;
	return false;
}

void
config_login(const struct config *conf, const char *raw, char *dst)
{
	const char *home =
	    conf->login_domains.n > 0 ? conf->login_domains.v[0] : "";
	char login[MAILADDR_MAX + 1];
	struct mailaddr a;

	mailaddr_canon_login(login, sizeof(login), raw, home);
	if (login[0] == '\0' || strchr(login, '@') == NULL) {
		memcpy(dst, login, sizeof(login));
		return;
	}
	/* From here it is an address like that of a sender. */
	mailaddr_canon(&a, login, strlen(login), conf->recipient_delimiter);
	if (is_realm(conf, mailaddr_domain(&a))) {
		a.text[a.at] = '\0';
		mailaddr_canon_login(dst, MAILADDR_MAX + 1, a.text, home);
	} else {
		memcpy(dst, a.text, sizeof(a.text));
	}
}

bool
config_needs_body(const struct config *conf)
{
	for (size_t i = 0; i < conf->npolicy; i++)
		for (size_t j = 0; j < conf->policy[i].nlimit; j++)
			if (conf->policy[i].limit[j].dim == DIM_BYTES)
				return true;
	return false;
}
