/*
 * why.c - the sentence that says why.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "why.h"

void
why_set(struct why *why, const char *fmt, ...)
{
	struct why new;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(new.text, sizeof(new.text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(new.text)) {
		size_t cut = sizeof(new.text) - 1;

		/* The bytes behind the first of a UTF-8 character are 10xxxxxx.
		 */
		while (cut > 0 &&
		       ((unsigned char)new.text[cut - 1] & 0xc0) == 0x80)
			cut--;
		if (cut > 0 && (unsigned char)new.text[cut - 1] >= 0xc0)
			cut--;
		new.text[cut] = '\0';
	}
	*why = new;
}
