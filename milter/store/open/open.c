/*
 * open.c - from a URL to the store that it names: the one place that knows
 * every backend, and that composes them.
 */
#include <string.h>

#include "../fallback/fallback.h"
#include "../local/local.h"
#include "../redis/redis.h"
#include "store_url.h"

static const struct store_backend *const backends[] = {
	&store_sqlite,
	&store_memory,
	&store_redis,
};

static struct store *
open_url(const struct config *conf, const char *url,
    const struct store_env *env, struct why *why, enum store_fault *fault_r)
{
	const struct store_scheme *scheme = store_url_scheme(url, why);

	*fault_r = STORE_MISCONFIGURED;
	for (size_t i = 0;
	     scheme != NULL && i < sizeof(backends) / sizeof(backends[0]);
	     i++) {
		struct store *s;

		if (strcmp(backends[i]->kind, scheme->kind) != 0)
			continue;
		s = backends[i]->open(conf, url, env, why, fault_r);
		if (s != NULL)
			s->conf = config_hold(conf);
		return s;
	}
	return NULL;
}

/* A shared store may be out of reach: then another one stands in. */
struct store *
store_open(const struct config *conf, const struct store_env *env,
    struct why *why, enum store_fault *fault_r)
{
	struct store *s = open_url(conf, conf->store, env, why, fault_r);

	if (s == NULL || s->backend->merge == NULL)
		return s;
	return store_fallback(s, conf, env, open_url, why, fault_r);
}
