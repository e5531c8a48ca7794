/*
 * name.c - what may be a name.
 */
#include <string.h>

#include "name.h"

bool
name_is_good(const char *name, bool service, size_t most)
{
	const char *lower = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *any =
	    "abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ_.";
	const size_t len = strlen(name);

	return len > 0 && len <= most && name[0] != '-' &&
	       strspn(name, service ? lower : any) == len;
}
