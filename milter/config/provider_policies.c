/*
 * provider_policies.c - what a smarthost need not say, because its provider is
 * known.
 *
 * A provider's limits become policies like any other, named after the
 * smarthost: so they are charged, shown, explained and granted like any other.
 */
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "reader.h"
#include "suggest.h"

static const struct conf_value *
named(cfg_t *root, size_t i)
{
	return read_one(
	    cfg_getnsec(root, "smarthost", (unsigned)i), "provider");
}

/* provider_policies_is_named - does any smarthost name a provider? */
static bool
provider_policies_is_named(cfg_t *root)
{
	for (size_t i = 0; i < conftext_size(root, "smarthost"); i++)
		if (named(root, i) != NULL)
			return true;
	return false;
}

/* Without a smarthost that names a provider their file need not be there. */
void
read_providers(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "providers");
	const char *file = v != NULL ? v->text : PROVIDERS_DEFAULT;
	const unsigned line = v != NULL ? v->line : 0;
	char text[SHOWN];

	r->conf->providers = keep(r, file);
	r->margin =
	    read_number(r, root, "margin", 0, MARGIN_LARGEST, PROVIDER_MARGIN);
	if (file[0] != '/') {
		diag_error(&r->m, line,
		    "providers = \"%s\": write the absolute path of providers.conf",
		    shown(text, v));
		return;
	}
	if (!provider_policies_is_named(root))
		return;
	r->providers = providers_load(file, r->m.out);
	if (r->providers == NULL)
		diag_error(&r->m, line,
		    "providers = \"%s\" is not good: name the providers.conf that came with postmeter",
		    escape_str(text, sizeof(text), file));
}

const struct provider *
read_provider(struct reading *r, cfg_t *sec)
{
	const struct conf_value *v = read_one(sec, "provider");
	const struct provider *p;
	struct suggest near;
	char text[SHOWN];

	if (v == NULL || r->providers == NULL)
		return NULL;
	p = provider_find(r->providers, v->text);
	if (p != NULL)
		return p;
	suggest_init(&near, v->text);
	for (size_t i = 0; i < r->providers->n; i++)
		suggest_add(&near, r->providers->v[i].name);
	if (suggest_best(&near) != NULL)
		diag_error(&r->m, v->line,
		    "there is no provider \"%s\", did you mean \"%s\"?",
		    shown(text, v), suggest_best(&near));
	else
		diag_error(&r->m, v->line,
		    "there is no provider \"%s\": `postmeterctl providers` lists them, \"custom\" is any other",
		    shown(text, v));
	return NULL;
}

size_t
provider_capacity(const struct reading *r, cfg_t *root)
{
	size_t capacity = 0;

	for (size_t i = 0;
	     r->providers != NULL && i < conftext_size(root, "smarthost");
	     i++) {
		const struct conf_value *v = named(root, i);
		const struct provider *p =
		    v != NULL ? provider_find(r->providers, v->text) : NULL;

		capacity += p != NULL ? p->nlimit + 1 : 0;
	}
	return capacity;
}

static bool
is_taken(const struct config *conf, const char *name)
{
	for (size_t i = 0; i < conf->npolicy; i++)
		if (conf->policy[i].name != NULL &&
		    strcmp(conf->policy[i].name, name) == 0)
			return true;
	return false;
}

/* bring - one more policy of the account, "SMARTHOST.what" */
static void
bring(struct reading *r, const char *what, unsigned line,
    const struct policy *policy, struct smarthost *sh)
{
	struct config *conf = r->conf;
	char name[256];
	struct policy *p;

	if (conf->policy == NULL || sh->policies.v == NULL)
		return;
	snprintf(name, sizeof(name), "%s.%s", sh->name, what);
	if (is_taken(conf, name))
		diag_error(&r->m, line,
		    "policy \"%s\": its provider brings one of this name for smarthost \"%s\", give yours another",
		    name, sh->name);
	p = &conf->policy[conf->npolicy++];
	*p = *policy;
	p->name = keep(r, name);
	p->text = keep(r, "");
	p->warn_to = keep(r, "");
	sh->policies.v[sh->policies.n++] = p;
}

void
provider_bring(struct reading *r, const struct provider *p, unsigned margin,
    unsigned line, struct smarthost *sh)
{
	struct policy policy = { .per = PER_EVERYONE,
		.recipients_per_message = p->recipients_per_message };

	for (size_t i = 0; i < p->nlimit; i++) {
		provider_policy(p, i, margin, &policy);
		bring(r, p->limit[i].name, line, &policy, sh);
	}
	if (p->nlimit == 0 && p->recipients_per_message > 0)
		bring(r, "message", line, &policy, sh);
}
