/*
 * pool.c - a server that many threads share, and its bad days.
 *
 * A message may wait for a server that is slow, but not again and again: some
 * failures in a row open the breaker, and nobody waits any more until the
 * server was seen well.  Looking for it, which may take long, is work for a
 * thread that nobody waits for.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "breaker.h"
#include "clock.h"
#include "pool.h"
#include "script.h"
#include "thread.h"

#define PAUSE (30 * SECOND) /* of the breaker, and its longest */
#define LONGEST_PAUSE (10 * MINUTE)
#define IDLE_TRUSTED 100 /* ms: nobody hangs up that soon */
#define DIGEST_TEXT 41   /* SHA-1 in hex */

/* Who waits for a place, on the stack of its thread. */
struct waiter {
	pthread_cond_t turn;
	bool has_place;
	TAILQ_ENTRY(waiter) next;
};

struct redis_pool {
	struct redis_url where;
	char *secret;
	struct redis_login login; /* made of these and tls */
	int timeout;
	char digest[DIGEST_TEXT];

	pthread_mutex_t lock;
	struct redis_peer peer; /* guarded by lock */
	bool is_found;          /* guarded by lock: peer is somebody */
	bool is_unwell; /* guarded by lock: something is wrong with it */
	struct breaker breaker; /* guarded by lock */
	int64_t failed_at;      /* guarded by lock: of the last that counted */
	uint64_t generation;    /* guarded by lock: of peer */
	struct why trouble;     /* guarded by lock */
	size_t nbusy, nidle;    /* guarded by lock: REDIS_LINKS together */
	struct {
		struct redis_conn *conn;
		int64_t since;
	} idle[REDIS_LINKS];          /* guarded by lock: this generation's */
	TAILQ_HEAD(, waiter) waiting; /* guarded by lock: all are busy */
};

/* --- links in common ---------------------------------------------------- */

static void
close_idle(struct redis_pool *p)
{
	while (p->nidle > 0)
		redis_conn_close(&p->idle[--p->nidle].conn);
}

/* Open until the server was seen well: it is not tried on a message. */
static bool
is_down(const struct redis_pool *p)
{
	return !p->is_found ||
	       breaker_state(&p->breaker, clock_steady()) != BREAKER_CLOSED;
}

static void
found(struct redis_pool *p, const struct redis_peer *peer)
{
	pthread_mutex_lock(&p->lock);
	close_idle(p);
	p->peer = *peer;
	p->generation++;
	p->is_found = true;
	p->is_unwell = false;
	breaker_good(&p->breaker);
	p->trouble.text[0] = '\0';
	pthread_mutex_unlock(&p->lock);
}

enum redis_health
redis_pool_reconnect(struct redis_pool *p, struct why *why)
{
	struct redis_peer peer;
	enum redis_health h;

	*why = WHY_NONE;
	h = redis_discover(&p->login, p->timeout, &peer, why);
	if (h == REDIS_SERVER_OK) {
		found(p, &peer);
		return h;
	}
	pthread_mutex_lock(&p->lock);
	p->is_unwell = true;
	while (!is_down(p))
		breaker_bad(&p->breaker, PAUSE, LONGEST_PAUSE, clock_steady());
	p->trouble = *why;
	pthread_mutex_unlock(&p->lock);
	return h;
}

bool
redis_pool_needs_reconnect(struct redis_pool *p)
{
	bool unwell;

	pthread_mutex_lock(&p->lock);
	unwell = p->is_unwell || !p->is_found;
	pthread_mutex_unlock(&p->lock);
	return unwell;
}

bool
redis_pool_is_down(struct redis_pool *p, struct why *why)
{
	bool down;

	pthread_mutex_lock(&p->lock);
	down = is_down(p);
	if (down)
		why_set(why, "%s",
		    p->trouble.text[0] != '\0'
			? p->trouble.text
			: "the store was not reached yet");
	pthread_mutex_unlock(&p->lock);
	return down;
}

/* --- taking turns: first come, first served ------------------------------ */

/* With the lock held. */
static bool
wait_turn(struct redis_pool *p, int64_t deadline)
{
	struct waiter w = { .has_place = false };
	int64_t until = cond_deadline(deadline - clock_steady());

	cond_init(&w.turn);
	TAILQ_INSERT_TAIL(&p->waiting, &w, next);
	while (
	    !w.has_place && !is_down(p) && cond_wait(&w.turn, &p->lock, until))
		;
	if (!w.has_place)
		TAILQ_REMOVE(&p->waiting, &w, next);
	pthread_cond_destroy(&w.turn);
	return w.has_place;
}

/* With the lock held; NULL if there is none. */
static struct redis_conn *
take_idle(struct redis_pool *p)
{
	while (p->nidle > 0) {
		struct redis_conn *l = p->idle[--p->nidle].conn;
		int64_t age = clock_steady() - p->idle[p->nidle].since;

		if (age < IDLE_TRUSTED || redis_conn_alive(l))
			return l;
		redis_conn_close(&l);
	}
	return NULL;
}

/* A place, and a link in it unless one is to be opened (*link_r is NULL). */
static bool
take_place(struct redis_pool *p, int64_t deadline, struct redis_conn **link_r,
    uint64_t *generation_r, struct redis_peer *peer_r, struct why *why)
{
	bool got = false;

	pthread_mutex_lock(&p->lock);
	if (!is_down(p) && p->nbusy < REDIS_LINKS) {
		p->nbusy++;
		got = true;
	} else if (!is_down(p)) {
		got = wait_turn(p, deadline);
	}
	*link_r = got ? take_idle(p) : NULL;
	*generation_r = p->generation;
	*peer_r = p->peer;
	if (!got)
		why_set(why, "%s",
		    p->trouble.text[0] != '\0'
			? p->trouble.text
			: "all connections to the store's server are busy");
	pthread_mutex_unlock(&p->lock);
	return got;
}

/* Leaves the place to who waits longest, and the link (NULL: it is no more). */
static void
leave_place(struct redis_pool *p, struct redis_conn *l, uint64_t generation)
{
	struct waiter *w;

	pthread_mutex_lock(&p->lock);
	if (l != NULL && generation == p->generation) {
		p->idle[p->nidle].since = clock_steady();
		p->idle[p->nidle++].conn = l;
		l = NULL;
	}
	if ((w = TAILQ_FIRST(&p->waiting)) != NULL) {
		TAILQ_REMOVE(&p->waiting, w, next);
		w->has_place = true;
		pthread_cond_signal(&w->turn);
	} else {
		p->nbusy--;
	}
	pthread_mutex_unlock(&p->lock);
	redis_conn_close(&l);
}

/* Many that waited for the same time failed once. */
static void
count_failure(
    struct redis_pool *p, uint64_t generation, int64_t begun, const char *why)
{
	struct waiter *w;

	pthread_mutex_lock(&p->lock);
	if (generation == p->generation) {
		p->is_unwell = true;
		if (begun >= p->failed_at) {
			p->failed_at = clock_steady();
			breaker_bad(
			    &p->breaker, PAUSE, LONGEST_PAUSE, p->failed_at);
		}
		why_set(&p->trouble, "%s", why);
		if (is_down(p))
			TAILQ_FOREACH (w, &p->waiting, next)
				pthread_cond_signal(&w->turn);
	}
	pthread_mutex_unlock(&p->lock);
}

static void
count_success(struct redis_pool *p, uint64_t generation)
{
	pthread_mutex_lock(&p->lock);
	if (generation == p->generation && !is_down(p)) {
		breaker_good(&p->breaker);
		p->is_unwell = false;
		p->trouble.text[0] = '\0';
	}
	pthread_mutex_unlock(&p->lock);
}

/* --- asking ------------------------------------------------------------- */

static bool
begins_with_any(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strncmp(text, *words, strlen(*words)) == 0)
			return true;
	return false;
}

/* The server says so of itself: the next command would hear the same. */
static bool
is_unable(const redisReply *r)
{
	static const char *const words[] = { "READONLY", "LOADING",
		"MASTERDOWN", "BUSY", "CLUSTERDOWN", NULL };

	return r->type == REDIS_REPLY_ERROR && begins_with_any(r->str, words);
}

/* What an error reply means: said before anything was done, or in the midst? */
static enum store_answer
answer_of(const redisReply *r, struct why *why)
{
	static const char *const before[] = { "READONLY", "LOADING",
		"MASTERDOWN", "BUSY", "CLUSTERDOWN", "OOM", "MISCONF",
		"NOREPLICAS", "NOAUTH", "NOPERM", "NOSCRIPT", NULL };

	if (redis_is_good(r, why))
		return STORE_OK;
	return begins_with_any(r->str, before) ? STORE_FAILED : STORE_UNCERTAIN;
}

/* One command and its reply, error replies included. */
static enum store_answer
exchange(struct redis_pool *p, int64_t deadline, const struct redis_command *c,
    redisReply **reply_r, struct why *why)
{
	enum redis_sent sent = REDIS_UNSENT;
	int64_t begun = clock_steady();
	struct redis_peer peer;
	struct redis_conn *l;
	uint64_t generation;

	*reply_r = NULL;
	if (!take_place(p, deadline, &l, &generation, &peer, why))
		return STORE_FAILED;
	if (l == NULL)
		l = redis_session_open(&p->login, &peer, deadline, why);
	if (l != NULL)
		sent = redis_conn_ask(l, c, deadline, reply_r, why);
	if (sent != REDIS_REPLIED)
		redis_conn_close(&l);
	leave_place(p, l, generation);
	if (sent == REDIS_REPLIED) {
		if (!is_unable(*reply_r)) {
			if (clock_steady() - begun <= p->timeout)
				count_success(p, generation);
		} else if (!redis_is_good(*reply_r, why)) {
			count_failure(p, generation, begun, why->text);
		}
		return STORE_OK;
	}
	count_failure(p, generation, begun, why->text);
	return sent == REDIS_UNSENT ? STORE_FAILED : STORE_UNCERTAIN;
}

/* An error reply is no reply. */
static enum store_answer
pool_settle(enum store_answer a, redisReply **r, struct why *why)
{
	if (a == STORE_OK)
		a = answer_of(*r, why);
	if (a != STORE_OK && *r != NULL) {
		freeReplyObject(*r);
		*r = NULL;
	}
	return a;
}

enum store_answer
redis_pool_ask(struct redis_pool *p, int timeout, const struct redis_command *c,
    redisReply **reply_r, struct why *why)
{
	enum store_answer a =
	    exchange(p, clock_steady() + timeout, c, reply_r, why);

	return pool_settle(a, reply_r, why);
}

static bool
is_unknown(enum store_answer a, const redisReply *r)
{
	return a == STORE_OK && r->type == REDIS_REPLY_ERROR &&
	       strncmp(r->str, "NOSCRIPT", 8) == 0;
}

enum store_answer
redis_pool_run(struct redis_pool *p, int timeout, const struct redis_command *c,
    redisReply **reply_r, struct why *why)
{
	int64_t deadline = clock_steady() + timeout;
	enum store_answer a;

	c->argv[0] = "EVALSHA";
	c->len[0] = strlen(c->argv[0]);
	c->argv[1] = p->digest;
	c->len[1] = DIGEST_TEXT - 1;
	a = exchange(p, deadline, c, reply_r, why);
	if (is_unknown(a, *reply_r)) {
		freeReplyObject(*reply_r);
		c->argv[0] = "EVAL";
		c->len[0] = strlen(c->argv[0]);
		c->argv[1] = redis_script;
		c->len[1] = strlen(redis_script);
		a = exchange(p, deadline, c, reply_r, why);
	}
	return pool_settle(a, reply_r, why);
}

/* --- opening and closing ------------------------------------------------ */

static bool
digest_script(char digest[DIGEST_TEXT])
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(redis_script, strlen(redis_script), sum, &len,
		EVP_sha1(), NULL) != 1)
		return false;
	for (unsigned i = 0; i < len && i < DIGEST_TEXT / 2; i++)
		snprintf(digest + 2 * i, 3, "%02x", sum[i]);
	return true;
}

static SSL_CTX *
make_tls(const char *ca, struct why *why)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	bool good;

	if (tls == NULL) {
		why_set(why, "TLS: out of memory");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	good = ca[0] == '\0'
		   ? SSL_CTX_set_default_verify_paths(tls) == 1
		   : SSL_CTX_load_verify_locations(tls, ca, NULL) == 1;
	if (good)
		return tls;
	why_set(why, "store: cannot read certificates from %s",
	    ca[0] != '\0' ? ca : "the system's directory");
	SSL_CTX_free(tls);
	return NULL;
}

struct redis_pool *
redis_pool_open(const struct redis_url *where, const char *secret,
    redis_password_fn *password, int timeout, struct why *why)
{
	struct redis_pool *p = calloc(1, sizeof(*p));

	why_set(why, "out of memory");
	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	TAILQ_INIT(&p->waiting);
	p->where = *where;
	p->timeout = timeout;
	p->secret = strdup(secret);
	p->login = (struct redis_login){ &p->where, p->secret, password, NULL };
	if (p->secret == NULL || !digest_script(p->digest) ||
	    (where->tls && (p->login.tls = make_tls(where->ca, why)) == NULL))
		redis_pool_close(&p);
	return p;
}

void
redis_pool_close(struct redis_pool **pp)
{
	struct redis_pool *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	close_idle(p);
	pthread_mutex_destroy(&p->lock);
	SSL_CTX_free(p->login.tls);
	free(p->secret);
	free(p);
}
