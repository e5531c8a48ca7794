/*
 * trusted_file.h - a file that nobody but its owners could have written or read.
 *
 * Checked on the open descriptor and read from it, so that what was checked
 * is what is read.
 */
#ifndef TRUSTED_FILE_H
#define TRUSTED_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "why.h"


/* Whom a secret file may belong to, beside root. */
struct trusted_file_owner {
	uid_t uid;
	gid_t gid;	/* may read, never write */
};

/*
 * Opens the absolute path for reading: a regular file with one link, owned by
 * root or owner->uid, not writable by the group, not readable by a group but
 * owner->gid, nothing to others, no access control list; no symbolic link and
 * no ".." on the way, every directory on it owned by root or owner->uid and
 * writable by its owner only (a sticky one passes above the last).
 *
 * In the directory of $CREDENTIALS_DIRECTORY, and only there, group bits and
 * access control lists are systemd's business.
 *
 * A descriptor, or -1 and the reason with its remedy in why.  Never waits,
 * not even for a FIFO.
 */
int	trusted_file_open(const char *path, const struct trusted_file_owner *owner,
	    struct why *why);

/*
 * Reads all of the regular file behind fd.  Returns its length, or -1 and why
 * if it is no such file, does not fit in size or changed meanwhile.
 */
ssize_t	trusted_file_read(int fd, char *dst, size_t size, struct why *why);

#endif
