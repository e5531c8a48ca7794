/*
 * safe_path.h - the way to a file that nobody else could have laid.
 */
#ifndef SAFE_PATH_H
#define SAFE_PATH_H

#include <sys/types.h>

#include "why.h"

/* How the last directory of a path is made if it is missing. */
struct safe_path_new {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/*
 * Opens the directory that holds the last component of an absolute path, step
 * by step, each checked on its own descriptor: a directory, no symbolic link,
 * no "..", owned by root or uid, writable by its owner only (a sticky one
 * passes above the last).  make may be NULL.
 *
 * An O_PATH descriptor, and *name_r, the last component, which points into
 * path; or -1 and why, with the remedy.
 */
int	safe_path_open(const char *path, uid_t uid,
	    const struct safe_path_new *make, const char **name_r,
	    struct why *why);

#endif
