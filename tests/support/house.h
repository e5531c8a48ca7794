/*
 * house.h - a small office for tests: a configuration from text, a store in
 * memory, and a clock that stands still until it is moved.
 *
 * Include it once in a test program; it defines clock_now and clock_steady in
 * place of clock.c.
 */
#ifndef HOUSE_H
#define HOUSE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "snapshot.h"
#include "store.h"
#include "why.h"

/* 2026-03-02 09:00:00 UTC, a Monday. */
#define MONDAY (INT64_C(1772442000) * SECOND)

static _Atomic int64_t house_time = MONDAY; /* servers have threads */

int64_t
clock_now(void)
{
	return house_time;
}

int64_t
clock_steady(void)
{
	return house_time;
}

#define HOUSE_FRAME							\
	"milter-socket = \"unix:/tmp/pm/milter.sock\"\n"		\
	"map-socket = \"unix:/tmp/pm/map.sock\"\n"			\
	"auth-socket = \"unix:/tmp/pm/auth.sock\"\n"			\
	"control-socket = \"unix:/tmp/pm/control.sock\"\n"		\
	"store = \"memory:\"\n"						\
	"time-zone = \"Europe/Kyiv\"\n"					\
	"networks = {\"127.0.0.0/8\", \"10.0.0.0/8\"}\n"		\
	"local-domains = {\"office.example\"}\n"

static void
house_fatal(const char *why)
{
	fprintf(stderr, "store: %s\n", why);
	abort();
}

static const struct store_env house_env = { .fatal = house_fatal };

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

__attribute__((unused)) static struct config *
house_config(const char *text)
{
	return house_config_of(HOUSE_FRAME, text);
}

__attribute__((unused)) static struct store *
house_store(const struct config *conf)
{
	struct why why;
	int code = 0;
	struct store *s = store_open(conf, &house_env, &why,
	    &code);

	if (s == NULL) {
		fprintf(stderr, "store: %s\n", why.text);
		abort();
	}
	return s;
}

#endif
