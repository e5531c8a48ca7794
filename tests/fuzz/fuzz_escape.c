/* fuzz_escape.c - no byte that could forge a line or steer a terminal. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[64];

	escape(text, sizeof(text), (const char *)data, size);
	if (strlen(text) >= sizeof(text))
		abort();
	for (const char *p = text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e || *p == '"')
			abort();
	return 0;
}
