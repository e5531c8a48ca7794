/*
 * runaway.c - refusals counted by account and policy, in a table of fixed size.
 *
 * A place belongs to whoever was refused last there: a flood of made-up names
 * may displace a place, and costs one more block later, never memory.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "log.h"
#include "runaway.h"

#define PLACES 1024

struct place {
	uint64_t name; /* digest of account and policy; 0: free */
	struct window refusals;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[PLACES]; /* guarded by lock */

static uint64_t
runaway_name_of(const char *who, const struct policy *p)
{
	return (digest64(who, strlen(who)) * 31 +
		   digest64(p->name, strlen(p->name))) |
	       1;
}

/* runaway_refused - how often in the window of the policy, this time included
 */
static uint64_t
runaway_refused(const struct config *conf, const char *who,
    const struct policy *p, int64_t now)
{
	const uint64_t name = runaway_name_of(who, p);
	struct place *at = &places[name / 2 % PLACES];
	uint64_t n;

	pthread_mutex_lock(&lock);
	if (at->name != name ||
	    !window_spec_equal(&at->refusals.spec, &p->block_after.window)) {
		at->name = name;
		window_init(&at->refusals, &p->block_after.window);
	}
	window_add(&at->refusals, 1, now, conf->zone);
	n = window_used(&at->refusals, now);
	if (n > p->block_after.max) /* it begins anew behind the block */
		at->name = 0;
	pthread_mutex_unlock(&lock);
	return n;
}

void
runaway_note(const struct desk *desk, const struct txn *t,
    const struct outcome *o, int64_t now)
{
	char client[NETADDR_TEXT] = "localhost", text[STORE_TEXT];
	const struct policy *p = o->policy;
	const char *who = client;
	struct why why = WHY_NONE;
	uint64_t n;

	if (p == NULL || p->block_after.max == 0 || o->observed ||
	    o->verdict == VERDICT_TOO_MANY || o->verdict == VERDICT_PASS ||
	    o->verdict == VERDICT_HOLD || o->verdict == VERDICT_IGNORE)
		return;
	if (t->client.len > 0)
		netaddr_text(&t->client, 128, client, sizeof(client));
	if (t->login[0] != '\0')
		who = t->login;
	else if (!mailaddr_is_null(&t->sender))
		who = t->sender.text;
	n = runaway_refused(desk->conf, who, p, now);
	if (n <= p->block_after.max)
		return;
	snprintf(text, sizeof(text),
	    "refused %" PRIu64 " times by policy %.60s, ask for help", n,
	    p->name);
	if (store_block(desk->store, who, now + RUNAWAY_BLOCK,
		&(struct audit){ now, "postmeter", text }, &why) != STORE_OK)
		log_warn("%s could not be blocked: %s", who, why.text);
	else
		log_warn("blocked: who=%s for an hour, %s", who, text);
}
