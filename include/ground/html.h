/*
 * html.h - HTML that is put together without a chance to forget the escaping.
 *
 * What stands in a format is markup, and the compiler sees to it that a format
 * is a literal of ours; what comes by %s is text, and is always escaped, for
 * element content and for an attribute in double quotes alike.  There is no
 * third way in, but another struct html, which was made likewise.
 */
#ifndef HTML_H
#define HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct html {
	char *p;		/* len bytes and a NUL; NULL: nothing yet */
	size_t len, capacity;
	bool failed;		/* memory was out: what is there is cut */
};

#define HTML_EMPTY ((struct html){ NULL, 0, 0, false })

void	html_free(struct html *h);

/*
 * Appends.  Conversions: %s escaped text (NULL: nothing; bytes that are no
 * UTF-8, controls and what turns text around become \xNN), %d, %lld, %%.
 * Anything else ends the process: it is a mistake of ours.
 */
void	html(struct html *h, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Text for a query of a URL: all but letters, digits, "-._~" is %NN. */
void	html_query(struct html *h, const char *text);

/* A whole number in groups of three, narrow no-break spaces between. */
void	html_number(struct html *h, long long n);

/* What was made elsewhere. */
void	html_append(struct html *h, const struct html *more);

/* Bytes of a file of ours: a style sheet, a script, metrics; never of HTML. */
void	html_file(struct html *h, const char *bytes, size_t len);

#endif
