/*
 * form.c - names and values of a query or of a form that was sent.
 *
 * Decoded in place in a copy of fixed size; a field that stands twice is a
 * mistake or a trick, and no choice between the two is right.
 */
#include <stdint.h>
#include <string.h>
#include <unistr.h>

#include "form.h"

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0'
			     ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c)
			     : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* decode - of the text up to end, in place; the new end, or NULL */
static char *
decode(char *from, const char *end)
{
	char *to = from;

	while (from < end) {
		char c = *from++;

		if (c == '%') {
			const int high = end - from >= 2 ? hex(from[0]) : -1;
			const int low = high >= 0 ? hex(from[1]) : -1;

			if (low < 0)
				return NULL;
			c = (char)(high * 16 + low);
			from += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c == '\0')
			return NULL;
		*to++ = c;
	}
	return to;
}

/* form_field - one "name=value" up to end, which is overwritten by a NUL */
static int
form_field(struct form *f, char *p, char *end)
{
	char *equals = memchr(p, '=', (size_t)(end - p));
	char *value = equals != NULL ? equals + 1 : end;
	char *name_end = decode(p, equals != NULL ? equals : end);
	char *value_end = decode(value, end);

	if (name_end == NULL || value_end == NULL || f->n == FORM_FIELDS)
		return -1;
	*value_end = '\0';
	*name_end = '\0';
	if (u8_check((const uint8_t *)p, strlen(p)) != NULL ||
	    u8_check((const uint8_t *)value, strlen(value)) != NULL ||
	    form_get(f, p) != NULL)
		return -1;
	f->name[f->n] = p;
	f->value[f->n++] = equals != NULL ? value : "";
	return 0;
}

int
form_parse(const char *p, size_t len, struct form *f)
{
	char *at = f->bytes;

	f->n = 0;
	if (len > FORM_BYTES)
		return -1;
	memcpy(f->bytes, p, len);
	while (at < f->bytes + len) {
		char *end = memchr(at, '&', (size_t)(f->bytes + len - at));

		if (end == NULL)
			end = f->bytes + len;
		if (end > at && form_field(f, at, end) == -1) {
			f->n = 0;
			return -1;
		}
		at = end + 1;
	}
	return 0;
}

const char *
form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->name[i], name) == 0)
			return f->value[i];
	return NULL;
}
