/*
 * fuzz_from_header.c - whatever From: says, what is made of it has the
 * account's address, once and at its end, and is a header of lines that belong
 * together.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "door/milter/from_header.h"

#define OWN "office@provider.test"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char once[FROM_HEADER_MAX], twice[FROM_HEADER_MAX];
	size_t len;

	from_header_rewrite(once, sizeof(once), (const char *)data, size, OWN);
	len = strlen(once);
	if (len >= sizeof(once))
		abort();
	if (strcmp(once, OWN) != 0 &&
	    (len < sizeof(" <" OWN ">") ||
		strcmp(once + len - strlen(" <" OWN ">"), " <" OWN ">") != 0))
		abort();
	for (const char *p = once; *p != '\0'; p++) {
		if (*p == '\n' && p[1] == ' ')
			continue;
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
	}
	from_header_rewrite(twice, sizeof(twice), once, len, OWN);
	if (strcmp(once, twice) != 0)
		abort();
	return 0;
}
