/*
 * backend.c - the store that several mail servers share.
 *
 * A bill goes to the server whole and comes back decided: one script, one
 * round trip, and no daemon ever holds what another one spends meanwhile.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "call.h"
#include "log.h"
#include "thread.h"

bool store_redis_callers_time;

static struct redis_store *
redis_of(struct store *s)
{
	return (struct redis_store *)s;
}

struct outage *
redis_outage(struct redis_store *s)
{
	return __atomic_load_n(&s->outage, __ATOMIC_ACQUIRE);
}

/* --- calling the script ------------------------------------------------- */

void
redis_call_begin(struct redis_call *c)
{
	c->argc = 3; /* EVALSHA, digest, number of keys */
}

void
redis_call_add(struct redis_call *c, const void *bytes, size_t len)
{
	c->argv[c->argc] = bytes;
	c->len[c->argc++] = len;
}

void
redis_call_text(struct redis_call *c, const char *text)
{
	redis_call_add(c, text, strlen(text));
}

enum store_answer
redis_call_run(struct redis_store *s, struct redis_call *c, int nkey,
    int budget, redisReply **reply_r, struct why *why)
{
	enum store_answer a;

	snprintf(c->nkeys, sizeof(c->nkeys), "%d", nkey);
	c->argv[2] = c->nkeys;
	c->len[2] = strlen(c->nkeys);
	a = redis_pool_run(
	    s->pool, budget, c->argc, c->argv, c->len, reply_r, why);
	if (a == STORE_OK && ((*reply_r)->type != REDIS_REPLY_ARRAY ||
				 (*reply_r)->elements == 0)) {
		freeReplyObject(*reply_r);
		*reply_r = NULL;
		why_set(why, "the script's answer is no list");
		a = STORE_UNCERTAIN;
	}
	return a;
}

const char *
redis_counter_key(char *dst, const char *policy, const char *key)
{
	snprintf(dst, REDIS_KEY, REDIS_PREFIX "c:%s:%s", policy, key);
	return dst;
}

/* --- asking ------------------------------------------------------------- */

/* What choice i binds: its own name, or that of the charge. */
static const char *
name_bound(const struct bill *b, size_t i, const char *bound)
{
	return b->choice[i].bound != NULL ? b->choice[i].bound : bound;
}

static enum store_answer
run_bill(struct redis_store *s, const struct bill *b, const char *bound,
    bool spend, redisReply **reply_r, struct why *why)
{
	char key[BILL_LINES][REDIS_KEY], binding[BILL_CHOICES][REDIS_KEY];
	int64_t at = b->now + __atomic_load_n(&s->skew, __ATOMIC_RELAXED);
	struct redis_digests d = { 0 };
	struct redis_call c;
	enum store_answer a;
	char *text = redis_bill_text(b, spend, at, &d);

	if (text == NULL) {
		free(d.bytes);
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	redis_call_begin(&c);
	for (size_t i = 0; i < b->nline; i++)
		redis_call_text(
		    &c, redis_counter_key(
			    key[i], b->line[i].policy->name, b->line[i].key));
	for (size_t i = 0; i < b->nchoice; i++) {
		const char *name = name_bound(b, i, bound);

		snprintf(binding[i], REDIS_KEY, "%s%s",
		    name[0] != '\0' ? REDIS_PREFIX "b:" : "", name);
		redis_call_text(&c, binding[i]);
	}
	redis_call_text(&c, "charge");
	redis_call_text(&c, text);
	redis_call_add(&c, d.bytes != NULL ? (char *)d.bytes : "", 8 * d.n);
	a = redis_call_run(
	    s, &c, (int)(b->nline + b->nchoice), redis_budget, reply_r, why);
	free(text);
	free(d.bytes);
	if (a == STORE_OK && !store_redis_callers_time)
		__atomic_store_n(&s->skew, redis_integer(*reply_r, 0) - b->now,
		    __ATOMIC_RELAXED);
	return a;
}

/*
 * A server whose clock is in another hour than ours answers with its time
 * alone; the second time we know it.
 */
static enum store_answer
put_bill(struct redis_store *s, const struct bill *b, const char *bound,
    bool spend, struct decision *d_r, struct why *why)
{
	enum store_answer a = STORE_OK;
	redisReply *r = NULL;
	bool good = false;

	for (int i = 0; i < 2 && a == STORE_OK && !good; i++) {
		a = run_bill(s, b, bound, spend, &r, why);
		if (a == STORE_OK) {
			good = redis_decision(b, r, d_r);
			freeReplyObject(r);
		}
	}
	if (a == STORE_OK && !good) {
		why_set(why,
		    "the answer of the store's script does not fit the bill");
		return STORE_UNCERTAIN;
	}
	return a;
}

static enum store_answer
redis_charge(struct store *st, const struct bill *b, const char *bound,
    struct decision *d_r, struct why *why)
{
	struct redis_store *s = redis_of(st);
	enum store_answer a = put_bill(s, b, bound, true, d_r, why);

	if (a != STORE_OK &&
	    outage_charge(redis_outage(s), b, bound, d_r, why) == STORE_OK)
		a = STORE_OK;
	else if (a == STORE_OK && d_r->fits && b->nchoice > 0 &&
		 bound[0] != '\0')
		outage_bind(redis_outage(s), bound, b,
		    b->choice[d_r->choice].smarthost);
	pthread_mutex_lock(&s->lock);
	if (a != STORE_OK)
		s->stats.failed++;
	else if (d_r->fits)
		s->stats.charged++;
	else
		s->stats.declined++;
	pthread_mutex_unlock(&s->lock);
	return a;
}

static enum store_answer
redis_preview(struct store *st, const struct bill *b, struct decision *d_r,
    struct why *why)
{
	struct redis_store *s = redis_of(st);
	enum store_answer a = put_bill(s, b, "", false, d_r, why);

	return a == STORE_OK ? a : outage_preview(redis_outage(s), b, d_r, why);
}

/* "MOMENT SMARTHOST" */
static enum store_answer
redis_bound(struct store *st, const char *bound, int64_t now, char *smarthost_r,
    struct why *why)
{
	char key[REDIS_KEY];
	const char *argv[] = { "GET", key };
	redisReply *r = NULL;
	enum store_answer a;
	int at = 0;
	int64_t when;

	snprintf(key, sizeof(key), REDIS_PREFIX "b:%s", bound);
	a = redis_pool_ask(
	    redis_of(st)->pool, redis_budget, 2, argv, NULL, &r, why);
	if (a != STORE_OK)
		return outage_bound(
		    redis_outage(redis_of(st)), bound, now, smarthost_r, why);
	a = STORE_NONE;
	if (r->type == REDIS_REPLY_STRING &&
	    sscanf(r->str, "%" SCNd64 " %n", &when, &at) == 1 && at > 0 &&
	    now - when < REDIS_BINDING_LIFE) {
		snprintf(smarthost_r, STORE_NAME, "%s", r->str + at);
		a = STORE_OK;
	}
	freeReplyObject(r);
	return a;
}

/* --- a life ------------------------------------------------------------- */

static void
mend(struct redis_store *s)
{
	struct why why;

	if (redis_pool_reconnect(s->pool, &why) == REDIS_SERVER_OK) {
		if (s->is_out)
			log_info("store: the shared store answers again");
		s->is_out = false;
	} else if (!s->is_out) {
		log_warn("store: the shared store is out: %s", why.text);
		s->is_out = true;
	}
}

/* Looks after the server, and does what nobody waits for. */
static void *
look_after(void *arg)
{
	struct redis_store *s = arg;
	struct why why;

	pthread_mutex_lock(&s->lock);
	while (!s->ending) {
		cond_wait(&s->wake, &s->lock, cond_deadline(REDIS_PACE));
		pthread_mutex_unlock(&s->lock);
		if (redis_pool_needs_reconnect(s->pool))
			mend(s);
		if (!redis_pool_needs_reconnect(s->pool)) {
			(void)redis_see_blocks(s, REDIS_PATIENCE, &why);
			(void)redis_send_events(s, &why);
			outage_tend(redis_outage(s), s);
		}
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void
redis_close(struct store *st)
{
	struct redis_store *s = redis_of(st);
	struct why why;

	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->ending = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		(void)redis_send_events(s, &why);
	}
	outage_close(&s->outage);
	redis_pool_close(&s->pool);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->sending);
	freeReplyObject(s->blocks);
	free(s->event);
	free(s);
}

static struct redis_store *
make(const struct config *conf)
{
	struct redis_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->store.backend = &store_redis;
	s->conf = conf;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->sending, NULL);
	cond_init(&s->wake);
	s->event = calloc(REDIS_EVENT_QUEUE, sizeof(*s->event));
	return s;
}

/*
 * A server that is not there yet is no reason not to start: the machine may
 * have come up first, and on-store-failure says what becomes of the mail.
 */
static int
look_first(struct redis_store *s, struct why *why, int *exit_r)
{
	struct why reason;

	switch (redis_pool_reconnect(s->pool, &reason)) {
	case REDIS_SERVER_UNSUPPORTED:
		*why = reason;
		*exit_r = EX_CONFIG;
		return -1;
	case REDIS_SERVER_UNREACHABLE:
		log_warn("store: starting without the shared store: %s",
		    reason.text);
		s->is_out = true;
		break;
	case REDIS_SERVER_OK:
		(void)redis_see_blocks(s, REDIS_PATIENCE, &reason);
		break;
	}
	return 0;
}

/* Once there it stays, whatever a reload says. */
static int
prepare_outage(struct redis_store *s, const struct config *conf,
    struct why *why, int *exit_r)
{
	struct outage *o;

	if (redis_outage(s) != NULL ||
	    conf->on_store_failure != STORE_FAILURE_LOCAL)
		return 0;
	if ((o = outage_open(conf, s->env, why, exit_r)) == NULL)
		return -1;
	__atomic_store_n(&s->outage, o, __ATOMIC_RELEASE);
	return 0;
}

static struct store *
redis_open(const struct config *conf, const char *where,
    const struct store_env *env, struct why *why, int *exit_r)
{
	struct redis_store *s = make(conf);
	struct redis_url w;
	struct why reason = { "out of memory" };
	(void)where;
	*exit_r = EX_OSERR;
	if (s == NULL || s->event == NULL)
		goto fail;
	*exit_r = EX_CONFIG;
	if (redis_url_parse(conf->store, &w, &reason) == -1)
		goto fail;
	s->pool = redis_pool_open(
	    &w, conf->store_secret, env->password, &reason);
	if (s->pool == NULL || look_first(s, &reason, exit_r) == -1)
		goto fail;
	s->env = env;
	if (prepare_outage(s, conf, &reason, exit_r) == -1)
		goto fail;
	outage_tend(s->outage, s);
	if (thread_start(&s->thread, look_after, s) != 0) {
		why_set(&reason, "cannot start a thread");
		*exit_r = EX_OSERR;
		goto fail;
	}
	s->started = true;
	return &s->store;
fail:
	*why = reason;
	if (s != NULL)
		redis_close(&s->store);
	return NULL;
}

static void
redis_stats(struct store *st, struct store_stats *st_r)
{
	struct redis_store *s = redis_of(st);

	pthread_mutex_lock(&s->lock);
	*st_r = s->stats;
	pthread_mutex_unlock(&s->lock);
	st_r->trouble.text[0] = '\0';
	st_r->healthy = !redis_pool_is_down(s->pool, &st_r->trouble);
	if (!st_r->healthy)
		outage_tell(redis_outage(s), &st_r->trouble);
}

static void
redis_reconfigure(struct store *st, const struct config *conf)
{
	struct redis_store *s = redis_of(st);
	struct why why;
	int code;

	pthread_mutex_lock(&s->lock);
	s->conf = conf;
	pthread_mutex_unlock(&s->lock);
	outage_reconfigure(redis_outage(s), conf);
	if (prepare_outage(s, conf, &why, &code) == -1)
		log_error("on-store-failure = local: %s", why.text);
}

static enum store_answer
redis_flush(struct store *st, struct why *why)
{
	return redis_send_events(redis_of(st), why);
}

const struct store_backend store_redis = {
	.kind = "redis",
	.scheme = REDIS_SCHEME,
	.open = redis_open,
	.close = redis_close,
	.charge = redis_charge,
	.preview = redis_preview,
	.bound = redis_bound,
	.reset = redis_reset,
	.grant = redis_grant,
	.block = redis_block,
	.unblock = redis_unblock,
	.blocked = redis_blocked,
	.note = redis_note,
	.read = redis_read,
	.walk = redis_walk,
	.events = redis_events,
	.blocks = redis_blocks,
	.stats = redis_stats,
	.reconfigure = redis_reconfigure,
	.flush = redis_flush,
};
