/*
 * replace_file.c - a file whose content changes whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace_file.h"

static int
replace_file_write_whole(int fd, const struct replacement *r)
{
	const char *p = r->p;
	size_t left = r->len;

	if (((r->uid != (uid_t)-1 || r->gid != (gid_t)-1) &&
		fchown(fd, r->uid, r->gid) == -1) ||
	    fchmod(fd, r->mode) == -1)
		return -1;
	while (left > 0) {
		const ssize_t n = write(fd, p, left);

		if (n == -1 && errno != EINTR)
			return -1;
		p += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd);
}

/* write_beside - the new file, closed; its name is in path */
static int
write_beside(char *path, const struct replacement *r, struct why *why)
{
	const int fd = mkostemp(path, O_CLOEXEC);
	int rc;

	if (fd == -1) {
		why_set(
		    why, "no file can be made beside it: %s", strerror(errno));
		return -1;
	}
	rc = replace_file_write_whole(fd, r);
	if (rc == -1)
		why_set(
		    why, "the new one cannot be written: %s", strerror(errno));
	if (close(fd) == -1 && rc == 0) {
		why_set(
		    why, "the new one cannot be written: %s", strerror(errno));
		rc = -1;
	}
	return rc;
}

static int
replace_file_sync_directory(const char *path, struct why *why)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? strdup(".")
				  : strndup(path, (size_t)(slash - path) + 1);
	const int fd =
	    dir == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd == -1 ? -1 : fsync(fd);

	if (rc == -1)
		why_set(why, "replaced, but not yet safe on the disk: %s",
		    strerror(errno));
	if (fd != -1)
		close(fd);
	free(dir);
	return rc;
}

int
replace_file(const char *path, const struct replacement *r, struct why *why)
{
	char *new;

	if (asprintf(&new, "%s.XXXXXX", path) == -1) {
		why_set(why, "out of memory");
		return -1;
	}
	if (write_beside(new, r, why) == -1)
		goto fail;
	if (r->check != NULL && r->check(r->arg, new) == -1) {
		*why = WHY_NONE;
		goto fail;
	}
	if (rename(new, path) == -1) {
		why_set(why, "cannot be replaced: %s", strerror(errno));
		goto fail;
	}
	free(new);
	return replace_file_sync_directory(path, why);
fail:
	unlink(new);
	free(new);
	return -1;
}
