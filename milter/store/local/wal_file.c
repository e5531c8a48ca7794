/*
 * wal_file.c - the files of the journal's chain and the frames in them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "big_endian.h"
#include "digest.h"
#include "wal_file.h"

#define MAGIC "pmjrnl\0\3" /* the last byte is the version */
#define NAME_MAX_DIGITS 20

/* --- frames --------------------------------------------------------------- */

ssize_t
wal_take(
    const uint8_t *buf, size_t len, uint64_t *seq_r, const uint8_t **payload_r)
{
	size_t n;

	if (len < 4)
		return 0;
	n = (size_t)be32_get(buf);
	if (n == 0 || n > WAL_PAYLOAD)
		return -1;
	n += WAL_FRAME;
	if (len < n)
		return 0;
	if (be64_get(buf + n - 8) != digest64(buf, n - 8))
		return -1;
	*seq_r = be64_get(buf + 8);
	*payload_r = buf + 16;
	return (ssize_t)n;
}

void
wal_put_frame(uint8_t *dst, size_t len, uint64_t seq, uint64_t synced)
{
	uint64_t ahead = seq - synced;

	be32_put(dst, (uint32_t)len);
	be32_put(dst + 4, (uint32_t)(ahead < UINT32_MAX ? ahead : UINT32_MAX));
	be64_put(dst + 8, seq);
	be64_put(dst + 16 + len, digest64(dst, 16 + len));
}

uint64_t
wal_frame_synced(const uint8_t *frame, uint64_t seq)
{
	return seq - be32_get(frame + 4);
}

void
wal_put_header(uint8_t dst[WAL_HEADER], uint64_t number)
{
	memcpy(dst, MAGIC, 8);
	be64_put(dst + 8, number);
}

/* --- files ---------------------------------------------------------------- */

char *
wal_file_name(const char *base, uint64_t number)
{
	char *name;

	if (asprintf(&name, "%s-journal.%08" PRIu64, base, number) == -1)
		return NULL;
	return name;
}

/* The number of a file of the chain, 0 if the name is none. */
static uint64_t
file_number(const char *name, const char *stem)
{
	size_t n = strlen(stem);
	const char *digits = name + n;

	if (strncmp(name, stem, n) != 0 || strlen(digits) < 8 ||
	    strlen(digits) >= NAME_MAX_DIGITS ||
	    digits[strspn(digits, "0123456789")] != '\0')
		return 0;
	return strtoull(digits, NULL, 10);
}

static int
numbers_add(struct wal_numbers *list, uint64_t number)
{
	if (list->n == list->capacity) {
		size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
		uint64_t *v = realloc(list->v, capacity * sizeof(*v));

		if (v == NULL)
			return -1;
		list->v = v;
		list->capacity = capacity;
	}
	list->v[list->n++] = number;
	return 0;
}

static int
number_order(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* The directory of base, to be freed; *stem_r is how file names begin. */
static char *
split(const char *base, char **stem_r)
{
	const char *slash = strrchr(base, '/');
	char *dir = slash == NULL   ? strdup(".")
		    : slash == base ? strdup("/")
				    : strndup(base, (size_t)(slash - base));

	if (asprintf(stem_r, "%s-journal.", slash == NULL ? base : slash + 1) ==
	    -1)
		*stem_r = NULL;
	if (dir == NULL || *stem_r == NULL) {
		free(dir);
		free(*stem_r);
		return NULL;
	}
	return dir;
}

int
wal_list_files(const char *base, struct wal_numbers *list)
{
	char *stem, *dir = split(base, &stem);
	DIR *d = dir == NULL ? NULL : opendir(dir);
	struct dirent *e;
	int rc = d == NULL ? -1 : 0;

	while (rc == 0 && (e = readdir(d)) != NULL) {
		uint64_t number = file_number(e->d_name, stem);

		if (number > 0)
			rc = numbers_add(list, number);
	}
	if (d != NULL)
		closedir(d);
	if (dir != NULL) {
		free(stem);
		free(dir);
	}
	if (rc == 0 && list->n > 1)
		qsort(list->v, list->n, sizeof(list->v[0]), number_order);
	return rc;
}

static int
sync_directory(const char *base)
{
	char *stem, *dir = split(base, &stem);
	int fd, rc;

	if (dir == NULL)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd == -1 ? -1 : fsync(fd);
	if (fd != -1)
		close(fd);
	free(stem);
	free(dir);
	return rc;
}

int
wal_write_all(int fd, const uint8_t *src, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, src, len, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		src += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

int
wal_create_file(const char *base, uint64_t number)
{
	uint8_t header[WAL_HEADER];
	char *name = wal_file_name(base, number);
	int fd = -1, error;

	if (name == NULL)
		return -1;
	wal_put_header(header, number);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd != -1 && (wal_write_all(fd, header, sizeof(header), 0) == -1 ||
			    fsync(fd) == -1 || sync_directory(base) == -1)) {
		error = errno;
		close(fd);
		unlink(name);
		errno = error;
		fd = -1;
	}
	free(name);
	return fd;
}

void
wal_remove(const char *base, uint64_t number)
{
	struct wal_numbers list = { 0 };

	if (wal_list_files(base, &list) == 0) {
		for (size_t i = 0; i < list.n && list.v[i] < number; i++) {
			char *name = wal_file_name(base, list.v[i]);

			if (name != NULL)
				unlink(name);
			free(name);
		}
	}
	free(list.v);
}
