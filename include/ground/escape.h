/*
 * escape.h - foreign bytes made harmless for a log line, a terminal, a reply.
 *
 * What is not printable ASCII, and the quote and the backslash, becomes \xNN.
 * So no line can be forged, no terminal steered and no text turned around.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stddef.h>

/*
 * Writes the escaped form of len bytes at src into dst, always terminated.
 * What does not fit in size is cut, never inside an escape, and ends in
 * "...".  size must be at least 4.  Returns dst.
 */
char	*escape(char *dst, size_t size, const char *src, size_t len);

/* The same for a string; a NULL string becomes "". */
char	*escape_str(char *dst, size_t size, const char *src);

#endif
