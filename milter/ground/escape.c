/*
 * escape.c - foreign bytes made harmless for a log line, a terminal, a reply.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"

static bool
escape_harmless(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

char *
escape(char *dst, size_t size, const char *src, size_t len)
{
	size_t n = 0, cut = 0; /* cut: where "..." still fits */

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)src[i];
		size_t need = escape_harmless(c) ? 1 : 4;

		if (n + 4 <= size)
			cut = n;
		if (n + need + 1 > size) {
			memcpy(dst + cut, "...", 4);
			return dst;
		}
		if (need == 1)
			dst[n] = (char)c;
		else
			snprintf(dst + n, size - n, "\\x%02x", c);
		n += need;
	}
	dst[n] = '\0';
	return dst;
}

char *
escape_str(char *dst, size_t size, const char *src)
{
	return escape(
	    dst, size, src != NULL ? src : "", src != NULL ? strlen(src) : 0);
}
