/*
 * backend.h - what the author of a backend fills in; the rest of the
 * house sees store.h.
 *
 * Each function means what its namesake in store.h says.  Arguments have been
 * checked: texts are not NULL and within their bounds, a bill keeps its own.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include "store.h"
#include "why.h"

/* Opens the store at url, which was checked (store_url.h); see store_open. */
typedef struct store *store_open_fn(const struct config *conf, const char *url,
	    const struct store_env *env, struct why *why,
	    enum store_fault *fault_r);

/* What was counted elsewhere, to be counted here too. */
struct store_merge {
	const struct policy *policy;
	const char *key;
	const struct counter *counter;
	const struct zone *zone;
	uint64_t mark;		/* one that was merged is not merged again */
	int64_t now;
};

struct store_backend {
	const char *kind;	/* of its scheme (store_url.h) */
	store_open_fn *open;
	void (*close)(struct store *s);
	enum store_answer (*charge)(struct store *s, const struct bill *bill,
	    const char *bound, struct decision *d_r, struct why *why);
	enum store_answer (*preview)(struct store *s, const struct bill *bill,
	    struct decision *d_r, struct why *why);
	enum store_answer (*bound)(struct store *s, const char *bound,
	    int64_t now, char *smarthost_r, struct why *why);
	enum store_answer (*lease)(struct store *s, const struct bill *bill,
	    struct lease *lease, struct decision *d_r, struct why *why);
	enum store_answer (*settle)(struct store *s, const struct bill *bill,
	    const struct lease *lease, const struct settlement *left,
	    struct why *why);
	enum store_answer (*leases)(struct store *s, store_lease_fn *each,
	    void *arg, struct why *why);
	enum store_answer (*reset)(struct store *s,
	    const struct policy *policy, const char *key,
	    const struct audit *by, struct why *why);
	enum store_answer (*grant)(struct store *s,
	    const struct policy *policy, const char *key,
	    const struct grant *g, const struct audit *by, struct why *why);
	enum store_answer (*block)(struct store *s, const char *who,
	    int64_t until, const struct audit *by, struct why *why);
	enum store_answer (*unblock)(struct store *s, const char *who,
	    const struct audit *by, struct why *why);
	enum store_answer (*blocked)(struct store *s, const char *who,
	    int64_t now, char *text_r, struct why *why);
	void (*note)(struct store *s, const struct store_event *e);
	enum store_answer (*read)(struct store *s, const struct policy *policy,
	    const char *key, int64_t now, struct counter **c_r, struct why *why);
	enum store_answer (*walk)(struct store *s, int64_t now,
	    store_each_fn *each, void *arg, struct why *why);
	enum store_answer (*events)(struct store *s, const char *key, size_t n,
	    store_event_fn *each, void *arg, struct why *why);
	enum store_answer (*blocks)(struct store *s, int64_t now,
	    store_block_fn *each, void *arg, struct why *why);
	void (*stats)(struct store *s, struct store_stats *st_r);
	/* Once it returns, no thread of the store looks at the one before. */
	void (*reconfigure)(struct store *s, const struct config *conf);
	enum store_answer (*flush)(struct store *s, struct why *why);

	/*
	 * Of a shared store only, for the one that stands in while it is out;
	 * else NULL.  merge counts each bucket at its own time.  census says that
	 * the server id is one of those that share, and how many there were
	 * within a day.
	 */
	enum store_answer (*merge)(struct store *s,
	    const struct store_merge *m, struct why *why);
	enum store_answer (*census)(struct store *s, const char *id,
	    int64_t now, size_t *n_r, struct why *why);
};

/*
 * Until when (ms) a lease that charges this bill can be settled: the end of its
 * longest window.  A delivery that lasts longer is settled no more.
 */
int64_t	settlement_until(const struct bill *b);

/*
 * What is left to do when a lease ends: *b, a bill of its lines, gets as costs
 * what left beyond it, on all lines; returned_r what was leased beyond what left.
 */
void	settlement_bill(struct bill *b, const struct lease *l,
	    const struct settlement *left, uint64_t returned_r[DIM_COUNT]);

/* The event that an operator's command leaves. */
struct store_event store_event_of(const char *kind, const char *policy,
	    const char *key, const struct audit *by);

/* A backend's own store begins with this. */
struct store {
	const struct store_backend *backend;
	const struct config *conf;	/* held by store.c: see store_reconfigure */
	struct store *wrapped;		/* answers what backend does not */
};

#endif
