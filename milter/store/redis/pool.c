/*
 * pool.c - a server that many threads share, and its bad days.
 *
 * A callback may wait 200 ms for a server that is slow, but not again and
 * again: five failures in a row and nobody waits any more until the server
 * was seen well.  Looking for it, which may take long, is work for a thread
 * that nobody waits for.
 */
#include <netdb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/un.h>
#include <time.h>

#include "clock.h"
#include "conn.h"
#include "pool.h"
#include "script.h"
#include "secrets.h"
#include "thread.h"

#define DIGEST_TEXT 41 /* SHA-1 in hex */

int redis_budget = 200;

/* Who waits for a place, on the stack of its thread. */
struct waiter {
	pthread_cond_t turn;
	bool has_place;
	TAILQ_ENTRY(waiter) next;
};

struct redis_pool {
	struct redis_url where;
	char *secret;
	redis_password_fn *password;
	SSL_CTX *tls;
	char digest[DIGEST_TEXT];

	pthread_mutex_t lock; /* for what follows */
	struct redis_peer peer;
	bool is_found; /* peer is somebody */
	bool ails;     /* something is wrong with it */
	unsigned failures;
	int64_t failed_at;   /* when the last one of them was counted */
	uint64_t generation; /* of peer */
	struct why trouble;
	size_t nbusy, nidle;                  /* REDIS_LINKS together */
	struct redis_conn *idle[REDIS_LINKS]; /* all of this generation */
	TAILQ_HEAD(, waiter) waiting;         /* only if all are busy */
};

/* --- one link, ready for commands --------------------------------------- */

static bool
is_good(const redisReply *r, struct why *why)
{
	if (r == NULL)
		return false;
	if (r->type != REDIS_REPLY_ERROR)
		return true;
	why_set(why, "the store's server says: %.120s", r->str);
	return false;
}

static bool
do_one(struct redis_conn *l, int argc, const char **argv, int64_t deadline,
    redisReply **reply_r, struct why *why)
{
	redisReply *r = NULL;
	bool good;

	redis_conn_ask(l, argc, argv, NULL, deadline, &r, why);
	good = is_good(r, why);
	if (reply_r != NULL && good)
		*reply_r = r;
	else if (r != NULL)
		freeReplyObject(r);
	return good;
}

static bool
log_in(struct redis_pool *p, struct redis_conn *l, int64_t deadline,
    struct why *why)
{
	char password[SECRET_MAX + 1];
	const char *argv[] = { "AUTH", p->where.user, password };
	bool has_user = p->where.user[0] != '\0';
	bool good;

	if (p->secret[0] == '\0')
		return true;
	if (p->password == NULL ||
	    p->password(p->secret, password, sizeof(password)) == -1) {
		why_set(why,
		    "the store's secret is not there: add it with `postmeterctl secret set %.40s`",
		    p->secret);
		return false;
	}
	if (!has_user)
		argv[1] = password;
	good = do_one(l, has_user ? 3 : 2, argv, deadline, NULL, why);
	explicit_bzero(password, sizeof(password));
	return good;
}

static struct redis_conn *
open_link(struct redis_pool *p, const struct redis_peer *peer, int64_t deadline,
    struct why *why)
{
	struct redis_conn *l = redis_conn_open(peer, deadline, why);
	char db[16];
	const char *argv[] = { "SELECT", db };

	if (l == NULL)
		return NULL;
	snprintf(db, sizeof(db), "%u", p->where.db);
	if (!log_in(p, l, deadline, why) ||
	    (p->where.db != 0 && !do_one(l, 2, argv, deadline, NULL, why)))
		redis_conn_close(&l);
	return l;
}

/* --- looking for the server --------------------------------------------- */

static struct redis_peer
unix_peer(const struct redis_url *w)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct redis_peer peer = { .len = sizeof(sun) };

	memcpy(sun.sun_path, w->path, sizeof(sun.sun_path));
	memcpy(&peer.addr, &sun, sizeof(sun));
	snprintf(peer.name, sizeof(peer.name), "%s", w->path);
	return peer;
}

/* The first address of host that answers; link_r is a link to it. */
static bool
reach(struct redis_pool *p, const struct redis_host *host, bool log_in_too,
    struct redis_peer *peer_r, struct redis_conn **link_r, struct why *why)
{
	const struct addrinfo hint = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host->name, host->port, &hint, &list);

	*link_r = NULL;
	if (rc != 0) {
		why_set(why, "the store's server %.80s: %.50s", host->name,
		    gai_strerror(rc));
		return false;
	}
	for (struct addrinfo *a = list; a != NULL && *link_r == NULL;
	     a = a->ai_next) {
		int64_t deadline = clock_steady() + REDIS_PATIENCE;

		memset(peer_r, 0, sizeof(*peer_r));
		memcpy(&peer_r->addr, a->ai_addr, a->ai_addrlen);
		peer_r->len = a->ai_addrlen;
		peer_r->tls = p->tls;
		memcpy(peer_r->name, host->name, sizeof(peer_r->name));
		*link_r = log_in_too ? open_link(p, peer_r, deadline, why)
				     : redis_conn_open(peer_r, deadline, why);
	}
	freeaddrinfo(list);
	return *link_r != NULL;
}

/* Who one Sentinel says is the master. */
static bool
ask_sentinel(struct redis_pool *p, const struct redis_host *sentinel,
    struct redis_host *master_r, struct why *why)
{
	const char *argv[] = { "SENTINEL", "get-master-addr-by-name",
		p->where.master };
	int64_t deadline = clock_steady() + 2 * REDIS_PATIENCE;
	struct redis_peer peer;
	struct redis_conn *l;
	redisReply *r = NULL;
	bool good;

	if (!reach(p, sentinel, false, &peer, &l, why))
		return false;
	good = do_one(l, 3, argv, deadline, &r, why);
	if (!good && strstr(why->text, "NOAUTH") != NULL)
		good = log_in(p, l, deadline, why) &&
		       do_one(l, 3, argv, deadline, &r, why);
	redis_conn_close(&l);
	if (!good)
		return false;
	good = r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
	       r->element[0]->type == REDIS_REPLY_STRING &&
	       r->element[1]->type == REDIS_REPLY_STRING &&
	       strlen(r->element[0]->str) < sizeof(master_r->name) &&
	       strlen(r->element[1]->str) < sizeof(master_r->port);
	if (good) {
		strcpy(master_r->name, r->element[0]->str);
		strcpy(master_r->port, r->element[1]->str);
	} else {
		why_set(why, "Sentinel %.50s knows no master \"%.50s\"",
		    sentinel->name, p->where.master);
	}
	freeReplyObject(r);
	return good;
}

static bool
look_for(struct redis_pool *p, struct redis_peer *peer_r,
    struct redis_conn **link_r, struct why *why)
{
	struct redis_host master;

	if (p->where.nhost == 0) {
		*peer_r = unix_peer(&p->where);
		*link_r =
		    open_link(p, peer_r, clock_steady() + REDIS_PATIENCE, why);
		return *link_r != NULL;
	}
	if (!p->where.sentinel)
		return reach(p, &p->where.host[0], true, peer_r, link_r, why);
	for (size_t i = 0; i < p->where.nhost; i++)
		if (ask_sentinel(p, &p->where.host[i], &master, why) &&
		    reach(p, &master, true, peer_r, link_r, why))
			return true;
	return false;
}

/* --- is it one to trust? ------------------------------------------------ */

/* The value of "name:" in the answer to INFO; "" if it is not there. */
static const char *
info(const char *text, const char *name, char *dst, size_t size)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\n%s:", name);
	at = strstr(text, line);
	at = at == NULL ? "" : at + strlen(line);
	snprintf(dst, size, "%.*s", (int)strcspn(at, "\r\n"), at);
	return dst;
}

static enum redis_health
judge(const char *text, struct why *why)
{
	char v[64], policy[64];

	if (strcmp(info(text, "cluster_enabled", v, sizeof(v)), "1") == 0) {
		why_set(why,
		    "the store's server is a Redis Cluster: all counters lie in one slot, so use one server, with Sentinel if it must not fail");
		return REDIS_SERVER_UNSUPPORTED;
	}
	if (atoi(info(text, "redis_version", v, sizeof(v))) < 7) {
		why_set(why,
		    "the store's server is version %s: want Redis 7.0 or newer, or Valkey",
		    v);
		return REDIS_SERVER_UNSUPPORTED;
	}
	if (strcmp(info(text, "maxmemory", v, sizeof(v)), "0") != 0 &&
	    strcmp(info(text, "maxmemory_policy", policy, sizeof(policy)),
		"noeviction") != 0) {
		why_set(why,
		    "the store's server may throw counters away: set maxmemory-policy noeviction (it is %.30s)",
		    policy);
		return REDIS_SERVER_UNSUPPORTED;
	}
	if (strcmp(info(text, "loading", v, sizeof(v)), "1") == 0) {
		why_set(why, "the store's server is loading");
		return REDIS_SERVER_UNREACHABLE;
	}
	if (strcmp(info(text, "role", v, sizeof(v)), "master") != 0) {
		why_set(why,
		    "the store's server is a replica: name the master, or its Sentinels");
		return REDIS_SERVER_UNREACHABLE;
	}
	return REDIS_SERVER_OK;
}

static enum redis_health
check(struct redis_conn *l, struct why *why)
{
	const char *argv[] = { "INFO" };
	enum redis_health h = REDIS_SERVER_UNREACHABLE;
	redisReply *r = NULL;

	/* One that takes longer than a message may wait is not well. */
	if (!do_one(l, 1, argv, clock_steady() + redis_budget, &r, why))
		return REDIS_SERVER_UNREACHABLE;
	if (r->type == REDIS_REPLY_STRING)
		h = judge(r->str, why);
	freeReplyObject(r);
	return h;
}

/* --- links in common ---------------------------------------------------- */

static void
close_idle(struct redis_pool *p)
{
	while (p->nidle > 0)
		redis_conn_close(&p->idle[--p->nidle]);
}

static void
found(struct redis_pool *p, const struct redis_peer *peer)
{
	pthread_mutex_lock(&p->lock);
	close_idle(p);
	p->peer = *peer;
	p->generation++;
	p->is_found = true;
	p->ails = false;
	p->failures = 0;
	p->trouble.text[0] = '\0';
	pthread_mutex_unlock(&p->lock);
}

enum redis_health
redis_pool_reconnect(struct redis_pool *p, struct why *why)
{
	enum redis_health h = REDIS_SERVER_UNREACHABLE;
	struct redis_conn *l = NULL;
	struct redis_peer peer;

	*why = WHY_NONE;
	if (look_for(p, &peer, &l, why)) {
		h = check(l, why);
		redis_conn_close(&l);
	}
	if (h == REDIS_SERVER_OK) {
		found(p, &peer);
		return h;
	}
	pthread_mutex_lock(&p->lock);
	p->ails = true;
	p->failures = REDIS_FAILURES;
	p->trouble = *why;
	pthread_mutex_unlock(&p->lock);
	return h;
}

bool
redis_pool_needs_reconnect(struct redis_pool *p)
{
	bool ails;

	pthread_mutex_lock(&p->lock);
	ails = p->ails || !p->is_found;
	pthread_mutex_unlock(&p->lock);
	return ails;
}

static bool
is_down(const struct redis_pool *p)
{
	return p->failures >= REDIS_FAILURES || !p->is_found;
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
		struct redis_conn *l = p->idle[--p->nidle];

		if (redis_conn_alive(l))
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
		p->idle[p->nidle++] = l;
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

/* Many that waited for the same moment failed once. */
static void
count_failure(
    struct redis_pool *p, uint64_t generation, int64_t begun, const char *why)
{
	struct waiter *w;

	pthread_mutex_lock(&p->lock);
	if (generation == p->generation) {
		p->ails = true;
		if (begun >= p->failed_at) {
			p->failures++;
			p->failed_at = clock_steady();
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
	if (generation == p->generation && p->failures < REDIS_FAILURES) {
		p->failures = 0;
		p->ails = false;
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
		"NOREPLICAS", "NOAUTH", "NOPERM", "NOSCRIPT", "POSTMETER",
		NULL };

	if (is_good(r, why))
		return STORE_OK;
	return begins_with_any(r->str, before) ? STORE_FAILED : STORE_UNCERTAIN;
}

/* One command and its reply, error replies included. */
static enum store_answer
exchange(struct redis_pool *p, int64_t deadline, int argc, const char **argv,
    const size_t *len, redisReply **reply_r, struct why *why)
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
		l = open_link(p, &peer, deadline, why);
	if (l != NULL)
		sent =
		    redis_conn_ask(l, argc, argv, len, deadline, reply_r, why);
	if (sent != REDIS_REPLIED)
		redis_conn_close(&l);
	leave_place(p, l, generation);
	if (sent == REDIS_REPLIED) {
		if (!is_unable(*reply_r)) {
			if (clock_steady() - begun <= redis_budget)
				count_success(p, generation);
		} else if (!is_good(*reply_r, why)) {
			count_failure(p, generation, begun, why->text);
		}
		return STORE_OK;
	}
	count_failure(p, generation, begun, why->text);
	return sent == REDIS_UNSENT ? STORE_FAILED : STORE_UNCERTAIN;
}

/* An error reply is no reply. */
static enum store_answer
settle(enum store_answer a, redisReply **r, struct why *why)
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
redis_pool_ask(struct redis_pool *p, int budget, int argc, const char **argv,
    const size_t *len, redisReply **reply_r, struct why *why)
{
	enum store_answer a =
	    exchange(p, clock_steady() + budget, argc, argv, len, reply_r, why);

	return settle(a, reply_r, why);
}

static bool
is_unknown(enum store_answer a, const redisReply *r)
{
	return a == STORE_OK && r->type == REDIS_REPLY_ERROR &&
	       strncmp(r->str, "NOSCRIPT", 8) == 0;
}

enum store_answer
redis_pool_run(struct redis_pool *p, int budget, int argc, const char **argv,
    size_t *len, redisReply **reply_r, struct why *why)
{
	int64_t deadline = clock_steady() + budget;
	enum store_answer a;

	argv[0] = "EVALSHA";
	len[0] = strlen(argv[0]);
	argv[1] = p->digest;
	len[1] = DIGEST_TEXT - 1;
	a = exchange(p, deadline, argc, argv, len, reply_r, why);
	if (is_unknown(a, *reply_r)) {
		freeReplyObject(*reply_r);
		argv[0] = "EVAL";
		len[0] = strlen(argv[0]);
		argv[1] = redis_script;
		len[1] = strlen(redis_script);
		a = exchange(p, deadline, argc, argv, len, reply_r, why);
	}
	return settle(a, reply_r, why);
}

/* --- a life ------------------------------------------------------------- */

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
	why_set(why, "store: cannot read certificates from %.90s",
	    ca[0] != '\0' ? ca : "the system's folder");
	SSL_CTX_free(tls);
	return NULL;
}

struct redis_pool *
redis_pool_open(const struct redis_url *where, const char *secret,
    redis_password_fn *password, struct why *why)
{
	struct redis_pool *p = calloc(1, sizeof(*p));

	why_set(why, "out of memory");
	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	TAILQ_INIT(&p->waiting);
	p->where = *where;
	p->password = password;
	p->secret = strdup(secret);
	if (p->secret == NULL || !digest_script(p->digest) ||
	    (where->tls && (p->tls = make_tls(where->ca, why)) == NULL))
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
	SSL_CTX_free(p->tls);
	free(p->secret);
	free(p);
}
