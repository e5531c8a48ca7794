/*
 * safe_path.c - the way to a file that nobody else could have laid.
 *
 * A check by path and an open by path are two questions about what may be two
 * files.  So each step is opened, never followed, and asked about itself;
 * whoever can swap one of them was already trusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "escape.h"
#include "safe_path.h"

#define SHOWN 160 /* a path in a reason, escaped */

/* One component of the path. */
struct step {
	const char *path, *p; /* the whole, and where it begins */
	size_t len;
	bool last; /* the directory of the file itself */
};

/* safe_path_shown - the path up to the step, with it */
static char *
safe_path_shown(char dst[SHOWN], const struct step *s)
{
	return escape(dst, SHOWN, s->path, (size_t)(s->p - s->path) + s->len);
}

/* safe_path_check - could somebody else put another file there? */
static int
safe_path_check(int fd, const struct step *s, uid_t uid, struct why *why)
{
	char text[SHOWN];
	struct stat st;

	safe_path_shown(text, s);
	if (fstat(fd, &st) == -1)
		why_set(why, "%s: %s", text, strerror(errno));
	else if (st.st_uid != 0 && st.st_uid != uid)
		why_set(why,
		    "%s belongs to user id %u, who could replace what is in it: chown it to root or to postmeter's user",
		    text, (unsigned)st.st_uid);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
		 (s->last || (st.st_mode & S_ISVTX) == 0))
		why_set(why,
		    "%s can be written by others (mode %04o), who could replace what is in it: chmod go-w %s",
		    text, (unsigned)(st.st_mode & 07777), text);
	else
		return 0;
	return -1;
}

static int
make_missing(int parent, const char *name, const struct step *s,
    const struct safe_path_new *make, struct why *why)
{
	char text[SHOWN];

	if (mkdirat(parent, name, make->mode) == -1) {
		if (errno == EEXIST)
			return 0;
		why_set(why, "cannot make the directory %s: %s",
		    safe_path_shown(text, s), strerror(errno));
		return -1;
	}
	if (fchownat(parent, name, make->uid, make->gid, AT_SYMLINK_NOFOLLOW) ==
		-1 ||
	    fchmodat(parent, name, make->mode, 0) == -1) {
		why_set(why,
		    "cannot give the directory %s to postmeter's user: %s",
		    safe_path_shown(text, s), strerror(errno));
		(void)unlinkat(parent, name, AT_REMOVEDIR);
		return -1;
	}
	return 0;
}

/* safe_path_enter - opens a step in its parent */
static int
safe_path_enter(int parent, const struct step *s,
    const struct safe_path_new *make, struct why *why)
{
	char name[NAME_MAX + 1], text[SHOWN];
	int fd;

	if (s->len > NAME_MAX) {
		why_set(why, "a part of the path is too long");
		return -1;
	}
	memcpy(name, s->p, s->len);
	name[s->len] = '\0';
	if (strcmp(name, "..") == 0) {
		why_set(why, "the path holds \"..\": write it without");
		return -1;
	}
	if (make != NULL && s->last &&
	    make_missing(parent, name, s, make, why) == -1)
		return -1;
	fd =
	    openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		why_set(why, "%s: %s", safe_path_shown(text, s),
		    errno == ENOTDIR || errno == ELOOP
			? "this is no directory; a symbolic link is not followed, write the real path"
			: strerror(errno));
	return fd;
}

/* next_step - the component behind *s; false: what follows is the file */
static bool
next_step(struct step *s)
{
	const char *begin = s->p + s->len;
	const char *slash;

	begin += strspn(begin, "/");
	slash = strchr(begin, '/');
	s->p = begin;
	if (slash == NULL)
		return false;
	s->len = (size_t)(slash - begin);
	/* "/tmp//file" is in /tmp as well. */
	s->last = strchr(slash + strspn(slash, "/"), '/') == NULL;
	return true;
}

int
safe_path_open(const char *path, uid_t uid, const struct safe_path_new *make,
    const char **name_r, struct why *why)
{
	struct step s = { .path = path, .p = path, .len = 1 };
	int dir, next;

	if (path[0] != '/') {
		why_set(why, "write the absolute path");
		return -1;
	}
	s.last = strchr(path + strspn(path, "/"), '/') == NULL;
	dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		why_set(why, "/: %s", strerror(errno));
	while (dir != -1) {
		if (safe_path_check(dir, &s, uid, why) == -1) {
			close(dir);
			return -1;
		}
		if (!next_step(&s)) {
			*name_r = s.p;
			return dir;
		}
		next = safe_path_enter(dir, &s, make, why);
		close(dir);
		dir = next;
	}
	return -1;
}
