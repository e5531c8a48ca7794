/* span.h - bytes that belong to somebody else: a parser's answer. */
#ifndef SPAN_H
#define SPAN_H

#include <stddef.h>

struct span {
	const char *p;	/* not NUL-terminated, may be NULL when len is 0 */
	size_t len;
};

#endif
