/*
 * backend.c - a shared store, and while it is out (on-store-failure = local)
 * another one that stands in with a share of each limit.
 *
 * What was spent meanwhile is in that store, which survives what the daemon
 * does not, and is told to the shared one when that is back.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"
#include "fallback.h"
#include "share.h"
#include "log.h"
#include "thread.h"

#define TEND_INTERVAL                                                          \
	500 /* ms between two looks whether something is to do                 \
	     */

static struct fallback *
fallback_of(struct store *s)
{
	return (struct fallback *)s;
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
	const struct fallback_question q = { .kind = ASK_CHARGE,
		.bound = bound };
	struct fallback *f = fallback_of(st);
	enum store_answer a =
	    store_charge(f->store.wrapped, b, bound, d_r, why);

	if (a != STORE_OK && fallback_ask(f, &q, b, d_r, why) == STORE_OK)
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
	const struct fallback_question q = { .kind = ASK_PREVIEW };
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_preview(f->store.wrapped, b, d_r, why);

	return a == STORE_OK ? a : fallback_ask(f, &q, b, d_r, why);
}

/* Not to know it here does not mean that it is not bound. */
static enum store_answer
fallback_bound(struct store *st, const char *bound, int64_t now,
    char *smarthost_r, struct why *why)
{
	struct fallback *f = fallback_of(st);
	enum store_answer a =
	    store_bound(f->store.wrapped, bound, now, smarthost_r, why);
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
	enum store_answer a =
	    store_blocked(f->store.wrapped, who, now, text_r, why);

	if (a == STORE_OK || a == STORE_NONE)
		return a;
	pthread_rwlock_rdlock(&f->lock);
	if (fallback_is_usable(f, why))
		a = store_blocked(f->local, who, now, text_r, why);
	pthread_rwlock_unlock(&f->lock);
	return a;
}

/* --- leases: of whichever store gave them ------------------------------- */

static enum store_answer
fallback_lease(struct store *st, const struct bill *b, struct lease *lease,
    struct decision *d_r, struct why *why)
{
	const struct fallback_question q = { .kind = ASK_LEASE,
		.lease = lease };
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_lease(f->store.wrapped, b, lease, d_r, why);

	return a == STORE_OK ? a : fallback_ask(f, &q, b, d_r, why);
}

/* What the shared one does not have may be of an outage. */
static enum store_answer
fallback_settle(struct store *st, const struct bill *b,
    const struct lease *lease, const struct settlement *left, struct why *why)
{
	struct fallback *f = fallback_of(st);
	enum store_answer a = store_settle(
			      f->store.wrapped, b, lease, left, why),
			  own;
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
	enum store_answer a = store_leases(f->store.wrapped, each, arg, why);

	if (a != STORE_OK)
		return a;
	pthread_rwlock_rdlock(&f->lock);
	local = f->local;
	pthread_rwlock_unlock(&f->lock);
	/* Once there it stays: each may call us. */
	return local == NULL ? a : store_leases(local, each, arg, why);
}

/* --- how it is ----------------------------------------------------------- */

static void
fallback_stats(struct store *st, struct store_stats *st_r)
{
	struct fallback *f = fallback_of(st);
	struct why why;

	store_stats(f->store.wrapped, st_r);
	st_r->charged = atomic_load(&f->charged);
	st_r->declined = atomic_load(&f->declined);
	st_r->failed = atomic_load(&f->failed);
	if (st_r->healthy)
		return;
	pthread_rwlock_rdlock(&f->lock);
	if (fallback_is_usable(f, &why))
		why_set(&st_r->trouble, "on %" PRIu64 "%% of each limit: %s",
		    fallback_part(f, 100), st_r->trouble.text);
	pthread_rwlock_unlock(&f->lock);
}

/* --- opening and closing ------------------------------------------------ */

static void *
tend_always(void *arg)
{
	struct fallback *f = arg;

	pthread_mutex_lock(&f->waiting);
	while (!f->ending) {
		cond_wait(&f->wake, &f->waiting, cond_deadline(TEND_INTERVAL));
		pthread_mutex_unlock(&f->waiting);
		fallback_tend(f);
		pthread_mutex_lock(&f->waiting);
	}
	pthread_mutex_unlock(&f->waiting);
	return NULL;
}

/* With the lock held alone.  Once there it stays, whatever a reload says. */
static int
prepare_local(struct fallback *f, struct why *why, enum store_fault *fault_r)
{
	f->is_wanted = f->conf->on_store_failure == STORE_FAILURE_LOCAL;
	if (!f->is_wanted || f->local != NULL)
		return 0;
	atomic_store(&f->is_used, true); /* of an outage before this start */
	f->local = f->open(f->conf, f->conf->store_local, f->env, why, fault_r);
	if (f->local == NULL)
		return -1;
	if (fallback_name_server(f, why) == 0)
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

	store_reconfigure(f->store.wrapped, conf);
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
	store_close(&f->store.wrapped);
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
	.blocked = fallback_blocked,
	.stats = fallback_stats,
	.reconfigure = fallback_reconfigure,
};

struct store *
store_fallback(struct store *shared, const struct config *conf,
    const struct store_env *env, store_open_fn *open, struct why *why,
    enum store_fault *fault_r)
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
	f->store.backend = &f->own;
	f->store.conf = config_hold(conf);
	f->env = env;
	f->open = open;
	f->conf = conf;
	f->store.wrapped = shared;
	pthread_rwlock_init(&f->lock, NULL);
	pthread_mutex_init(&f->waiting, NULL);
	cond_init(&f->wake);
	if (prepare_local(f, why, fault_r) == -1)
		goto fail;
	fallback_tend(f);
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
