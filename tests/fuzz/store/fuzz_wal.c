/*
 * fuzz_wal.c - frames and the records in them: bytes that survived a
 * crash, or did not.
 */
#include <stdlib.h>
#include <string.h>

#include "store/local/wal.h"
#include "store/local/wal_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What can be read can be written, and is the same bytes again. */
static void
try_record(const uint8_t *bytes, size_t len)
{
	uint64_t *digest = calloc(len / 8 + 1, sizeof(*digest));
	uint8_t *again = malloc(len + 1);
	struct wal_record rec;

	if (digest != NULL && again != NULL &&
	    wal_record_unpack(&rec, bytes, len, digest) &&
	    wal_record_pack(&rec, again, len + 1) > len)
		abort();
	free(again);
	free(digest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *payload;
	uint64_t seq;
	ssize_t n;

	try_record(data, size);
	while (size > 0 && (n = wal_take(data, size, &seq, &payload)) > 0) {
		try_record(payload, (size_t)n - WAL_FRAME);
		data += n;
		size -= (size_t)n;
	}
	return 0;
}
