/*
 * backend.c - the embedded store: counters in memory, a journal so that none
 * is lost, a database so that they come back.  How it is opened and closed, and
 * what it can.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "local.h"
#include "log.h"
#include "thread.h"

static void
local_reconfigure(struct store *s, const struct config *conf)
{
	struct local *l = local_of(s);

	pthread_mutex_lock(&l->lock);
	l->conf = conf;
	pthread_mutex_unlock(&l->lock);
}

static enum store_answer
flush_now(struct store *s, struct why *why)
{
	return local_flush(local_of(s), false, why);
}

/* --- open and close ------------------------------------------------------- */

static void
local_free(struct local *l)
{
	wal_end(&l->journal);
	db_close(&l->db);
	if (l->lock_fd != -1)
		close(l->lock_fd);
	local_free_blocks(l);
	cache_free(&l->table);
	lease_table_free(&l->lease);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->flushing);
	pthread_mutex_destroy(&l->lock);
	event_queue_free(&l->events);
	free(l->bytes);
	free(l->path);
	free(l);
}

/* The lock is held for less than it takes to fall asleep and be woken. */
static void
lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

static struct local *
local_new(const struct store_backend *backend, const struct config *conf,
    const char *url, const struct store_env *env, struct why *why)
{
	struct local *l = calloc(1, sizeof(*l));

	if (l != NULL) {
		l->store.backend = backend;
		l->conf = conf;
		l->fatal = env->fatal;
		l->lock_fd = -1;
		lock_init(&l->lock);
		pthread_mutex_init(&l->flushing, NULL);
		cond_init(&l->wake);
		l->table = cache_new();
		l->lease = lease_table_new();
		l->path = strdup(strchr(url, ':') + 1);
		if (l->table != NULL && l->lease != NULL &&
		    event_queue_new(&l->events) && l->path != NULL)
			return l;
		local_free(l);
	}
	why_set(why, "out of memory");
	return NULL;
}

static struct store *
memory_open(const struct config *conf, const char *url,
    const struct store_env *env, struct why *why, enum store_fault *fault_r)
{
	struct local *l = local_new(&store_memory, conf, url, env, why);

	if (l != NULL)
		return &l->store;
	*fault_r = STORE_INACCESSIBLE;
	return NULL;
}

static void
memory_close(struct store *s)
{
	local_free(local_of(s));
}

/* One daemon a store, for as long as it lives. */
static enum store_fault
take_lock(struct local *l, struct why *why)
{
	char *name;

	if (asprintf(&name, "%s-lock", l->path) == -1) {
		why_set(why, "out of memory");
		return STORE_INACCESSIBLE;
	}
	l->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->lock_fd == -1) {
		why_set(why,
		    "%s: %s: see that the directory exists and postmeter's user can write in it",
		    name, strerror(errno));
		free(name);
		return STORE_INACCESSIBLE;
	}
	free(name);
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return STORE_OPENED;
	why_set(why,
	    "%s is in use by another postmeter: stop it first, or name another store",
	    l->path);
	return STORE_BUSY;
}

/*
 * The lock outlives the daemon, and says whether there was a database: one
 * that has vanished since must not be taken for a new one.
 */
static enum store_fault
check_vanished(struct local *l, struct why *why)
{
	struct stat lock, db;

	if (fstat(l->lock_fd, &lock) == -1 || lock.st_size == 0 ||
	    (stat(l->path, &db) == 0 && db.st_size > 0))
		return STORE_OPENED;
	why_set(why,
	    "%.60s has vanished: restore it, or, to begin anew, remove %.60s-*",
	    l->path, l->path);
	return STORE_DAMAGED;
}

static enum store_fault
remember_database(struct local *l, struct why *why)
{
	struct stat st;

	if (fstat(l->lock_fd, &st) == 0 && st.st_size > 0)
		return STORE_OPENED;
	if (write(l->lock_fd, "1\n", 2) == 2)
		return STORE_OPENED;
	why_set(why, "%s-lock: %s", l->path, strerror(errno));
	return STORE_INACCESSIBLE;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Replays the old chain, begins a new one, and lets the old one go. */
static enum store_fault
begin_journal(struct local *l, const struct db_meta *meta, struct why *why)
{
	bool power = l->conf->durability == DURABILITY_POWER;
	struct why reason;
	struct wal_end end;
	uint64_t number;
	enum store_fault fault;

	l->time.highest = meta->now;
	fault = local_replay(l, meta, &end, why);

	if (fault != STORE_OPENED)
		return fault;
	number = larger(end.number, meta->journal) + 1;
	l->seq = larger(end.seq, meta->seq);
	l->was_empty = db_is_empty(l->db) && cache_is_complete(l->table);
	if (l->time.highest > clock_now() + MINUTE)
		log_warn(
		    "store: its latest time is %" PRId64
		    " s ahead of the clock: see that the clock is right; nothing is free before it would have been",
		    (l->time.highest - clock_now()) / SECOND);
	l->journal = wal_begin(l->path, number, l->seq, power, l->fatal, why);
	if (l->journal == NULL)
		return STORE_INACCESSIBLE;
	if (local_flush(l, false, &reason) == STORE_FAILED) {
		why_set(why, "%s", reason.text);
		return STORE_INACCESSIBLE;
	}
	/* From here on the file itself names the journal that must be there. */
	db_checkpoint(l->db);
	return STORE_OPENED;
}

static enum store_fault
start_thread(struct local *l, struct why *why)
{
	int error = thread_start(&l->thread, local_flush_run, l);

	l->started = error == 0;
	if (l->started)
		return STORE_OPENED;
	why_set(why, "cannot start a thread: %s", strerror(error));
	return STORE_INACCESSIBLE;
}

static enum store_fault
open_parts(struct local *l, struct why *why)
{
	struct db_meta meta;
	struct why reason;
	enum store_fault fault = take_lock(l, why);

	if (fault == STORE_OPENED)
		fault = check_vanished(l, why);
	if (fault != STORE_OPENED)
		return fault;
	l->db = db_open(l->path, &meta, why, &fault);
	if (l->db == NULL ||
	    (fault = remember_database(l, why)) != STORE_OPENED)
		return fault;
	if (local_load_blocks(l, &reason) == STORE_FAILED ||
	    local_load_leases(l, &reason) == STORE_FAILED) {
		why_set(why, "%s", reason.text);
		return STORE_DAMAGED;
	}
	if ((fault = begin_journal(l, &meta, why)) != STORE_OPENED)
		return fault;
	return start_thread(l, why);
}

static struct store *
sqlite_open(const struct config *conf, const char *url,
    const struct store_env *env, struct why *why, enum store_fault *fault_r)
{
	struct local *l = local_new(&store_sqlite, conf, url, env, why);

	*fault_r = l == NULL ? STORE_INACCESSIBLE : open_parts(l, why);
	if (*fault_r == STORE_OPENED)
		return &l->store;
	if (l != NULL)
		local_free(l);
	return NULL;
}

static void
sqlite_close(struct store *s)
{
	struct local *l = local_of(s);
	struct why why;

	pthread_mutex_lock(&l->lock);
	l->ending = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	if (l->started)
		pthread_join(l->thread, NULL);
	if (local_flush(l, true, &why) == STORE_OK)
		wal_remove(l->path, UINT64_MAX);
	else
		log_warn(
		    "store: %s; the next start replays the journal", why.text);
	local_free(l);
}

/* --- the table of operations ---------------------------------------------- */

/* They differ in how they open and close, and in what there is to walk. */
#define LOCAL_OPERATIONS                                                       \
	.charge = local_charge, .preview = local_preview,                      \
	.bound = local_bound, .reset = local_reset, .grant = local_grant,      \
	.block = local_block, .unblock = local_unblock,                        \
	.blocked = local_blocked, .note = local_note, .read = local_read,      \
	.events = local_events, .blocks = local_blocks, .stats = local_stats,  \
	.reconfigure = local_reconfigure, .flush = flush_now,                  \
	.lease = local_lease, .settle = local_settle, .leases = local_leases

const struct store_backend store_sqlite = {
	.kind = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.walk = local_walk,
	LOCAL_OPERATIONS,
};

const struct store_backend store_memory = {
	.kind = "memory",
	.open = memory_open,
	.close = memory_close,
	.walk = memory_walk,
	LOCAL_OPERATIONS,
};
