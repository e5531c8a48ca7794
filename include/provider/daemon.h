/*
 * daemon.h - a question put through the daemon's control door (door/control.h
 * has the protocol).
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <jansson.h>

#include "unix_socket.h"

/*
 * Sends request and returns the daemon's object, a new reference; NULL and
 * errno if the daemon is away, silent or talks nonsense.  What was sent is
 * wiped.
 */
json_t	*daemon_ask(const struct unix_socket *ep, const json_t *request);

#endif
