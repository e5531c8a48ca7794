/*
 * limit.h - the grammar of "500/24h", "2G/day", "10m": text to numbers and
 * back.
 *
 * COUNT is decimal digits and an optional k, M or G (1000 each).  WINDOW is a
 * span such as 30s, 10m, 24h, 7d (rolling) or one of hour, day, week, month
 * (calendar).  No blanks, no signs, no fractions.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "policy.h"
#include "why.h"

#define LIMIT_TEXT 64	/* room for any limit in words */

/* 0, or -1 and *why, a constant that says what would be right. */
int	limit_parse(const char *text, enum dimension dim, struct limit *l_r,
	    struct why *why);

/* "90s", "24h", "7d" to ms; "0" is 0.  0, or -1 and *why. */
int	duration_parse(const char *text, int64_t *ms_r, struct why *why);

/* "24h", "10m", "day": the text that people would write for it. */
char	*window_spec_text(const struct window_spec *spec, char *dst,
	    size_t size);

/* "500 messages in 24h", "2000 recipients a day": for people. */
char	*limit_text(const struct limit *l, char *dst, size_t size);

/* The same of something else that is counted: a noun, which takes an s. */
char	*limit_text_of(const struct limit *l, const char *noun, char *dst,
	    size_t size);

#endif
