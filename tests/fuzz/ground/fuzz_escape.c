/*
 * fuzz_escape.c - the first byte is the size, the rest is foreign.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t capacity = 4 + (size > 0 ? data[0] : 0);
	char *dst = malloc(capacity);

	if (dst == NULL || size == 0) {
		free(dst);
		return 0;
	}
	escape(dst, capacity, (const char *)data + 1, size - 1);
	if (memchr(dst, '\0', capacity) == NULL)
		abort();
	for (const char *p = dst; *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '"')
			abort();
	free(dst);
	return 0;
}
