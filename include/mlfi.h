/*
 * mlfi.h - the milter door: libmilter's callbacks gather, ask the desk, answer.
 *
 * The only file but postmeter.c that knows libmilter.
 */
#ifndef MLFI_H
#define MLFI_H

#include <stddef.h>

#include "config.h"
#include "store.h"

/*
 * Registers the callbacks and opens the socket (checked, owned, mode 0660).
 * 0, or -1 and a sentence in why; *live_r as in endpoint.h.
 */
int	mlfi_open(const struct config *conf,
	    const struct endpoint_owner *owner, bool *live_r, char *why,
	    size_t size);

/* Serves until SIGTERM or mlfi_stop; store must be open.  0 or -1. */
int	mlfi_serve(struct store *store);

/*
 * From now on every new transaction is answered 451; returns when no end of
 * message is being answered any more, or after timeout ms.  Returns how many
 * still were.
 */
unsigned mlfi_drain(int64_t timeout);
void	mlfi_stop(void);

#endif
