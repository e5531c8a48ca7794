/*
 * milter.h - the milter door: libmilter's callbacks gather, ask the desk, answer.
 *
 * The only file but postmeter.c that knows libmilter.
 */
#ifndef MILTER_H
#define MILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "desk.h"
#include "why.h"

/*
 * Registers the callbacks and opens the socket (checked, owned, mode 0660).
 * 0, or -1 and a sentence in why; *live_r as in endpoint.h.
 */
int	mlfi_open(const struct config *conf,
	    const struct unix_socket_owner *owner, bool *live_r, struct why *why);

/*
 * Serves until the process ends, or libmilter gives up; what desk points to
 * must stay until then (each transaction holds a configuration of its own).
 * 0 or -1.
 */
int	mlfi_serve(const struct desk *desk);

/*
 * From now on every new transaction is answered 451.  Returns when no callback
 * is at the store any more, or after timeout ms, and then none will be.
 * Returns how many still were: 0 means that the store may be closed.
 */
unsigned mlfi_drain(int64_t timeout);

#endif
