/*
 * safefile.h - a file that nobody but its owners could have written or read.
 *
 * Checked on the open descriptor and read from it, so that what was checked
 * is what is read.
 */
#ifndef SAFEFILE_H
#define SAFEFILE_H

#include <stddef.h>
#include <sys/types.h>

#define SAFEFILE_WHY 320	/* room for a reason with a path in it */

/* Whom a secret file may belong to, beside root. */
struct safefile_owner {
	uid_t uid;
	gid_t gid;	/* may read, never write */
};

/*
 * Opens the absolute path for reading: a regular file with one link, owned by
 * root or owner->uid, not writable by the group, not readable by a group but
 * owner->gid, nothing to others, no access control list; no symbolic link and
 * no ".." on the way, every folder on it owned by root or owner->uid and
 * writable by its owner only (a sticky one passes above the last).
 *
 * In the folder of $CREDENTIALS_DIRECTORY, and only there, group bits and
 * access control lists are systemd's business.
 *
 * A descriptor, or -1 and the reason with its remedy in why.  Never waits,
 * not even for a FIFO.
 */
int	safefile_open(const char *path, const struct safefile_owner *owner,
	    char why[SAFEFILE_WHY]);

/*
 * Reads all of the regular file behind fd.  Returns its length, or -1 and why
 * if it is no such file, does not fit in size or changed meanwhile.
 */
ssize_t	safefile_read(int fd, char *dst, size_t size, char why[SAFEFILE_WHY]);

#endif
