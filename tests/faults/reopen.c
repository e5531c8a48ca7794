/*
 * reopen.c - reopen CONFIG POLICY KEY LOW USED: opens the store that CONFIG
 * names and compares one counter.
 *
 * Exit 0: it is USED; 2: it is less, but not less than LOW; 65: the store was
 * refused, or the counter could not be known, with words; 1: a wrong answer, a
 * refusal without words, or with another code.
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

#define CUT 2

static void
fatal(const char *why)
{
	fprintf(stderr, "fatal: %s\n", why);
	_exit(1);
}

static const struct store_env env = { .fatal = fatal };

static int
compare(struct store *s, const struct policy *policy, const char *key,
    uint64_t low, uint64_t want, struct why *why)
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
	why_set(why, "%s has %" PRIu64 ", not %" PRIu64, key, used, want);
	if (used == want)
		return 0;
	return used >= low && used < want ? CUT : 1;
}

int
main(int argc, char **argv)
{
	struct why why = WHY_NONE;
	struct config *conf;
	struct store *s;
	enum store_fault fault = STORE_OPENED;
	int rc;

	if (argc != 6)
		return EX_USAGE;
	conf = config_load(argv[1], stderr);
	if (conf == NULL)
		return EX_CONFIG;
	s = store_open(conf, &env, &why, &fault);
	rc = fault == STORE_DAMAGED ? EX_DATAERR : 1;
	if (s != NULL)
		rc = compare(s, config_policy(conf, argv[2]), argv[3],
		    strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10),
		    &why);
	if (s != NULL)
		store_close(&s);
	config_free(&conf);
	if (rc != 0)
		fprintf(stderr, "%d: %s\n", rc, why.text);
	if (rc == EX_DATAERR && why.text[0] == '\0')
		return 1;
	return rc == 0 || rc == CUT || rc == EX_DATAERR ? rc : 1;
}
