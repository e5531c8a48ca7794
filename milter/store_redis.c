/*
 * store_redis.c - the store that several mail servers share.
 *
 * A bill goes to the server whole and comes back decided: one script, one
 * round trip, and no daemon ever holds what another one spends meanwhile.
 */
#include <jansson.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "log.h"
#include "store_redis.h"

redis_password_fn *store_redis_password;
bool store_redis_callers_time;

#define NUMBER_MAX (UINT64_C(1) << 53)

static struct redis_store *
redis_of(struct store *s)
{
	return (struct redis_store *)s;
}

/* --- calling the script -------------------------------------------------- */

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
    int budget, redisReply **reply_r, char *why)
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
		snprintf(why, STORE_WHY, "the script's answer is no list");
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

int64_t
redis_moment(int64_t now)
{
	return store_redis_callers_time ? now : 0;
}

int64_t
redis_number(uint64_t n)
{
	return (int64_t)(n < NUMBER_MAX ? n : NUMBER_MAX);
}

/* --- a bill as JSON ------------------------------------------------------ */

/* Digests of recipients, each list once. */
struct digests {
	uint8_t *bytes;
	size_t n, room;
};

static int
add_digests(struct digests *d, const uint64_t *v, size_t n)
{
	if (d->n + n > d->room) {
		size_t room = 2 * (d->n + n);
		uint8_t *bytes = reallocarray(d->bytes, room, 8);

		if (bytes == NULL)
			return -1;
		d->bytes = bytes;
		d->room = room;
	}
	for (size_t i = 0; i < n; i++, d->n++)
		for (size_t k = 0; k < 8; k++)
			d->bytes[8 * d->n + k] = (uint8_t)(v[i] >> (56 - 8 * k));
	return 0;
}

static bool
has_unique(const struct policy *policy)
{
	for (size_t i = 0; i < policy->nlimit; i++)
		if (policy->limit[i].dim == DIM_UNIQUE)
			return true;
	return false;
}

/* Where the list of line i begins among d; an earlier line may have it. */
static int
place_digests(const struct bill *b, size_t i, struct digests *d, size_t *at)
{
	const struct bill_line *l = &b->line[i];

	for (size_t k = 0; k < i; k++)
		if (b->line[k].rcpt == l->rcpt && b->line[k].nrcpt >= l->nrcpt &&
		    has_unique(b->line[k].policy)) {
			at[i] = at[k];
			return 0;
		}
	at[i] = d->n;
	return add_digests(d, l->rcpt, l->nrcpt);
}

static json_t *
json_limits(const struct policy *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nlimit; i++) {
		const struct limit *l = &p->limit[i];
		int64_t span =
		    l->window.calendar ? l->window.period : l->window.length;

		json_array_append_new(list,
		    json_pack("[i, I, i, I]", (int)l->dim,
			(json_int_t)redis_number(l->max),
			(int)l->window.calendar, (json_int_t)span));
	}
	return list;
}

static json_t *
json_warnings(const struct policy *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nwarn; i++)
		json_array_append_new(list, json_integer(p->warn_at[i]));
	return list;
}

static json_t *
json_line(const struct bill_line *l, size_t at)
{
	bool listed = l->rcpt != NULL && has_unique(l->policy);
	bool observed = l->observed || l->policy->when_over == OVER_OBSERVE;
	json_int_t cost[DIM_COUNT];

	for (size_t i = 0; i < DIM_COUNT; i++)
		cost[i] = redis_number(l->cost[i]);
	return json_pack("{s:[I,I,I,I], s:I, s:I, s:I, s:b, s:I, s:o, s:o}",
	    "cost", cost[DIM_MESSAGES], cost[DIM_RECIPIENTS], cost[DIM_UNIQUE],
	    cost[DIM_BYTES], "n", (json_int_t)l->nrcpt, "at", (json_int_t)at,
	    "listed", (json_int_t)(listed ? l->nrcpt : 0), "observed",
	    (int)observed, "lockout", (json_int_t)l->policy->lockout, "warn",
	    json_warnings(l->policy), "limit", json_limits(l->policy));
}

static json_t *
json_lines(const struct bill *b, struct digests *d)
{
	json_t *list = json_array();
	size_t at[BILL_LINES] = { 0 };

	for (size_t i = 0; i < b->nline; i++) {
		const struct bill_line *l = &b->line[i];

		if (l->rcpt != NULL && has_unique(l->policy) &&
		    place_digests(b, i, d, at) == -1) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, json_line(l, at[i]));
	}
	return list;
}

static json_t *
json_choices(const struct bill *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < b->nchoice; i++)
		json_array_append_new(list,
		    json_pack("[I, I, s]", (json_int_t)b->choice[i].first,
			(json_int_t)b->choice[i].n, b->choice[i].smarthost));
	return list;
}

/* Of each period: its start, its end, the end of the one after it. */
static json_t *
json_periods(const struct zone *zone, int64_t now)
{
	json_t *list = json_array();

	for (int p = PERIOD_HOUR; p <= PERIOD_MONTH; p++) {
		int64_t start, end, next_start, next;

		zone_period(zone, (enum period)p, now, &start, &end);
		zone_period(zone, (enum period)p, end, &next_start, &next);
		json_array_append_new(list,
		    json_pack("[I, I, I]", (json_int_t)start, (json_int_t)end,
			(json_int_t)next));
	}
	return list;
}

/* The question, to be freed; NULL: out of memory. */
static char *
bill_text(
    const struct bill *b, bool binds, bool spend, int64_t at, struct digests *d)
{
	json_t *lines = json_lines(b, d), *ask;
	char *text;

	if (lines == NULL)
		return NULL;
	ask = json_pack("{s:I, s:o, s:o, s:I, s:o, s:b, s:b}", "now",
	    (json_int_t)redis_moment(b->now), "period",
	    json_periods(b->zone, at), "line", lines, "common",
	    (json_int_t)b->ncommon, "choice", json_choices(b), "spread",
	    (int)b->spread, "spend", (int)spend);
	if (ask == NULL)
		return NULL;
	if (binds)
		json_object_set_new(
		    ask, "life", json_integer(REDIS_BINDING_LIFE));
	text = json_dumps(ask, JSON_COMPACT);
	json_decref(ask);
	return text;
}

/* --- the answer ---------------------------------------------------------- */

#define HEAD 3	   /* now, fits, choice */
#define SHORTAGE 6 /* what, line, limit, used, max, again */
#define WARNING 5  /* line, limit, percent, used, max */

static long long
number_at(const redisReply *r, size_t i)
{
	return i < r->elements && r->element[i]->type == REDIS_REPLY_INTEGER
		   ? r->element[i]->integer
		   : 0;
}

static struct shortfall
shortfall_at(const redisReply *r, size_t i)
{
	long long again = number_at(r, i + 5);

	return (struct shortfall){
		.what = (enum shortage)number_at(r, i),
		.line = (size_t)number_at(r, i + 1),
		.limit = (size_t)number_at(r, i + 2),
		.used = (uint64_t)number_at(r, i + 3),
		.max = (uint64_t)number_at(r, i + 4),
		.again = again == -1 ? NEVER : again,
	};
}

static bool
is_within(const struct bill *b, size_t line, size_t limit)
{
	return line < b->nline &&
	       (limit == 0 || limit < b->line[line].policy->nlimit);
}

/* False if that is no answer to this bill. */
static bool
decision_of(const struct bill *b, const redisReply *r, struct decision *d_r)
{
	memset(d_r, 0, sizeof(*d_r));
	if (r->elements < HEAD + 2 * SHORTAGE)
		return false;
	d_r->fits = number_at(r, 1) == 1;
	d_r->choice = (size_t)number_at(r, 2);
	d_r->shortfall = shortfall_at(r, HEAD);
	d_r->observed = shortfall_at(r, HEAD + SHORTAGE);
	for (size_t i = HEAD + 2 * SHORTAGE;
	     i + WARNING <= r->elements && d_r->nwarning < BILL_WARNINGS;
	     i += WARNING) {
		struct warning *w = &d_r->warning[d_r->nwarning++];

		*w = (struct warning){ (size_t)number_at(r, i),
			(size_t)number_at(r, i + 1),
			(uint8_t)number_at(r, i + 2),
			(uint64_t)number_at(r, i + 3),
			(uint64_t)number_at(r, i + 4) };
		if (!is_within(b, w->line, w->limit))
			return false;
	}
	if (d_r->choice != 0 && d_r->choice >= b->nchoice)
		return false;
	return (b->nline == 0 ||
		   is_within(b, d_r->shortfall.line, d_r->shortfall.limit)) &&
	       (b->nline == 0 ||
		   is_within(b, d_r->observed.line, d_r->observed.limit));
}

/* --- asking -------------------------------------------------------------- */

static enum store_answer
run_bill(struct redis_store *s, const struct bill *b, const char *bound,
    bool spend, redisReply **reply_r, char *why)
{
	char key[BILL_LINES][REDIS_KEY], binding[REDIS_KEY];
	int64_t at = b->now + __atomic_load_n(&s->skew, __ATOMIC_RELAXED);
	bool binds = bound[0] != '\0' && b->nchoice > 0;
	struct digests d = { 0 };
	struct redis_call c;
	enum store_answer a;
	char *text = bill_text(b, binds, spend, at, &d);

	if (text == NULL) {
		free(d.bytes);
		snprintf(why, STORE_WHY, "out of memory");
		return STORE_FAILED;
	}
	redis_call_begin(&c);
	for (size_t i = 0; i < b->nline; i++)
		redis_call_text(&c, redis_counter_key(key[i],
					b->line[i].policy->name,
					b->line[i].key));
	if (binds) {
		snprintf(binding, sizeof(binding), REDIS_PREFIX "b:%s", bound);
		redis_call_text(&c, binding);
	}
	redis_call_text(&c, "charge");
	redis_call_text(&c, text);
	redis_call_add(&c, d.bytes != NULL ? (char *)d.bytes : "", 8 * d.n);
	a = redis_call_run(
	    s, &c, (int)b->nline + binds, REDIS_BUDGET, reply_r, why);
	free(text);
	free(d.bytes);
	if (a == STORE_OK && !store_redis_callers_time)
		__atomic_store_n(&s->skew,
		    number_at(*reply_r, 0) - b->now, __ATOMIC_RELAXED);
	return a;
}

/*
 * A server whose clock is in another hour than ours answers with its time
 * alone; the second time we know it.
 */
static enum store_answer
put_bill(struct redis_store *s, const struct bill *b, const char *bound,
    bool spend, struct decision *d_r, char *why)
{
	enum store_answer a = STORE_OK;
	redisReply *r = NULL;
	bool good = false;

	for (int i = 0; i < 2 && a == STORE_OK && !good; i++) {
		a = run_bill(s, b, bound, spend, &r, why);
		if (a == STORE_OK) {
			good = decision_of(b, r, d_r);
			freeReplyObject(r);
		}
	}
	if (a == STORE_OK && !good) {
		snprintf(why, STORE_WHY,
		    "the answer of the store's script does not fit the bill");
		return STORE_UNCERTAIN;
	}
	return a;
}

static enum store_answer
redis_charge(struct store *st, const struct bill *b, const char *bound,
    struct decision *d_r, char *why)
{
	struct redis_store *s = redis_of(st);
	enum store_answer a = put_bill(s, b, bound, true, d_r, why);

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
redis_preview(
    struct store *st, const struct bill *b, struct decision *d_r, char *why)
{
	return put_bill(redis_of(st), b, "", false, d_r, why);
}

/* "MOMENT SMARTHOST" */
static enum store_answer
redis_bound(struct store *st, const char *bound, int64_t now,
    char *smarthost_r, char *why)
{
	char key[REDIS_KEY];
	const char *argv[] = { "GET", key };
	redisReply *r = NULL;
	enum store_answer a;
	int at = 0;
	int64_t when;

	snprintf(key, sizeof(key), REDIS_PREFIX "b:%s", bound);
	a = redis_pool_ask(
	    redis_of(st)->pool, REDIS_BUDGET, 2, argv, NULL, &r, why);
	if (a != STORE_OK)
		return a;
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

/* --- a life -------------------------------------------------------------- */

static void
wait_a_second(struct redis_store *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec++;
	pthread_cond_timedwait(&s->wake, &s->lock, &ts);
}

static void
mend(struct redis_store *s)
{
	char before[STORE_WHY], why[STORE_WHY];
	bool was_down = redis_pool_is_down(s->pool, before);

	if (redis_pool_mend(s->pool, why) == REDIS_WELL) {
		if (was_down)
			log_info("store: the shared store answers again");
	} else if (!was_down) {
		log_warn("store: the shared store is out: %s", why);
	}
}

/* Each second: looks after the server, and sends what waits. */
static void *
look_after(void *arg)
{
	struct redis_store *s = arg;
	char why[STORE_WHY];

	pthread_mutex_lock(&s->lock);
	while (!s->ending) {
		wait_a_second(s);
		pthread_mutex_unlock(&s->lock);
		if (redis_pool_ails(s->pool))
			mend(s);
		(void)redis_send_events(s, why);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void
redis_close(struct store *st)
{
	struct redis_store *s = redis_of(st);
	char why[STORE_WHY];

	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->ending = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		(void)redis_send_events(s, why);
	}
	redis_pool_close(&s->pool);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->sending);
	free(s->event);
	free(s);
}

static struct redis_store *
make(const struct config *conf)
{
	struct redis_store *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (s == NULL)
		return NULL;
	s->store.backend = &store_redis;
	s->conf = conf;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->sending, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	s->event = calloc(REDIS_EVENT_QUEUE, sizeof(*s->event));
	return s;
}

/*
 * A server that is not there yet is no reason not to start: the machine may
 * have come up first, and on-store-failure says what becomes of the mail.
 */
static int
look_first(struct redis_store *s, char *why, size_t size, int *exit_r)
{
	char reason[STORE_WHY];

	switch (redis_pool_mend(s->pool, reason)) {
	case REDIS_UNFIT:
		snprintf(why, size, "%s", reason);
		*exit_r = EX_CONFIG;
		return -1;
	case REDIS_AWAY:
		log_warn("store: starting without the shared store: %s",
		    reason);
		break;
	case REDIS_WELL:
		break;
	}
	return 0;
}

static struct store *
redis_open(const struct config *conf, const char *where,
    void (*fatal)(const char *), char *why, size_t size, int *exit_r)
{
	struct redis_store *s = make(conf);
	struct redis_where w;
	char reason[STORE_WHY] = "out of memory";
	const char *wrong;

	(void)where;
	(void)fatal;
	*exit_r = EX_OSERR;
	if (s == NULL || s->event == NULL)
		goto fail;
	*exit_r = EX_CONFIG;
	if (redis_where_parse(conf->store, &w, &wrong) == -1) {
		snprintf(reason, sizeof(reason), "%s", wrong);
		goto fail;
	}
	s->pool = redis_pool_open(
	    &w, conf->store_secret, store_redis_password, reason);
	if (s->pool == NULL ||
	    look_first(s, reason, sizeof(reason), exit_r) == -1)
		goto fail;
	if (pthread_create(&s->thread, NULL, look_after, s) != 0) {
		snprintf(reason, sizeof(reason), "cannot start a thread");
		*exit_r = EX_OSERR;
		goto fail;
	}
	s->started = true;
	return &s->store;
fail:
	snprintf(why, size, "%s", reason);
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
	st_r->trouble[0] = '\0';
	st_r->healthy = !redis_pool_is_down(s->pool, st_r->trouble);
}

static void
redis_reconfigure(struct store *st, const struct config *conf)
{
	struct redis_store *s = redis_of(st);

	pthread_mutex_lock(&s->lock);
	s->conf = conf;
	pthread_mutex_unlock(&s->lock);
}

static enum store_answer
redis_flush(struct store *st, char *why)
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
