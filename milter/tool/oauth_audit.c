/*
 * oauth_audit.c - what a smarthost that logs in with a token needs on this
 * machine: the plugin where libsasl looks for it, safe and loadable; and who
 * should log in with one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "provider.h"
#include "tool.h"

#define PLUGIN SASLDIR "/libpostmeter-oauth.so"

static void
audit_plugin(json_t *found)
{
	struct stat st;
	void *plugin;

	if (stat(PLUGIN, &st) == -1) {
		ctl_finding(found, true,
		    "install it there (`make install`, or the package), then reload the mail server",
		    "%s: %s: the mail server cannot log in with a token",
		    PLUGIN, strerror(errno));
		return;
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		ctl_finding(found, true,
		    "chown root " PLUGIN "; chmod 644 " PLUGIN,
		    "%s can be written by others than root", PLUGIN);
		return; /* to load it is to run it */
	}
	plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
	if (plugin == NULL || dlsym(plugin, "sasl_client_plug_init") == NULL)
		ctl_finding(found, true, "install it again, for this system",
		    "%s cannot be loaded: %s", PLUGIN, dlerror());
	if (plugin != NULL)
		dlclose(plugin);
}

static void
audit_secret(json_t *found, const struct smarthost *sh, int64_t now)
{
	const int64_t days = (sh->oauth.secret_until - now) / DAY;

	if (sh->oauth.secret_until == 0 || days > 30)
		return;
	ctl_finding(found, days < 0,
	    "make a new one at the provider, store it with `postmeterctl secret set`, and correct secret-until",
	    "smarthost %s: its client secret %s %lld days%s", sh->name,
	    days < 0 ? "ended" : "ends in",
	    (long long)(days < 0 ? -days : days), days < 0 ? " ago" : "");
}

void
ctl_warn_passwords(const struct config *conf, json_t *list)
{
	char *said = NULL;
	size_t len;
	FILE *errors = open_memstream(&said, &len);
	struct providers *all = NULL;

	if (errors != NULL && conf->providers[0] != '\0')
		all = providers_load(conf->providers, errors);
	for (size_t i = 0; all != NULL && i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];
		const struct provider *p = provider_find(all, sh->provider);

		if (p != NULL && p->passwords[0] != '\0' &&
		    sh->oauth.grant == GRANT_NONE && sh->username[0] != '\0')
			ctl_warn(list,
			    "smarthost %s: passwords at %s: %s (read %s): auth = \"oauth\" logs in with a token, see postmeter.conf(5)",
			    sh->name, p->title, p->passwords, p->checked);
	}
	providers_free(&all);
	if (errors != NULL)
		fclose(errors);
	free(said);
}

void
ctl_oauth_audit(const struct config *conf, json_t *found)
{
	bool any = false;

	for (size_t i = 0; i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];

		if (sh->oauth.grant == GRANT_NONE)
			continue;
		any = true;
		audit_secret(found, sh, clock_now());
	}
	if (any)
		audit_plugin(found);
}
