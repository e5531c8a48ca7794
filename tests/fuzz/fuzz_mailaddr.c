/* fuzz_mailaddr.c - canonical twice is canonical once. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailaddr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailaddr once, twice;

	mailaddr_canon(&once, (const char *)data, size, "+");
	mailaddr_canon(&twice, once.text, strlen(once.text), "+");
	if (strcmp(once.text, twice.text) != 0 || once.at != twice.at)
		abort();
	return 0;
}
