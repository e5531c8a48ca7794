/*
 * answer.h - how a map puts one message off.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdio.h>

static inline void
answer_temp(char *dst, size_t size, const char *why)
{
	snprintf(dst, size, "TEMP %s", why);
}

#endif
