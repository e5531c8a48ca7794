/* fuzz_netstring.c - a request taken apart stays inside its bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "netstring.h"
#include "socketmap.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *buf = (const char *)data;
	struct span request, map, key;
	ssize_t used = netstring_take(buf, size, &request);

	if (used <= 0)
		return 0;
	if ((size_t)used > size || request.p < buf ||
	    request.p + request.len + 1 != buf + used)
		abort();
	if (socketmap_split(request, &map, &key) &&
	    (map.len == 0 || map.p != request.p ||
	    key.p + key.len != request.p + request.len))
		abort();
	return 0;
}
