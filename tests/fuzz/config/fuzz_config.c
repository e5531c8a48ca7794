/*
 * fuzz_config.c - any bytes as postmeter.conf: a whole configuration or a
 * list of mistakes, one line each, in printable ASCII.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[64], *said = NULL;
	size_t size = 0;
	const int fd = memfd_create("conf", MFD_CLOEXEC);
	FILE *f = open_memstream(&said, &size);
	struct config *conf;

	if (fd == -1 || f == NULL || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	conf = config_load(path, f);
	fclose(f);
	if ((conf == NULL) != (size > 0))
		abort();
	for (size_t i = 0; i < size; i++)
		if (said[i] != '\n' && (said[i] < ' ' || said[i] > '~'))
			abort();
	if (size > 0 && said[size - 1] != '\n')
		abort();
	config_free(&conf);
	free(said);
	close(fd);
	return 0;
}
