/*
 * snapshot.h - the running configuration: published whole, held while used.
 *
 * A reload never changes the rules under a message: it publishes a new
 * configuration beside the old one, which goes when its last holder lets go.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "config.h"

/* Takes conf over; the one before is freed when nobody holds it any more. */
void	snapshot_publish(struct config *conf);

/* The current one, to be released; never NULL after the first publish. */
const struct config *snapshot_hold(void);
void	snapshot_release(const struct config **cp);

#endif
