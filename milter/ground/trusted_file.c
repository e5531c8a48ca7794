/*
 * trusted_file.c - a file that nobody but its owners could have written or
 * read.
 *
 * What is checked is the descriptor that is read, reached by a safe path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "safe_path.h"
#include "trusted_file.h"

/* For a return statement. */
#define refuse(...) (why_set(__VA_ARGS__), -1)

/* is_credentials - the very directory that systemd made for this service? */
static bool
is_credentials(int dir)
{
	const char *path = getenv("CREDENTIALS_DIRECTORY");
	struct stat here, there;

	return path != NULL && fstat(dir, &here) == 0 &&
	       stat(path, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

/* has_acl - modes do not tell the whole, or it could not be known */
static bool
has_acl(int fd)
{
	if (fgetxattr(fd, "system.posix_acl_access", NULL, 0) >= 0)
		return true;
	return errno != ENODATA && errno != EOPNOTSUPP;
}

static int
trusted_file_check(int fd, bool credential,
    const struct trusted_file_owner *owner, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return refuse(why, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(why, "this is no regular file: give one");
	if (st.st_uid != 0 && st.st_uid != owner->uid)
		return refuse(why,
		    "it belongs to user id %u: chown it to postmeter's user or to root",
		    (unsigned)st.st_uid);
	if (st.st_nlink != 1)
		return refuse(why, "it has %lu names (hard links): keep one",
		    (unsigned long)st.st_nlink);
	if ((st.st_mode & S_IRWXO) != 0 || (st.st_mode & S_IWGRP) != 0)
		return refuse(why, "its mode is %04o: chmod 0600",
		    (unsigned)st.st_mode & 07777);
	if (credential)
		return 0;
	if ((st.st_mode & S_IRGRP) != 0 && st.st_gid != owner->gid)
		return refuse(why,
		    "the group with id %u can read it: chmod 0600",
		    (unsigned)st.st_gid);
	if (has_acl(fd))
		return refuse(
		    why, "an access control list lets others in: setfacl -b");
	return 0;
}

int
trusted_file_open(
    const char *path, const struct trusted_file_owner *owner, struct why *why)
{
	const char *name = path;
	const int dir = safe_path_open(path, owner->uid, NULL, &name, why);
	bool credential;
	int fd;

	if (dir == -1)
		return -1;
	credential = is_credentials(dir);
	/* Not waiting, for it may turn out to be a FIFO. */
	fd = openat(dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	close(dir);
	if (fd == -1)
		return refuse(why, "%s%s", strerror(errno),
		    errno == ELOOP
			? ": write the real path, a symbolic link is not followed"
		    : errno == ENOENT ? ": make it, or correct its path"
		    : errno == EACCES
			? ": run as root, or give it the daemon's group and mode 0640"
			: "");
	if (trusted_file_check(fd, credential, owner, why) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_nlink == b->st_nlink &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_gid == b->st_gid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

ssize_t
trusted_file_read(int fd, char *dst, size_t size, struct why *why)
{
	struct stat before, after;
	size_t used = 0;
	ssize_t n = 1;

	if (fstat(fd, &before) == -1)
		return refuse(why, "%s", strerror(errno));
	if (!S_ISREG(before.st_mode))
		return refuse(why, "this is no regular file: give one");
	if (before.st_size < 0 || (uintmax_t)before.st_size > size)
		return refuse(why, "it is larger than %zu bytes", size);
	while (used < size && n > 0) {
		n = read(fd, dst + used, size - used);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0)
			used += (size_t)n;
	}
	if (n == -1)
		return refuse(why, "%s", strerror(errno));
	if (fstat(fd, &after) == -1 || !same_state(&before, &after) ||
	    used != (size_t)before.st_size)
		return refuse(why, "it changed while it was read: try again");
	return (ssize_t)used;
}
