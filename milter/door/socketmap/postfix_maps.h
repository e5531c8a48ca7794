/*
 * postfix_maps.h - Postfix's questions, answered whole.
 *
 * On the map socket: where does mail of this sender go?  On the auth socket,
 * for each smarthost: may a delivery begin (door-NAME), what is the credential
 * (NAME), what became of a recipient (status-NAME).  Each answer is one of the
 * socketmap protocol: "OK data", "NOTFOUND ", "TEMP why".
 */
#ifndef POSTFIX_MAPS_H
#define POSTFIX_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "desk.h"

/*
 * transport_maps(5) for an envelope sender.  exit: the queue manager asks, and
 * where no account takes mail it is told to wait, and until when; smtpd(8) has
 * a map of its own that never says so, for it would refuse before the milter.
 */
void	postfix_transport(const struct desk *desk, struct bytes sender,
	    bool exit, int64_t now, char *dst, size_t size);

/* What a peer asks: which map, for what. */
struct lookup {
	struct bytes map, key;
};

/*
 * A question on the auth socket by owner.  The answer may hold a
 * credential: the caller wipes dst.
 */
void	postfix_auth(const struct desk *desk, const char *owner,
	    const struct lookup *q, int64_t now, char *dst, size_t size);

#endif
