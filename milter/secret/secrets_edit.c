/*
 * secrets_edit.c - one secret changed, every other byte of the text as it was.
 *
 * An administrator's comments and order are worth keeping, and a tree that
 * is printed again has lost them.  So we only find the place and write there.
 */
#include <stdbool.h>
#include <string.h>

#include "secrets.h"
#include "secrets_write.h"

static bool
comment_begins(const char *p, const char *end)
{
	return *p == '#' ||
	       (*p == '/' && p + 1 < end && (p[1] == '/' || p[1] == '*'));
}

static const char *
skip_comment(const char *p, const char *end)
{
	if (*p == '#' || p[1] == '/') {
		while (p < end && *p != '\n')
			p++;
		return p;
	}
	for (p += 2; p + 1 < end; p++)
		if (p[0] == '*' && p[1] == '/')
			return p + 2;
	return end;
}

static const char *
skip_string(const char *p, const char *end)
{
	const char quote = *p++;

	while (p < end && *p != quote)
		p += quote == '"' && *p == '\\' && p + 1 < end ? 2 : 1;
	return p < end ? p + 1 : end;
}

/* take - the next token: a string, a word or a sign.  Empty at the end. */
static struct bytes
take(const char **p, const char *end)
{
	const char *s = *p, *e;

	while (s < end &&
	       (strchr(" \t\r\n", *s) != NULL || comment_begins(s, end)))
		s = comment_begins(s, end) ? skip_comment(s, end) : s + 1;
	e = s;
	if (s < end && (*s == '"' || *s == '\''))
		e = skip_string(s, end);
	else if (s < end && strchr("{}=,", *s) != NULL)
		e = s + 1;
	else
		while (e < end && strchr(" \t\r\n{}=,\"'#", *e) == NULL &&
		       !comment_begins(e, end))
			e++;
	*p = e;
	return (struct bytes){ s, (size_t)(e - s) };
}

static bool
is(struct bytes t, const char *text)
{
	return t.len == strlen(text) && memcmp(t.p, text, t.len) == 0;
}

static struct bytes
from_to(const char *begin, const char *end)
{
	return (struct bytes){ begin, (size_t)(end - begin) };
}

/* take_inside - the options of a section, to its closing brace */
static void
take_inside(const char **p, const char *end, struct secret_section *s)
{
	struct bytes key = { NULL, 0 }, t;

	while ((t = take(p, end)).len > 0 && !is(t, "}")) {
		if (!is(t, "=")) {
			key = t;
			continue;
		}
		t = take(p, end);
		if (is(key, "password") || is(key, "file")) {
			s->key = key;
			s->value = t;
			s->option = from_to(key.p, t.p + t.len);
		}
	}
}

int
secret_section_next(const char **p, const char *end, struct secret_section *s_r)
{
	struct bytes t;

	while ((t = take(p, end)).len > 0) {
		const char *begin = t.p;

		if (!is(t, "secret"))
			continue;
		t = take(p, end);
		if (t.len < 2 || (t.p[0] != '"' && t.p[0] != '\''))
			continue;
		*s_r =
		    (struct secret_section){ .name = { t.p + 1, t.len - 2 } };
		if (!is(take(p, end), "{"))
			continue;
		s_r->inside = *p;
		take_inside(p, end, s_r);
		s_r->whole = from_to(begin, *p);
		return 0;
	}
	return -1;
}

/* --- writing ------------------------------------------------------------- */

static char *
put(char *dst, const char *p, size_t len)
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
		dst = put(dst, value, strlen(value));
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
	return put_quoted(put(dst, "password = ", 11), value);
}

/* put_section - a new one, at the end of the text */
static char *
put_section(char *dst, const char *name, const char *value)
{
	dst = put(dst, "secret \"", 8);
	dst = put(dst, name, strlen(name));
	dst = put(dst, "\" {\n\t", 5);
	return put(put_password(dst, value), "\n}\n", 3);
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
secrets_edit_room(size_t len)
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
	if (is(s->key, "password")) {
		dst = put(dst, s->whole.p, (size_t)(s->value.p - s->whole.p));
		dst = put_quoted(dst, value);
	} else {
		dst = put(dst, s->whole.p, (size_t)(before - s->whole.p));
		if (s->option.p == NULL)
			*dst++ = ' ';
		dst = put_password(dst, value);
	}
	return put(dst, after, (size_t)(end - after));
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
		found = is(s.name, name);
	if (!found && value == NULL)
		return -1;
	if (!found) {
		to = put(to, text, len);
		if (len > 0 && text[len - 1] != '\n')
			*to++ = '\n';
		return put_section(to, name, value) - dst;
	}
	gone = value == NULL ? its_line(s.whole, text, end) : s.whole;
	to = put(to, text, (size_t)(gone.p - text));
	if (value != NULL)
		to = put_changed(to, &s, value);
	p = gone.p + gone.len;
	return put(to, p, (size_t)(end - p)) - dst;
}
