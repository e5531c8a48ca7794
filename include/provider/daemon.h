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
 * errno if the daemon is away, silent for wait seconds or talks nonsense.  What
 * was sent is wiped.
 */
#define DAEMON_WAIT	60	/* for whoever has nobody waiting behind him */
json_t	*daemon_ask(const struct unix_socket *ep, const json_t *request,
	    int wait);

#endif
