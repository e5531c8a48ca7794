/*
 * owner.h - a process as the owner of what was leased to it.
 */
#ifndef OWNER_H
#define OWNER_H

#include <sys/types.h>

#include "gate.h"

/* "HOST-NAMESPACE:PID.START": see socketmap_owner. */
void	owner_name(pid_t pid, char dst[LEASE_OWNER]);

#endif
