/*
 * tmpdir.c - one directory for a test program's files.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tmpdir.h"

char tmpdir[] = "/tmp/pm-test-XXXXXX";

void
tmpdir_make(void)
{
	if (mkdtemp(tmpdir) == NULL)
		abort();
}

void
tmpdir_empty(void)
{
	DIR *d = opendir(tmpdir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

void
tmpdir_remove(void)
{
	tmpdir_empty();
	rmdir(tmpdir);
}
