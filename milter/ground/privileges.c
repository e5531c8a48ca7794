/*
 * privileges.c - a process becomes the user that it is to run as, for good.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "privileges.h"

int
privileges_drop(uid_t uid, gid_t gid, struct why *why)
{
	if (geteuid() == 0 && uid != 0) {
		if (setgroups(0, NULL) == -1 ||
		    setresgid(gid, gid, gid) == -1 ||
		    setresuid(uid, uid, uid) == -1) {
			why_set(why, "cannot become user %lu: %s",
			    (unsigned long)uid, strerror(errno));
			return -1;
		}
		if (setuid(0) == 0) {
			why_set(why, "root could be had back: refusing to run");
			return -1;
		}
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
		why_set(why, "prctl: %s", strerror(errno));
		return -1;
	}
	return 0;
}

void
privileges_no_cores(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
}
