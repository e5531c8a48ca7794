/*
 * reopen.c - reopen CONFIG POLICY KEY USED: opens the store that CONFIG names
 * and compares one counter.
 *
 * Exit 0: it is USED; 65: the store was refused, or the counter could not be
 * known, with words; 1: a wrong answer, a refusal without words, or with
 * another code.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "counter.h"
#include "store.h"

static void
fatal(const char *why)
{
	fprintf(stderr, "fatal: %s\n", why);
	_exit(1);
}

static int
compare(struct store *s, const struct policy *policy, const char *key,
    uint64_t want, char *why)
{
	struct counter *c = NULL;
	int64_t now = clock_now();
	uint64_t used = 0;

	switch (store_read(s, policy, key, now, &c, why)) {
	case STORE_OK:
		used = window_used(&c->slot[0].sum, now);
		counter_free(&c);
		break;
	case STORE_NONE:
		break;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		return EX_DATAERR;
	}
	snprintf(why, STORE_WHY, "%s has %" PRIu64 ", not %" PRIu64, key, used,
	    want);
	return used == want ? 0 : 1;
}

int
main(int argc, char **argv)
{
	char why[STORE_WHY] = "";
	struct config *conf;
	struct store *s;
	int rc = 0;

	if (argc != 5)
		return EX_USAGE;
	conf = config_load(argv[1], stderr);
	if (conf == NULL)
		return EX_CONFIG;
	s = store_open(conf, fatal, why, sizeof(why), &rc);
	if (s != NULL)
		rc = compare(s, config_policy(conf, argv[2]), argv[3],
		    strtoull(argv[4], NULL, 10), why);
	if (s != NULL)
		store_close(&s);
	config_free(&conf);
	if (rc != 0)
		fprintf(stderr, "%d: %s\n", rc, why);
	return rc == 0 || (rc == EX_DATAERR && why[0] != '\0') ? rc : 1;
}
