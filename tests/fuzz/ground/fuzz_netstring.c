/*
 * fuzz_netstring.c - what is taken can be put again, and arrives in any pieces.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netstring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *buf = (const char *)data;
	struct bytes s, half;
	char *again;
	ssize_t used = netstring_take(buf, size, &s);
	size_t n;

	check(used >= -1 && used <= (ssize_t)size);
	if (used <= 0)
		return 0;
	check(s.p > buf && s.p + s.len == buf + used - 1);
	check(s.len <= NETSTRING_MAX);
	for (n = 0; n < (size_t)used; n++)
		check(netstring_take(buf, n, &half) == 0);
	again = malloc(s.len + 12);
	if (again != NULL) {
		n = netstring_put(again, s.len + 12, s.p, s.len);
		check(n == (size_t)used && memcmp(again, buf, n) == 0);
	}
	free(again);
	return 0;
}
