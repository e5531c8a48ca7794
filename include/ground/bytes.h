/* bytes.h - bytes that belong to somebody else: a parser's answer. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>

struct bytes {
	const char *p;	/* not NUL-terminated, may be NULL when len is 0 */
	size_t len;
};

#endif
