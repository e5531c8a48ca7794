/*
 * fallback.c - on-store-failure = local: mail goes on while the
 * shared store is out, on a share of each limit that no other server has.
 *
 * The shares of all servers together are one limit, so an outage costs at most
 * that much more.  What was spent meanwhile is in a store of its own, which
 * survives what the daemon does not, and is told to the shared one when that
 * is back: each counter once, and nothing is forgotten before it was told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "log.h"
#include "redis/call.h"

#define SERVER_LIFE DAY /* a server is one of us that long */
#define SERVER_PACE (10 * SECOND)
#define MARK_LIFE (62 * DAY) /* no window is longer than half of it */
#define BATCH 256            /* counters merged before we look again */

struct outage {
	char who[400];         /* this server */
	pthread_rwlock_t lock; /* to spend: shared; to change or merge: alone */
	struct config conf;    /* the daemon's, with the store of the outage */
	struct store *store;
	bool is_wanted; /* a reload may say otherwise */
	size_t servers; /* seen by the shared store; 0: not known */
	int64_t told;   /* clock_steady: when we last said we are here; the
			   worker's own */
	bool is_used;   /* there may be something to merge; atomic */
};

static void
set_used(struct outage *o, bool used)
{
	__atomic_store_n(&o->is_used, used, __ATOMIC_RELAXED);
}

/* --- the share ---------------------------------------------------------- */

struct share {
	struct bill bill;
	struct policy policy[BILL_LINES];
};

static uint64_t
part_of(const struct outage *o, uint64_t max)
{
	if (o->conf.store_share > 0)
		return max / 100 * o->conf.store_share +
		       max % 100 * o->conf.store_share / 100;
	return max / o->servers;
}

static bool
is_usable(const struct outage *o, struct why *why)
{
	if (!o->is_wanted)
		return false;
	if (o->servers > 0 || o->conf.store_share > 0)
		return true;
	why_set(why,
	    "the shared store is out, and how many servers share it is not known: write store-share");
	return false;
}

static void
take_share(const struct outage *o, const struct bill *b, struct share *s)
{
	s->bill = *b;
	for (size_t i = 0; i < b->nline; i++) {
		s->policy[i] = *b->line[i].policy;
		s->bill.line[i].policy = &s->policy[i];
		for (size_t k = 0; k < s->policy[i].nlimit; k++)
			s->policy[i].limit[k].max =
			    part_of(o, s->policy[i].limit[k].max);
	}
}

enum store_answer
outage_charge(struct outage *o, const struct bill *b, const char *bound,
    struct decision *d_r, struct why *why)
{
	enum store_answer a = STORE_FAILED;
	struct share s;

	if (o == NULL)
		return STORE_FAILED;
	pthread_rwlock_rdlock(&o->lock);
	if (is_usable(o, why)) {
		take_share(o, b, &s);
		set_used(o, true);
		a = store_charge(o->store, &s.bill, bound, d_r, why);
	}
	pthread_rwlock_unlock(&o->lock);
	return a;
}

enum store_answer
outage_preview(struct outage *o, const struct bill *b, struct decision *d_r,
    struct why *why)
{
	enum store_answer a = STORE_FAILED;
	struct share s;

	if (o == NULL)
		return STORE_FAILED;
	pthread_rwlock_rdlock(&o->lock);
	if (is_usable(o, why)) {
		take_share(o, b, &s);
		a = store_preview(o->store, &s.bill, d_r, why);
	}
	pthread_rwlock_unlock(&o->lock);
	return a;
}

/* --- what must be known when the server is out -------------------------- */

void
outage_bind(struct outage *o, const char *bound, const struct bill *charged,
    const char *smarthost)
{
	struct bill b = {
		.now = charged->now, .zone = charged->zone, .nchoice = 1
	};
	struct decision d;
	struct why why;

	if (o == NULL || bound[0] == '\0')
		return;
	b.choice[0].smarthost = smarthost;
	(void)store_charge(o->store, &b, bound, &d, &why);
}

/* Not to know it here does not mean that it is not bound. */
enum store_answer
outage_bound(struct outage *o, const char *bound, int64_t now,
    char *smarthost_r, struct why *why)
{
	enum store_answer a;

	if (o == NULL)
		return STORE_FAILED;
	a = store_bound(o->store, bound, now, smarthost_r, why);
	return a == STORE_OK ? STORE_OK : STORE_FAILED;
}

enum store_answer
outage_blocked(struct outage *o, const char *who, int64_t now, char *text_r,
    struct why *why)
{
	bool usable;

	if (o == NULL)
		return STORE_FAILED;
	pthread_rwlock_rdlock(&o->lock);
	usable = is_usable(o, why);
	pthread_rwlock_unlock(&o->lock);
	return usable ? store_blocked(o->store, who, now, text_r, why)
		      : STORE_FAILED;
}

/* One block, sought among those of another store. */
struct sought {
	const char *who, *text;
	int64_t until;
	bool found;
};

static bool
seek(void *arg, const char *who, int64_t until, const char *text)
{
	struct sought *b = arg;

	b->found = strcmp(who, b->who) == 0 && until == b->until &&
		   strcmp(text, b->text) == 0;
	return !b->found;
}

/* A block of the shared store is one here. */
static bool
learn_block(void *arg, const char *who, int64_t until, const char *text)
{
	struct sought b = { who, text, until, false };
	struct outage *o = arg;
	struct why why;

	if (store_blocks(o->store, clock_now(), seek, &b, &why) == STORE_OK &&
	    !b.found)
		(void)store_block(
		    o->store, who, until, clock_now(), "postmeter", text, &why);
	return true;
}

/* A block here is one of the shared store, or it was lifted. */
struct lifted {
	struct outage *o;
	struct redis_store *s;
};

static bool
lift_block(void *arg, const char *who, int64_t until, const char *text)
{
	struct lifted *l = arg;
	struct why there, why;

	(void)until;
	(void)text;
	if (redis_seen_blocked(l->s, who, clock_now(), there.text) ==
	    STORE_NONE)
		(void)store_unblock(
		    l->o->store, who, clock_now(), "postmeter", &why);
	return true;
}

static void
learn_blocks(struct outage *o, struct redis_store *s)
{
	struct lifted l = { o, s };
	int64_t now = clock_now();
	struct why why;

	if (redis_blocks(&s->store, now, learn_block, o, &why) == STORE_OK)
		(void)store_blocks(o->store, now, lift_block, &l, &why);
}

static void
tell_server(struct outage *o, struct redis_store *s)
{
	char text[64];
	struct why why;
	struct redis_call c;
	redisReply *r = NULL;

	snprintf(text, sizeof(text), "{\"now\":0,\"life\":%" PRId64 "}",
	    (int64_t)SERVER_LIFE);
	redis_call_begin(&c);
	redis_call_text(&c, REDIS_SERVERS);
	redis_call_text(&c, "server");
	redis_call_text(&c, text);
	redis_call_text(&c, "");
	redis_call_text(&c, o->who);
	if (redis_call_run(s, &c, 1, REDIS_PATIENCE, &r, &why) != STORE_OK)
		return;
	pthread_rwlock_wrlock(&o->lock);
	o->servers = (size_t)redis_integer(r, 1);
	pthread_rwlock_unlock(&o->lock);
	freeReplyObject(r);
}

/* --- merging back ------------------------------------------------------- */

static json_t *
json_window(const struct window *w)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->n; i++) {
		const struct bucket *b =
		    &w->bucket[(w->head + i) % (WINDOW_BUCKETS + 1)];

		json_array_append_new(list, json_integer(b->last));
		json_array_append_new(
		    list, json_integer((json_int_t)redis_number(b->count)));
	}
	return list;
}

static json_t *
json_uniq(const struct recipient_set *u, struct redis_digests *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < u->size; i++) {
		if (u->slot[i].last == RECIPIENT_SET_FREE)
			continue;
		if (redis_add_digests(d, &u->slot[i].digest, 1) == -1) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, json_integer(u->slot[i].last));
	}
	return list;
}

static json_t *
json_slots(const struct counter *c, struct redis_digests *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->nslot; i++) {
		const struct slot *s = &c->slot[i];
		bool unique = s->dim == DIM_UNIQUE;
		size_t at = d->n;
		json_t *slot =
		    json_pack("{s:I, s:I, s:o}", "at", (json_int_t)at, "ends",
			(json_int_t)(unique ? s->uniq.end : 0), "list",
			unique ? json_uniq(&s->uniq, d) : json_window(&s->sum));

		if (slot == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, slot);
	}
	return list;
}

static char *
merge_text(const struct policy *p, const struct counter *c,
    const struct zone *zone, int64_t now, int64_t at, struct redis_digests *d)
{
	json_t *slots = json_slots(c, d), *ask;
	char *text;

	if (slots == NULL)
		return NULL;
	ask = json_pack("{s:I, s:o, s:o, s:o, s:I, s:I}", "now",
	    (json_int_t)redis_moment(now), "period", redis_periods(zone, at),
	    "limit", redis_limits(p), "slot", slots, "locked",
	    (json_int_t)c->locked_until, "life", (json_int_t)MARK_LIFE);
	text = ask == NULL ? NULL : json_dumps(ask, JSON_COMPACT);
	json_decref(ask);
	return text;
}

/* The same bytes of the same server were the same spending. */
static void
mark_key(const struct outage *o, const struct counter *c, const char *key,
    char dst[64])
{
	size_t n = counter_pack(c, NULL, 0);
	uint8_t *bytes = malloc(n);
	uint64_t sum = digest64(key, strlen(key));

	sum ^= digest64(o->who, strlen(o->who));
	if (bytes != NULL && counter_pack(c, bytes, n) == n)
		sum ^= digest64(bytes, n);
	free(bytes);
	snprintf(dst, 64, REDIS_PREFIX "m:%016" PRIx64, sum);
}

static bool
merge_counter(struct outage *o, struct redis_store *s, const struct policy *p,
    const char *key, const struct counter *c, int64_t now)
{
	int64_t at = now + __atomic_load_n(&s->skew, __ATOMIC_RELAXED);
	char name[REDIS_KEY], mark[64];
	struct why why;
	struct redis_digests d = { 0 };
	char *text = merge_text(p, c, o->conf.zone, now, at, &d);
	struct redis_call call;
	redisReply *r = NULL;
	bool good = false;

	redis_counter_key(name, p->name, key);
	mark_key(o, c, name, mark);
	if (text != NULL) {
		redis_call_begin(&call);
		redis_call_text(&call, name);
		redis_call_text(&call, mark);
		redis_call_text(&call, "merge");
		redis_call_text(&call, text);
		redis_call_add(
		    &call, d.bytes != NULL ? (char *)d.bytes : "", 8 * d.n);
		if (redis_call_run(s, &call, 2, REDIS_PATIENCE, &r, &why) ==
		    STORE_OK) {
			good = redis_integer(r, 1) == 1;
			freeReplyObject(r);
		}
	}
	free(text);
	free(d.bytes);
	return good;
}

/* Some of the counters; those of a policy that is gone count for nobody. */
struct used_keys {
	const struct config *conf;
	struct {
		char policy[STORE_NAME], key[MAILADDR_MAX + 1];
	} v[BATCH];
	size_t n;
};

static bool
collect(void *arg, const char *policy, const char *key, const struct counter *c)
{
	struct used_keys *list = arg;

	(void)c;
	if (config_policy(list->conf, policy) == NULL)
		return true;
	snprintf(list->v[list->n].policy, STORE_NAME, "%s", policy);
	snprintf(list->v[list->n].key, MAILADDR_MAX + 1, "%s", key);
	return ++list->n < BATCH;
}

/* With the lock held: nothing is spent between telling and forgetting. */
static bool
merge_name(struct outage *o, struct redis_store *s, const char *policy,
    const char *key)
{
	const struct policy *p = config_policy(&o->conf, policy);
	int64_t now = clock_now();
	struct counter *c = NULL;
	struct why why;
	bool good = true;

	if (p == NULL)
		return true;
	switch (store_read(o->store, p, key, now, &c, &why)) {
	case STORE_OK:
		good = merge_counter(o, s, p, key, c, now) &&
		       store_reset(o->store, p, key, now, "postmeter", &why) ==
			   STORE_OK;
		counter_free(&c);
		return good;
	case STORE_NONE:
		return true;
	case STORE_FAILED:
	case STORE_UNCERTAIN:
		break;
	}
	return false;
}

static bool
collect_used(struct outage *o, struct used_keys *list)
{
	struct why why;
	bool good;

	pthread_rwlock_rdlock(&o->lock);
	list->conf = &o->conf;
	good =
	    store_walk(o->store, clock_now(), collect, list, &why) == STORE_OK;
	pthread_rwlock_unlock(&o->lock);
	return good;
}

/* One batch; is_used says whether there may be more. */
static void
merge(struct outage *o, struct redis_store *s)
{
	struct used_keys *list = calloc(1, sizeof(*list));
	size_t done = 0;
	bool good;

	if (list == NULL)
		return;
	set_used(o, false);
	good = collect_used(o, list);
	for (; good && done < list->n; done += good) {
		pthread_rwlock_wrlock(&o->lock);
		good =
		    !redis_pool_needs_reconnect(s->pool) &&
		    merge_name(o, s, list->v[done].policy, list->v[done].key);
		pthread_rwlock_unlock(&o->lock);
	}
	if (done > 0)
		log_info(
		    "store: %zu counters of the outage were merged into the shared store",
		    done);
	if (!good || done > 0)
		set_used(o, true);
	free(list);
}

void
outage_tend(struct outage *o, struct redis_store *s)
{
	int64_t now = clock_steady();

	if (o == NULL || redis_pool_needs_reconnect(s->pool))
		return;
	if (o->told == 0 || now - o->told >= SERVER_PACE) {
		tell_server(o, s);
		learn_blocks(o, s);
		o->told = now;
	}
	if (__atomic_load_n(&o->is_used, __ATOMIC_RELAXED))
		merge(o, s);
}

void
outage_tell(struct outage *o, struct why *why)
{
	struct why trouble;

	if (o == NULL)
		return;
	trouble = *why;
	pthread_rwlock_rdlock(&o->lock);
	if (is_usable(o, why))
		why_set(why, "on %" PRIu64 "%% of each limit: %s",
		    part_of(o, 100), trouble.text);
	pthread_rwlock_unlock(&o->lock);
}

/* --- a life ------------------------------------------------------------- */

static void
configure(struct outage *o, const struct config *conf)
{
	char *store = o->conf.store;

	o->conf = *conf;
	o->conf.holders = 1; /* the store's own; it is never freed */
	o->conf.store = store;
	o->is_wanted = conf->on_store_failure == STORE_FAILURE_LOCAL;
}

struct outage *
outage_open(const struct config *conf, const struct store_env *env,
    struct why *why, int *exit_r)
{
	struct outage *o = calloc(1, sizeof(*o));
	char host[256] = "";

	why_set(why, "out of memory");
	if (o == NULL || (o->conf.store = strdup(conf->store_local)) == NULL) {
		free(o);
		return NULL;
	}
	pthread_rwlock_init(&o->lock, NULL);
	gethostname(host, sizeof(host) - 1);
	snprintf(
	    o->who, sizeof(o->who), "%s:%s", host, conf->control_socket.path);
	configure(o, conf);
	o->is_used = true; /* of an outage before this start */
	o->store = store_open(&o->conf, env, why, exit_r);
	if (o->store == NULL)
		outage_close(&o);
	return o;
}

void
outage_close(struct outage **op)
{
	struct outage *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	store_close(&o->store);
	pthread_rwlock_destroy(&o->lock);
	free(o->conf.store);
	free(o);
}

void
outage_reconfigure(struct outage *o, const struct config *conf)
{
	if (o == NULL)
		return;
	pthread_rwlock_wrlock(&o->lock);
	configure(o, conf);
	store_reconfigure(o->store, &o->conf);
	pthread_rwlock_unlock(&o->lock);
}
