/*
 * fallback.c - a shared store, and while it is out (on-store-failure = local)
 * a share of each limit that no other server has.
 *
 * The shares of all servers together are one limit, so an outage costs at most
 * that much more.  What was spent meanwhile is in a store of its own, which
 * survives what the daemon does not, and is told to the shared one when that
 * is back: each counter once, and nothing is forgotten before it was told.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "backend.h"
#include "clock.h"
#include "digest.h"
#include "log.h"
#include "thread.h"

#define CENSUS_INTERVAL (10 * SECOND)
#define TEND_INTERVAL                                                          \
	500       /* ms between two looks whether something is to do           \
		   */
#define BATCH 256 /* counters merged before we look again */
#define ID_DIGITS 16

struct fallback {
	struct store store;
	struct store_backend own; /* what it can, under the shared one's name */
	const struct store_env *env;
	struct store *shared;
	char id[ID_DIGITS + 1 + 256]; /* of this server: "ID@HOST" */
	int64_t counted;              /* clock_steady: of the last census; the
					 thread's own */
	_Atomic bool is_used;         /* there may be something to merge */
	_Atomic uint64_t charged, declined, failed;

	pthread_rwlock_t lock; /* to spend a share: shared; to change or merge
				  what follows: alone */
	const struct config *conf;
	struct store *local; /* NULL: never wanted so far */
	bool is_wanted;      /* a reload may say otherwise */
	size_t servers;      /* that share; 0: not known */

	pthread_mutex_t waiting; /* for what follows */
	bool ending;
	pthread_cond_t wake;
	pthread_t thread;
	bool started;
};

static struct fallback *
fallback_of(struct store *s)
{
	return (struct fallback *)s;
}

/* --- the share ---------------------------------------------------------- */

struct share {
	struct bill bill;
	struct policy policy[BILL_LINES];
};

static uint64_t
part_of(const struct fallback *f, uint64_t max)
{
	if (f->conf->store_share > 0)
		return max / 100 * f->conf->store_share +
		       max % 100 * f->conf->store_share / 100;
	return max / f->servers;
}

static bool
is_usable(const struct fallback *f, struct why *why)
{
	if (!f->is_wanted || f->local == NULL)
		return false;
	if (f->servers > 0 || f->conf->store_share > 0)
		return true;
	why_set(why,
	    "the shared store is out, and how many servers share it is not known: write store-share");
	return false;
}

static void
take_share(const struct fallback *f, const struct bill *b, struct share *s)
{
	s->bill = *b;
	for (size_t i = 0; i < b->nline; i++) {
		s->policy[i] = *b->line[i].policy;
		s->bill.line[i].policy = &s->policy[i];
		for (size_t k = 0; k < s->policy[i].nlimit; k++)
			s->policy[i].limit[k].max =
			    part_of(f, s->policy[i].limit[k].max);
	}
}

/* What is asked of the share: a charge, a preview, or a lease. */
struct question {
	enum { ASK_CHARGE, ASK_PREVIEW, ASK_LEASE } kind;
	const char *bound;
	struct lease *lease;
};

static enum store_answer
ask_share(struct fallback *f, const struct question *q, const struct bill *b,
    struct decision *d_r, struct why *why)
{
	enum store_answer a = STORE_FAILED;
	struct share s;

	pthread_rwlock_rdlock(&f->lock);
	if (is_usable(f, why)) {
		take_share(f, b, &s);
		if (q->kind != ASK_PREVIEW)
			atomic_store(&f->is_used, true);
		switch (q->kind) {
		case ASK_CHARGE:
			a = store_charge(f->local, &s.bill, q->bound, d_r, why);
			break;
		case ASK_PREVIEW:
			a = store_preview(f->local, &s.bill, d_r, why);
			break;
		case ASK_LEASE:
			a = store_lease(f->local, &s.bill, q->lease, d_r, why);
			break;
		}
	}
	pthread_rwlock_unlock(&f->lock);
	return a;
}

/* --- what messages ask -------------------------------------------------- */

/* What must be known when the server is out. */
static void
remember_binding(struct fallback *f, const struct bill *charged,
    const char *bound, const struct bill_choice *ch)
{
	struct bill b = {
		.now = charged->now, .zone = charged->zone, .nchoice = 1
	};
	struct decision d;
	struct why why;

	bound = ch->bound != NULL ? ch->bound : bound;
	if (bound[0] == '\0')
		return;
	b.choice[0].smarthost = ch->smarthost;
	pthread_rwlock_rdlock(&f->lock);
	if (f->local != NULL)
		(void)store_charge(f->local, &b, bound, &d, &why);
	pthread_rwlock_unlock(&f->lock);
}

static enum store_answer
fallback_charge(struct store *st, const struct bill *b, const char *bound,
    struct decision *d_r, struct why *why)
{
	const struct question q = { .kind = ASK_CHARGE, .bound = bound };
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_charge(f->shared, b, bound, d_r, why);

	if (a != STORE_OK && ask_share(f, &q, b, d_r, why) == STORE_OK)
		a = STORE_OK;
	else if (a == STORE_OK && d_r->fits && b->nchoice > 0)
		remember_binding(f, b, bound, &b->choice[d_r->choice]);
	atomic_fetch_add(a != STORE_OK ? &f->failed
			 : d_r->fits   ? &f->charged
				       : &f->declined,
	    1);
	return a;
}

static enum store_answer
fallback_preview(struct store *st, const struct bill *b, struct decision *d_r,
    struct why *why)
{
	const struct question q = { .kind = ASK_PREVIEW };
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_preview(f->shared, b, d_r, why);

	return a == STORE_OK ? a : ask_share(f, &q, b, d_r, why);
}

/* Not to know it here does not mean that it is not bound. */
static enum store_answer
fallback_bound(struct store *st, const char *bound, int64_t now,
    char *smarthost_r, struct why *why)
{
	struct fallback *f = fallback_of(st);
	enum store_answer a =
	    store_bound(f->shared, bound, now, smarthost_r, why);
	struct why own;

	if (a == STORE_OK || a == STORE_NONE)
		return a;
	pthread_rwlock_rdlock(&f->lock);
	if (f->local != NULL &&
	    store_bound(f->local, bound, now, smarthost_r, &own) == STORE_OK)
		a = STORE_OK;
	pthread_rwlock_unlock(&f->lock);
	return a;
}

static enum store_answer
fallback_blocked(struct store *st, const char *who, int64_t now, char *text_r,
    struct why *why)
{
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_blocked(f->shared, who, now, text_r, why);

	if (a == STORE_OK || a == STORE_NONE)
		return a;
	pthread_rwlock_rdlock(&f->lock);
	if (is_usable(f, why))
		a = store_blocked(f->local, who, now, text_r, why);
	pthread_rwlock_unlock(&f->lock);
	return a;
}

/* --- leases: of whichever store gave them ------------------------------- */

static enum store_answer
fallback_lease(struct store *st, const struct bill *b, struct lease *lease,
    struct decision *d_r, struct why *why)
{
	const struct question q = { .kind = ASK_LEASE, .lease = lease };
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_lease(f->shared, b, lease, d_r, why);

	return a == STORE_OK ? a : ask_share(f, &q, b, d_r, why);
}

/* What the shared one does not have may be of an outage. */
static enum store_answer
fallback_settle(struct store *st, const struct bill *b,
    const struct lease *lease, const struct settlement *left, struct why *why)
{
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_settle(f->shared, b, lease, left, why), own;
	struct why reason;

	if (a == STORE_OK)
		return a;
	pthread_rwlock_rdlock(&f->lock);
	own = f->local == NULL
		  ? STORE_NONE
		  : store_settle(f->local, b, lease, left, &reason);
	if (own != STORE_NONE) {
		a = own;
		if (own != STORE_OK)
			*why = reason;
	}
	pthread_rwlock_unlock(&f->lock);
	return a;
}

static enum store_answer
fallback_leases(
    struct store *st, store_lease_fn *each, void *arg, struct why *why)
{
	struct fallback *f = fallback_of(st);
	struct store *local;
	enum store_answer a = store_leases(f->shared, each, arg, why);

	if (a != STORE_OK)
		return a;
	pthread_rwlock_rdlock(&f->lock);
	local = f->local;
	pthread_rwlock_unlock(&f->lock);
	/* Once there it stays: each may call us. */
	return local == NULL ? a : store_leases(local, each, arg, why);
}

/* --- what the shared one answers alone ---------------------------------- */

static enum store_answer
fallback_reset(struct store *s, const struct policy *policy, const char *key,
    const struct audit *by, struct why *why)
{
	return store_reset(fallback_of(s)->shared, policy, key, by, why);
}

static enum store_answer
fallback_grant(struct store *s, const struct policy *policy, const char *key,
    const struct grant *g, const struct audit *by, struct why *why)
{
	return store_grant(fallback_of(s)->shared, policy, key, g, by, why);
}

static enum store_answer
fallback_block(struct store *s, const char *who, int64_t until,
    const struct audit *by, struct why *why)
{
	return store_block(fallback_of(s)->shared, who, until, by, why);
}

static enum store_answer
fallback_unblock(
    struct store *s, const char *who, const struct audit *by, struct why *why)
{
	return store_unblock(fallback_of(s)->shared, who, by, why);
}

static void
fallback_note(struct store *s, const struct store_event *e)
{
	store_note(fallback_of(s)->shared, e);
}

static enum store_answer
fallback_read(struct store *s, const struct policy *policy, const char *key,
    int64_t now, struct counter **c_r, struct why *why)
{
	return store_read(fallback_of(s)->shared, policy, key, now, c_r, why);
}

static enum store_answer
fallback_walk(struct store *s, int64_t now, store_each_fn *each, void *arg,
    struct why *why)
{
	return store_walk(fallback_of(s)->shared, now, each, arg, why);
}

static enum store_answer
fallback_events(struct store *s, const char *key, size_t n,
    store_event_fn *each, void *arg, struct why *why)
{
	return store_events(fallback_of(s)->shared, key, n, each, arg, why);
}

static enum store_answer
fallback_blocks(struct store *s, int64_t now, store_block_fn *each, void *arg,
    struct why *why)
{
	return store_blocks(fallback_of(s)->shared, now, each, arg, why);
}

static enum store_answer
fallback_flush(struct store *s, struct why *why)
{
	return store_flush(fallback_of(s)->shared, why);
}

static void
fallback_stats(struct store *st, struct store_stats *st_r)
{
	struct fallback *f = fallback_of(st);
	struct why why;

	store_stats(f->shared, st_r);
	st_r->charged = atomic_load(&f->charged);
	st_r->declined = atomic_load(&f->declined);
	st_r->failed = atomic_load(&f->failed);
	if (st_r->healthy)
		return;
	pthread_rwlock_rdlock(&f->lock);
	if (is_usable(f, &why))
		why_set(&st_r->trouble, "on %" PRIu64 "%% of each limit: %s",
		    part_of(f, 100), st_r->trouble.text);
	pthread_rwlock_unlock(&f->lock);
}

/* --- learning blocks while there is somebody to ask --------------------- */

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
	struct fallback *f = arg;
	struct why why;

	if (store_blocks(f->local, clock_now(), seek, &b, &why) == STORE_OK &&
	    !b.found)
		(void)store_block(f->local, who, until,
		    &(struct audit){ clock_now(), "postmeter", text }, &why);
	return true;
}

/* A block here is one of the shared store, or it was lifted. */
static bool
lift_block(void *arg, const char *who, int64_t until, const char *text)
{
	struct fallback *f = arg;
	char there[STORE_TEXT];
	struct why why;

	(void)until;
	(void)text;
	if (store_blocked(f->shared, who, clock_now(), there, &why) ==
	    STORE_NONE)
		(void)store_unblock(f->local, who,
		    &(struct audit){ clock_now(), "postmeter", "" }, &why);
	return true;
}

static void
learn_blocks(struct fallback *f)
{
	int64_t now = clock_now();
	struct why why;

	if (store_blocks(f->shared, now, learn_block, f, &why) == STORE_OK)
		(void)store_blocks(f->local, now, lift_block, f, &why);
}

/* --- merging back ------------------------------------------------------- */

/* The same bytes of the same server were the same spending. */
static bool
mark_of(const struct fallback *f, const struct counter *c, const char *policy,
    const char *key, uint64_t *mark_r)
{
	size_t n = counter_pack(c, NULL, 0);
	uint8_t *bytes = malloc(n);

	if (bytes == NULL || counter_pack(c, bytes, n) != n) {
		free(bytes);
		return false;
	}
	*mark_r = digest64(bytes, n) ^ digest64(f->id, strlen(f->id)) ^
		  digest64(policy, strlen(policy)) * 3 ^
		  digest64(key, strlen(key)) * 5;
	free(bytes);
	return true;
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

/* With the lock held alone: nothing is spent between telling and forgetting. */
static bool
merge_one(struct fallback *f, const char *policy, const char *key)
{
	const struct policy *p = config_policy(f->conf, policy);
	int64_t now = clock_now();
	struct counter *c = NULL;
	struct why why;
	uint64_t mark;
	bool good;

	if (p == NULL)
		return true;
	switch (store_read(f->local, p, key, now, &c, &why)) {
	case STORE_OK:
		good = mark_of(f, c, policy, key, &mark) &&
		       f->shared->backend->merge(f->shared, p, key, c, mark,
			   f->conf->zone, now, &why) == STORE_OK &&
		       store_reset(f->local, p, key,
			   &(struct audit){ now, "postmeter", "" },
			   &why) == STORE_OK;
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
collect_used(struct fallback *f, struct used_keys *list)
{
	struct why why;
	bool good;

	pthread_rwlock_rdlock(&f->lock);
	list->conf = f->conf;
	good =
	    store_walk(f->local, clock_now(), collect, list, &why) == STORE_OK;
	pthread_rwlock_unlock(&f->lock);
	return good;
}

static bool
is_well(struct fallback *f)
{
	struct store_stats st;

	store_stats(f->shared, &st);
	return st.healthy;
}

/* One batch; is_used says whether there may be more. */
static void
merge(struct fallback *f)
{
	struct used_keys *list = calloc(1, sizeof(*list));
	size_t done = 0;
	bool good;

	if (list == NULL)
		return;
	atomic_store(&f->is_used, false);
	good = collect_used(f, list);
	for (; good && done < list->n; done += good) {
		pthread_rwlock_wrlock(&f->lock);
		good = is_well(f) &&
		       merge_one(f, list->v[done].policy, list->v[done].key);
		pthread_rwlock_unlock(&f->lock);
	}
	if (done > 0)
		log_info(
		    "store: %zu counters of the outage were merged into the shared store",
		    done);
	if (!good || done > 0)
		atomic_store(&f->is_used, true);
	free(list);
}

/* --- beside all that: census, blocks, merging --------------------------- */

static bool
has_local(struct fallback *f)
{
	bool has;

	pthread_rwlock_rdlock(&f->lock);
	has = f->local != NULL;
	pthread_rwlock_unlock(&f->lock);
	return has;
}

static void
take_census(struct fallback *f)
{
	struct why why;
	size_t n;

	if (f->shared->backend->census(
		f->shared, f->id, clock_now(), &n, &why) != STORE_OK)
		return;
	pthread_rwlock_wrlock(&f->lock);
	f->servers = n;
	pthread_rwlock_unlock(&f->lock);
}

static void
tend(struct fallback *f)
{
	int64_t now = clock_steady();

	if (!has_local(f) || !is_well(f))
		return;
	if (f->counted == 0 || now - f->counted >= CENSUS_INTERVAL) {
		take_census(f);
		learn_blocks(f);
		f->counted = now;
	}
	if (atomic_load(&f->is_used))
		merge(f);
}

static void *
tend_always(void *arg)
{
	struct fallback *f = arg;

	pthread_mutex_lock(&f->waiting);
	while (!f->ending) {
		cond_wait(&f->wake, &f->waiting, cond_deadline(TEND_INTERVAL));
		pthread_mutex_unlock(&f->waiting);
		tend(f);
		pthread_mutex_lock(&f->waiting);
	}
	pthread_mutex_unlock(&f->waiting);
	return NULL;
}

/* --- who this server is ------------------------------------------------- */

/* Made once and kept beside the store, so that two of one host are two. */
static bool
read_id(const char *path, char id[ID_DIGITS + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, id, ID_DIGITS);

	if (fd != -1)
		close(fd);
	id[n == ID_DIGITS ? ID_DIGITS : 0] = '\0';
	return n == ID_DIGITS && strspn(id, "0123456789abcdef") == ID_DIGITS;
}

static bool
write_id(const char *path, const char *id)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good =
	    fd != -1 && write(fd, id, ID_DIGITS) == ID_DIGITS && fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	return good;
}

/* ID@HOST: a machine that was copied with its files is another one. */
static bool
name_server(struct fallback *f, struct why *why)
{
	const char *path = strchr(f->conf->store_local, ':');
	char id[ID_DIGITS + 1], host[256] = "";
	bool good = true;
	char *file;
	uint64_t n;

	if (path == NULL || asprintf(&file, "%s-id", path + 1) == -1) {
		why_set(why, "out of memory");
		return false;
	}
	if (!read_id(file, id)) {
		good = getrandom(&n, sizeof(n), 0) == sizeof(n);
		snprintf(id, sizeof(id), "%016" PRIx64, n);
		good = good && write_id(file, id);
	}
	if (!good)
		why_set(why, "%s: %s: it says which of the servers this one is",
		    file, strerror(errno));
	free(file);
	gethostname(host, sizeof(host) - 1);
	snprintf(f->id, sizeof(f->id), "%s@%s", id, host);
	return good;
}

/* --- a life ------------------------------------------------------------- */

/* With the lock held alone.  Once there it stays, whatever a reload says. */
static int
prepare_local(struct fallback *f, struct why *why, enum store_fault *fault_r)
{
	f->is_wanted = f->conf->on_store_failure == STORE_FAILURE_LOCAL;
	if (!f->is_wanted || f->local != NULL)
		return 0;
	atomic_store(&f->is_used, true); /* of an outage before this start */
	f->local =
	    store_open_at(f->conf, f->conf->store_local, f->env, why, fault_r);
	if (f->local == NULL)
		return -1;
	if (name_server(f, why))
		return 0;
	store_close(&f->local);
	*fault_r = STORE_INACCESSIBLE;
	return -1;
}

static void
fallback_reconfigure(struct store *st, const struct config *conf)
{
	struct fallback *f = fallback_of(st);
	struct why why;
	enum store_fault fault;

	store_reconfigure(f->shared, conf);
	pthread_rwlock_wrlock(&f->lock);
	f->conf = conf;
	if (f->local != NULL)
		store_reconfigure(f->local, conf);
	if (prepare_local(f, &why, &fault) == -1)
		log_error("on-store-failure = local: %s", why.text);
	pthread_rwlock_unlock(&f->lock);
}

static void
fallback_close(struct store *st)
{
	struct fallback *f = fallback_of(st);

	if (f->started) {
		pthread_mutex_lock(&f->waiting);
		f->ending = true;
		pthread_cond_signal(&f->wake);
		pthread_mutex_unlock(&f->waiting);
		pthread_join(f->thread, NULL);
	}
	store_close(&f->local);
	store_close(&f->shared);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->waiting);
	pthread_rwlock_destroy(&f->lock);
	free(f);
}

static const struct store_backend operations = {
	.close = fallback_close,
	.charge = fallback_charge,
	.preview = fallback_preview,
	.bound = fallback_bound,
	.lease = fallback_lease,
	.settle = fallback_settle,
	.leases = fallback_leases,
	.reset = fallback_reset,
	.grant = fallback_grant,
	.block = fallback_block,
	.unblock = fallback_unblock,
	.blocked = fallback_blocked,
	.note = fallback_note,
	.read = fallback_read,
	.walk = fallback_walk,
	.events = fallback_events,
	.blocks = fallback_blocks,
	.stats = fallback_stats,
	.reconfigure = fallback_reconfigure,
	.flush = fallback_flush,
};

struct store *
store_fallback(struct store *shared, const struct config *conf,
    const struct store_env *env, struct why *why, enum store_fault *fault_r)
{
	struct fallback *f = calloc(1, sizeof(*f));

	*fault_r = STORE_NO_RESOURCES;
	if (f == NULL) {
		why_set(why, "out of memory");
		store_close(&shared);
		return NULL;
	}
	f->own = operations;
	f->own.kind = shared->backend->kind;
	f->own.scheme = shared->backend->scheme;
	f->store.backend = &f->own;
	f->store.conf = config_hold(conf);
	f->env = env;
	f->conf = conf;
	f->shared = shared;
	pthread_rwlock_init(&f->lock, NULL);
	pthread_mutex_init(&f->waiting, NULL);
	cond_init(&f->wake);
	if (prepare_local(f, why, fault_r) == -1)
		goto fail;
	tend(f);
	if (thread_start(&f->thread, tend_always, f) != 0) {
		why_set(why, "cannot start a thread");
		goto fail;
	}
	f->started = true;
	return &f->store;
fail:
	fallback_close(&f->store);
	config_release(&conf);
	return NULL;
}
