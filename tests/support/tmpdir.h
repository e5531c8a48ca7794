/*
 * tmpdir.h - one folder for a test program's files, flat, gone at the end.
 */
#ifndef TMPDIR_H
#define TMPDIR_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char tmpdir[] = "/tmp/pm-test-XXXXXX";

static inline void
tmpdir_make(void)
{
	if (mkdtemp(tmpdir) == NULL)
		abort();
}

static inline void
tmpdir_empty(void)
{
	DIR *d = opendir(tmpdir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static inline void
tmpdir_remove(void)
{
	tmpdir_empty();
	rmdir(tmpdir);
}

#endif
