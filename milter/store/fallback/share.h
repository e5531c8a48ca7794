/*
 * share.h - the store that stands in, from within: what its files share.
 *
 * Locks: lock alone; nothing else is taken under it but what the two stores
 * keep for themselves.
 */
#ifndef SHARE_H
#define SHARE_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend.h"

#define FALLBACK_ID 16	/* hexadecimal digits */

struct fallback {
	struct store store;	/* wraps the shared one */
	struct store_backend own; /* what it can, under the shared one's name */
	const struct store_env *env;
	store_open_fn *open;
	char id[FALLBACK_ID + 1 + 256]; /* of this server: "ID@HOST" */
	int64_t counted;	/* clock_steady: of the last census; the thread's own */
	_Atomic bool is_used;	/* there may be something to merge */
	_Atomic uint64_t charged, declined, failed;

	pthread_rwlock_t lock;	/* read: to spend a share; written: to merge */
	const struct config *conf;	/* guarded by lock */
	struct store *local;	/* guarded by lock; NULL: never wanted so far */
	bool is_wanted;		/* guarded by lock; a reload may say otherwise */
	size_t servers;		/* guarded by lock; that share; 0: not known */

	pthread_mutex_t waiting;
	bool ending;		/* guarded by waiting */
	pthread_cond_t wake;	/* ending */
	pthread_t thread;	/* of whoever opens and closes */
	bool started;		/* the same */
};

/* --- share.c -------------------------------------------------------------- */

/* With lock held.  False: nothing stands in, and maybe why. */
bool	fallback_is_usable(const struct fallback *f, struct why *why);

/* What this server may spend of max, with lock held and usable. */
uint64_t fallback_part(const struct fallback *f, uint64_t max);

/* What is asked of the share: a charge, a preview, or a lease. */
struct fallback_question {
	enum { ASK_CHARGE, ASK_PREVIEW, ASK_LEASE } kind;
	const char *bound;
	struct lease *lease;
};
enum store_answer fallback_ask(struct fallback *f,
	    const struct fallback_question *q, const struct bill *b,
	    struct decision *d_r, struct why *why);

/* --- return.c ------------------------------------------------------------- */

/* One look at the shared store: census, blocks, one batch to merge. */
void	fallback_tend(struct fallback *f);

/* --- server_id.c ---------------------------------------------------------- */

/* Fills f->id from the file beside the local store; -1 and why. */
int	fallback_name_server(struct fallback *f, struct why *why);

#endif
