/*
 * fillstore.c - a store that has known many senders for a while.
 *
 * Each sender is charged one message, as the daemon would: the same rules,
 * the same bill, the same store.  Only the mail is missing.  With -k it dies by
 * kill -9 in the end, and has left the flushes to the store.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "digest.h"
#include "meter.h"
#include "store.h"
#include "transaction.h"

#define FLUSH_EVERY 10000 /* what waits for the database has a bound */

static void
fatal(const char *why)
{
	fprintf(stderr, "fillstore: %s\n", why);
	exit(EX_IOERR);
}

static const struct store_env env = { .fatal = fatal };

/* charge - one message of the n-th sender, who has logged in */
static void
charge(const struct config *conf, struct store *store, size_t n)
{
	static const char rcpt[] = "rcpt0@example.org";
	struct txn t = { .client = { .len = 4, .byte = { 127, 0, 0, 1 } } };
	char sender[64];
	struct outcome o;

	snprintf(sender, sizeof(sender), "<sender%zu@office.example>", n);
	mailaddr_canon(&t.sender, sender, strlen(sender), "");
	memcpy(t.login, t.sender.text, sizeof(t.login));
	if (txn_add(&t, digest64(rcpt, strlen(rcpt)), WAY_ROUTED) == -1)
		fatal("out of memory");
	meter_charge(&(struct desk){ .conf = conf, .store = store }, &t,
	    clock_now(), &o);
	txn_end(&t);
	if (o.verdict != VERDICT_PASS)
		fatal(o.why.text[0] != '\0' ? o.why.text
					    : verdict_name(o.verdict));
}

int
main(int argc, char **argv)
{
	bool kill_in_the_end = argc == 4 && strcmp(argv[1], "-k") == 0;
	char *end;
	struct why why;
	struct config *conf;
	struct store *store;
	unsigned long n;
	enum store_fault fault;

	argv += kill_in_the_end;
	if (argc != 3 + kill_in_the_end ||
	    (n = strtoul(argv[2], &end, 10), *end != '\0')) {
		fputs("usage: fillstore [-k] FILE SENDERS\n", stderr);
		return EX_USAGE;
	}
	if ((conf = config_load(argv[1], stderr)) == NULL)
		return EX_CONFIG;
	store = store_open(conf, &env, &why, &fault);
	if (store == NULL)
		fatal(why.text);
	for (size_t i = 0; i < n; i++) {
		charge(conf, store, i);
		if (!kill_in_the_end && i % FLUSH_EVERY == 0 &&
		    store_flush(store, &why) != STORE_OK)
			fatal(why.text);
	}
	if (kill_in_the_end)
		raise(SIGKILL);
	store_close(&store);
	config_free(&conf);
	return 0;
}
