/*
 * delivery_status.h - what became of a recipient at the exit, as far as the
 * provider's count is concerned.
 *
 * Postfix tells its delivery status filter "X.Y.Z reason" for each recipient
 * (RFC 3463, postconf(5) smtp_delivery_status_filter).  The reason holds what
 * the provider said, which nobody vouches for; where the exchange stood is
 * said by Postfix at fixed places, and only these are read.
 *
 * Pure.
 */
#ifndef DELIVERY_STATUS_H
#define DELIVERY_STATUS_H

#include <stddef.h>

/* In the order of what it costs: of two, the later one speaks. */
enum delivery_status {
	STATUS_IGNORED,		/* says nothing new (after a 2.x) */
	STATUS_WAITED,		/* our own "not now": nothing was tried */
	STATUS_NOT_SENT,	/* the provider has surely not taken it */
	STATUS_LOGIN_REFUSED,	/* ... for it did not take the login */
	STATUS_UNKNOWN,		/* it may have it: counts as sent */
	STATUS_SENT		/* it has it: never taken back */
};

enum delivery_status delivery_status(const char *text, size_t len);

/* For log, tests and trace: "sent", "unknown" ... */
const char *delivery_status_name(enum delivery_status s);

#endif
