/*
 * replace_file.h - a file whose content changes whole or not at all.
 *
 * Whoever reads it at any time, be it after a power cut, finds the old one
 * or the new one.
 */
#ifndef REPLACE_FILE_H
#define REPLACE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "why.h"

struct replacement {
	const char *p;
	size_t len;
	uid_t uid;	/* (uid_t)-1: whoever runs this */
	gid_t gid;	/* (gid_t)-1: the same */
	mode_t mode;
	/*
	 * Looks at the new file, at path, before it takes its place; -1: it
	 * must not.  It says itself why.  NULL: nobody looks.
	 */
	int (*check)(void *arg, const char *path);
	void *arg;
};

/*
 * Puts r at path: written beside it ("PATH.XXXXXX"), synced, checked, renamed,
 * the directory synced.  path is no symbolic link, or the link is replaced.
 * 0; or -1 and why ("" if check said no), and then the old file is untouched,
 * unless why says that it was replaced.
 */
int	replace_file(const char *path, const struct replacement *r,
	    struct why *why);

#endif
