/*
 * form.h - names and values of a query or of a form that was sent
 * (application/x-www-form-urlencoded).
 */
#ifndef FORM_H
#define FORM_H

#include <stdbool.h>
#include <stddef.h>

#define FORM_FIELDS	16
#define FORM_BYTES	4096	/* of a whole form, before decoding */

struct form {
	size_t n;
	const char *name[FORM_FIELDS];	/* into bytes */
	const char *value[FORM_FIELDS];
	char bytes[FORM_BYTES + 2];
};

/*
 * Reads len bytes at p, which need no NUL.  0, or -1: too long, too many
 * fields, a broken escape, a NUL, a value that is no UTF-8, or a name twice;
 * then *f holds nothing.
 */
int	form_parse(const char *p, size_t len, struct form *f);

/* The value of that name; NULL if it was not sent. */
const char *form_get(const struct form *f, const char *name);

#endif
