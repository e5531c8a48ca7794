/*
 * fallback.h - a shared store, and while it is out another one that stands in.
 */
#ifndef FALLBACK_H
#define FALLBACK_H

#include "backend.h"

/*
 * Takes shared over, also if it fails (NULL and why).  The store that it
 * returns is shared, and while that is out, where the configuration says so, a
 * share of each limit in a store of its own, which open opens: now, or when a
 * reload asks for it.
 */
struct store *store_fallback(struct store *shared, const struct config *conf,
	    const struct store_env *env, store_open_fn *open, struct why *why,
	    enum store_fault *fault_r);

#endif
