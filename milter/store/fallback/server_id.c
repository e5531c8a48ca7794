/*
 * server_id.c - which of the servers that share a store this one is: made once
 * and kept beside the local store, so that two of one host are two.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "share.h"

static bool
read_id(const char *path, char id[FALLBACK_ID + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, id, FALLBACK_ID);

	if (fd != -1)
		close(fd);
	id[n == FALLBACK_ID ? FALLBACK_ID : 0] = '\0';
	return n == FALLBACK_ID &&
	       strspn(id, "0123456789abcdef") == FALLBACK_ID;
}

static bool
write_id(const char *path, const char *id)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd != -1 && write(fd, id, FALLBACK_ID) == FALLBACK_ID &&
		    fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	return good;
}

/* ID@HOST: a machine that was copied with its files is another one. */
int
fallback_name_server(struct fallback *f, struct why *why)
{
	const char *path = strchr(f->conf->store_local, ':');
	char id[FALLBACK_ID + 1], host[256] = "";
	bool good = true;
	char *file;
	uint64_t n;

	if (path == NULL || asprintf(&file, "%s-id", path + 1) == -1) {
		why_set(why, "out of memory");
		return -1;
	}
	if (!read_id(file, id)) {
		good = getrandom(&n, sizeof(n), 0) == sizeof(n);
		snprintf(id, sizeof(id), "%016" PRIx64, n);
		good = good && write_id(file, id);
	}
	if (!good)
		why_set(why, "%s: %s: it says which of the servers this one is",
		    file, strerror(errno));
	free(file);
	gethostname(host, sizeof(host) - 1);
	snprintf(f->id, sizeof(f->id), "%s@%s", id, host);
	return good ? 0 : -1;
}
