/*
 * store_url.c - the schemes of stores, one row each.
 */
#include <string.h>

#include "redis_url.h"
#include "store_url.h"

static const char forms[] =
    "write \"sqlite:/absolute/path\", \"redis://host:port/db\" for several mail servers, or \"memory:\" to forget everything at the end";

static int
sqlite_check(const char *url, struct why *why)
{
	if (url[strlen("sqlite:")] == '/')
		return 0;
	why_set(why, "%s", forms);
	return -1;
}

static int
memory_check(const char *url, struct why *why)
{
	if (strcmp(url, "memory:") == 0)
		return 0;
	why_set(why, "%s", forms);
	return -1;
}

static const char *
memory_warning(const char *url)
{
	(void)url;
	return "store = memory: every restart forgets what was sent";
}

static int
redis_check(const char *url, struct why *why)
{
	struct redis_url u;

	return redis_url_parse(url, &u, why);
}

static const char *
redis_warning(const char *url)
{
	if (strncmp(url, "redis://", 8) != 0 ||
	    strncmp(url, "redis://127.", 12) == 0 ||
	    strncmp(url, "redis://localhost", 17) == 0)
		return NULL;
	return "store = redis:// is in clear: whoever sees or changes the traffic sees or changes counters; rediss:// is not";
}

static const struct store_scheme schemes[] = {
	{ .kind = "sqlite",
	    .begin = "sqlite:",
	    .has_file = true,
	    .check = sqlite_check },
	{ .kind = "memory",
	    .begin = "memory:",
	    .check = memory_check,
	    .warning = memory_warning },
	{ .kind = "redis",
	    .begin = REDIS_SCHEME,
	    .is_shared = true,
	    .check = redis_check,
	    .warning = redis_warning },
};

const struct store_scheme *
store_url_scheme(const char *url, struct why *why)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(url, schemes[i].begin, strlen(schemes[i].begin)) ==
		    0)
			return schemes[i].check(url, why) == 0 ? &schemes[i]
							       : NULL;
	why_set(why, "%s", forms);
	return NULL;
}

const char *
store_url_file(const char *url)
{
	struct why why;
	const struct store_scheme *s = store_url_scheme(url, &why);

	return s != NULL && s->has_file ? url + strlen(s->begin) : NULL;
}

bool
store_url_is_shared(const char *url)
{
	struct why why;
	const struct store_scheme *s = store_url_scheme(url, &why);

	return s != NULL && s->is_shared;
}

const char *
store_url_warning(const char *url)
{
	struct why why;
	const struct store_scheme *s = store_url_scheme(url, &why);

	return s != NULL && s->warning != NULL ? s->warning(url) : NULL;
}
