/*
 * answer.h - a request of the map and auth doors, and the text of its answer.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdio.h>
#include <sys/types.h>

#include "bytes.h"
#include "desk.h"
#include "gate.h"

enum door { DOOR_MAP, DOOR_AUTH, DOORS };

/* Who asks, and where. */
struct asker {
	enum door door;
	uid_t uid;
	char owner[LEASE_OWNER]; /* of deliveries: see socketmap_owner */
};

/*
 * "OK data", "NOTFOUND " or "TEMP why", by the configuration in force (that of
 * desk is not looked at).  The caller wipes dst.
 */
void	answer_request(const struct desk *desk, const struct asker *who,
	    struct bytes request, char *dst, size_t size);

static inline void
answer_temp(char *dst, size_t size, const char *why)
{
	snprintf(dst, size, "TEMP %s", why);
}

#endif
