/*
 * socketmap.h - the map and auth doors: Postfix's and Sendmail's socketmap.
 *
 * socketmap_table(5): a request is a netstring "map key", the answer one of
 * "OK data", "NOTFOUND ", "TEMP why".  One thread with poll serves all peers,
 * so a slow one costs nobody else anything.  Decides nothing.
 */
#ifndef SOCKETMAP_H
#define SOCKETMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "desk.h"
#include "gate.h"

/*
 * Splits a request at its first blank (a key may hold blanks).  False if it
 * has none, or an empty map name.
 */
bool	socketmap_split(struct bytes request, struct bytes *map_r,
	    struct bytes *key_r);

struct socketmap_server;

/*
 * Starts the thread that answers on two listening descriptors, which it takes
 * over.  What desk points to must outlive it (each answer holds a configuration
 * of its own).  NULL if out of resources.
 */
struct socketmap_server *socketmap_start(int map_fd, int auth_fd,
	    const struct desk *desk);

/*
 * An owner of deliveries as this door names them, "HOST-NAMESPACE:PID.START":
 * is it of another machine, gone, or still there (also where that cannot be
 * seen)?
 */
enum gate_owner socketmap_owner(const char *owner);

/* Answers what is complete, closes all peers, joins the thread. */
void	socketmap_stop(struct socketmap_server **sp);

#endif
