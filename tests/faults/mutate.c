/*
 * mutate.c - mutate SEED FILE...: one random flaw in one of the files.
 *
 * Bits flip, bytes are overwritten, cut out or doubled, and ends are lost.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static uint64_t seed;

/* below - splitmix64, from 0 to n - 1 */
static size_t
below(size_t n)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return n == 0 ? 0 : (size_t)((z ^ (z >> 31)) % n);
}

static size_t
damage(unsigned char *p, size_t len)
{
	size_t at = below(len), n = 1 + below(64);

	if (n > len - at)
		n = len - at;
	switch (below(6)) {
	case 0:
		puts("cut");
		return at;
	case 1:
		memset(p + at, (int)below(256), n);
		return len;
	case 2:
		memmove(p + at, p + at + n, len - at - n);
		return len - n;
	case 3:
		memmove(p + at + n, p + at, len - at);
		return len + n;
	default:
		for (size_t i = 1 + below(4); i > 0; i--)
			p[below(len)] ^= (unsigned char)(1 << below(8));
		return len;
	}
}

int
main(int argc, char **argv)
{
	struct stat st;
	unsigned char *p;
	const char *path;
	int fd;

	if (argc < 3)
		return EX_USAGE;
	seed = strtoull(argv[1], NULL, 10);
	path = argv[2 + below((size_t)argc - 2)];
	fd = open(path, O_RDWR);
	if (fd == -1 || fstat(fd, &st) == -1) {
		perror(path);
		return EX_NOINPUT;
	}
	p = calloc(1, (size_t)st.st_size + 64);
	if (p == NULL || read(fd, p, (size_t)st.st_size) != st.st_size)
		return EX_IOERR;
	if (st.st_size > 0) {
		off_t len = (off_t)damage(p, (size_t)st.st_size);

		if (pwrite(fd, p, (size_t)len, 0) != len ||
		    ftruncate(fd, len) == -1)
			return EX_IOERR;
	}
	free(p);
	return 0;
}
