/*
 * secrets_edit.c - one secret changed, every other byte of the text as it was.
 *
 * An administrator's comments and order are worth keeping, and a tree that
 * is printed again has lost them.  So we only find the place and write there.
 */
#include <stdbool.h>
#include <string.h>

#include "scanner.h"
#include "secrets.h"
#include "secrets_write.h"

static struct bytes
from_to(const char *begin, const char *end)
{
	return (struct bytes){ begin, (size_t)(end - begin) };
}

static bool
secrets_edit_is(struct bytes t, const char *text)
{
	return t.len == strlen(text) && memcmp(t.p, text, t.len) == 0;
}

/* secrets_edit_ends - nothing follows that could be understood */
static bool
secrets_edit_ends(const struct token *t)
{
	return t->kind == TOKEN_END || t->kind >= TOKEN_BAD_SIGN;
}

/* take_inside - the options of a section, to its closing brace */
static void
take_inside(struct scanner *scan, struct secret_section *s)
{
	struct token name = { .kind = TOKEN_END }, t;

	for (t = scanner_next(scan);
	     t.kind != TOKEN_CLOSE && !secrets_edit_ends(&t);
	     t = scanner_next(scan)) {
		if (t.kind != TOKEN_EQUAL) {
			name = t;
			continue;
		}
		t = scanner_next(scan);
		if (token_is(&name, "password") || token_is(&name, "file")) {
			s->option_name = (struct bytes){ name.p, name.len };
			s->value = (struct bytes){ t.p, t.len };
			s->option = from_to(name.p, t.p + t.len);
		}
	}
}

int
secret_section_next(const char **p, const char *end, struct secret_section *s_r)
{
	struct scanner scan;
	struct token t;

	scanner_init(&scan, *p, (size_t)(end - *p));
	for (t = scanner_next(&scan); !secrets_edit_ends(&t);
	     t = scanner_next(&scan)) {
		const char *begin = t.p;

		if (!token_is(&t, "secret"))
			continue;
		t = scanner_next(&scan);
		if (t.kind != TOKEN_STRING)
			continue;
		*s_r =
		    (struct secret_section){ .name = { t.p + 1, t.len - 2 } };
		t = scanner_next(&scan);
		if (t.kind != TOKEN_OPEN)
			continue;
		s_r->inside = scan.p;
		take_inside(&scan, s_r);
		s_r->whole = from_to(begin, scan.p);
		*p = scan.p;
		return 0;
	}
	*p = scan.p;
	return -1;
}

/* --- writing ------------------------------------------------------------- */

static char *
secrets_edit_put(char *dst, const char *p, size_t len)
{
	memcpy(dst, p, len);
	return dst + len;
}

/*
 * put_quoted - so that it means the same whoever reads it: between single
 * quotes nothing has a second meaning, between double quotes \ and ".
 */
static char *
put_quoted(char *dst, const char *value)
{
	if (strpbrk(value, "'\\") == NULL) {
		*dst++ = '\'';
		dst = secrets_edit_put(dst, value, strlen(value));
		*dst++ = '\'';
		return dst;
	}
	*dst++ = '"';
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			*dst++ = '\\';
		*dst++ = *value;
	}
	*dst++ = '"';
	return dst;
}

static char *
put_password(char *dst, const char *value)
{
	return put_quoted(secrets_edit_put(dst, "password = ", 11), value);
}

/* put_section - a new one, at the end of the text */
static char *
put_section(char *dst, const char *name, const char *value)
{
	dst = secrets_edit_put(dst, "secret \"", 8);
	dst = secrets_edit_put(dst, name, strlen(name));
	dst = secrets_edit_put(dst, "\" {\n\t", 5);
	return secrets_edit_put(put_password(dst, value), "\n}\n", 3);
}

/* its_line - what goes with a section: the rest of its line, if it is alone */
static struct bytes
its_line(struct bytes s, const char *text, const char *end)
{
	const char *b = s.p, *e = s.p + s.len;

	while (b > text && (b[-1] == ' ' || b[-1] == '\t'))
		b--;
	while (e < end && (*e == ' ' || *e == '\t'))
		e++;
	if ((b == text || b[-1] == '\n') && (e == end || *e == '\n'))
		return from_to(b, e < end ? e + 1 : e);
	return s;
}

size_t
secrets_edit_capacity(size_t len)
{
	return len + (size_t)2 * SECRET_MAX + 200;
}

/* put_changed - the section with another value */
static char *
put_changed(char *dst, const struct secret_section *s, const char *value)
{
	const char *end = s->whole.p + s->whole.len;
	const char *before = s->inside, *after = s->inside;

	if (s->option.p != NULL) {
		before = s->option.p;
		after = before + s->option.len;
	}
	if (secrets_edit_is(s->option_name, "password")) {
		dst = secrets_edit_put(
		    dst, s->whole.p, (size_t)(s->value.p - s->whole.p));
		dst = put_quoted(dst, value);
	} else {
		dst = secrets_edit_put(
		    dst, s->whole.p, (size_t)(before - s->whole.p));
		if (s->option.p == NULL)
			*dst++ = ' ';
		dst = put_password(dst, value);
	}
	return secrets_edit_put(dst, after, (size_t)(end - after));
}

ssize_t
secrets_edit_change(char *dst, const char *text, size_t len, const char *name,
    const char *value)
{
	const char *p = text, *const end = text + len;
	struct secret_section s;
	struct bytes gone;
	char *to = dst;
	bool found = false;

	while (!found && secret_section_next(&p, end, &s) == 0)
		found = secrets_edit_is(s.name, name);
	if (!found && value == NULL)
		return -1;
	if (!found) {
		to = secrets_edit_put(to, text, len);
		if (len > 0 && text[len - 1] != '\n')
			*to++ = '\n';
		return put_section(to, name, value) - dst;
	}
	gone = value == NULL ? its_line(s.whole, text, end) : s.whole;
	to = secrets_edit_put(to, text, (size_t)(gone.p - text));
	if (value != NULL)
		to = put_changed(to, &s, value);
	p = gone.p + gone.len;
	return secrets_edit_put(to, p, (size_t)(end - p)) - dst;
}
