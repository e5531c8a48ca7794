/*
 * privileges.h - a process becomes the user that it is to run as, for good.
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <sys/types.h>

#include "why.h"

/*
 * From root to uid and gid, without other groups and without a way back; from
 * uid itself nothing changes.  No new privileges by execve, no core, no
 * debugger.  0, or -1 and why.
 */
int	privileges_drop(uid_t uid, gid_t gid, struct why *why);

/* Secrets must not end up in a core file: call before the first is read. */
void	privileges_no_cores(void);

#endif
