/*
 * house.c - a small office for tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "house.h"

static void
house_fatal(const char *why)
{
	fprintf(stderr, "store: %s\n", why);
	abort();
}

const struct store_env house_env = { .fatal = house_fatal };

/* The configuration that the two texts make; a mistake ends the test. */
static struct config *
house_config_of(const char *frame, const char *text)
{
	char path[] = "/tmp/pm-house-XXXXXX";
	struct config *conf;
	int fd = mkstemp(path);
	FILE *f = fd == -1 ? NULL : fdopen(fd, "w");

	if (f == NULL)
		abort();
	fprintf(f, "%s%s", frame, text);
	fclose(f);
	conf = config_load(path, stderr);
	unlink(path);
	if (conf == NULL)
		abort();
	return conf;
}

struct config *
house_config(const char *text)
{
	return house_config_of(HOUSE_FRAME, text);
}

struct store *
house_store(const struct config *conf)
{
	struct why why;
	enum store_fault fault;
	struct store *s = store_open(conf, &house_env, &why, &fault);

	if (s == NULL) {
		fprintf(stderr, "store: %s\n", why.text);
		abort();
	}
	return s;
}
