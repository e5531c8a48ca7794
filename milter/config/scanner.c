/*
 * scanner.c - the text of a configuration file, one token after the other.
 *
 * Strict where libconfuse is lenient: it would expand ${NAME} from the
 * environment, knows a dozen escapes, drops characters that it does not know,
 * and after a string without its end waits for that end in the next file.
 */
#include <ctype.h>
#include <string.h>

#include "scanner.h"

void
scanner_init(struct scanner *s, const char *text, size_t len)
{
	*s = (struct scanner){ .p = text, .end = text + len, .line = 1 };
}

static bool
comment_begins(const struct scanner *s)
{
	return *s->p == '#' || (*s->p == '/' && s->p + 1 < s->end &&
				   (s->p[1] == '/' || s->p[1] == '*'));
}

/* scanner_skip_comment - false if the file ends in it; then s is at its
 * beginning */
static bool
scanner_skip_comment(struct scanner *s)
{
	const struct scanner begin = *s;

	if (*s->p == '#' || s->p[1] == '/') {
		while (s->p < s->end && *s->p != '\n')
			s->p++;
		return true;
	}
	for (s->p += 2; s->p + 1 < s->end; s->p++) {
		if (s->p[0] == '*' && s->p[1] == '/') {
			s->p += 2;
			return true;
		}
		if (*s->p == '\n')
			s->line++;
	}
	*s = begin;
	return false;
}

static bool
skip_blank(struct scanner *s)
{
	while (s->p < s->end) {
		if (comment_begins(s)) {
			if (!scanner_skip_comment(s))
				return false;
			continue;
		}
		if (*s->p == '\n')
			s->line++;
		else if (*s->p != ' ' && *s->p != '\t' && *s->p != '\r')
			break;
		s->p++;
	}
	return true;
}

static enum token_kind
scan_string(struct scanner *s)
{
	const char quote = *s->p;

	for (const char *p = s->p + 1; p < s->end; p++) {
		if (*p == quote) {
			s->p = p + 1;
			return TOKEN_STRING;
		}
		if (*p == '\n')
			return TOKEN_BAD_LINE;
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return TOKEN_BAD_CONTROL;
		if (quote == '"' && *p == '\\' &&
		    (++p == s->end || (*p != '"' && *p != '\\')))
			return TOKEN_BAD_ESCAPE;
	}
	return TOKEN_BAD_STRING;
}

static enum token_kind
scan_word(struct scanner *s)
{
	const char *begin = s->p;

	while (s->p < s->end && !comment_begins(s) &&
	       (isalnum((unsigned char)*s->p) ||
		   (*s->p != '\0' && strchr("-_.:@%/", *s->p) != NULL)))
		s->p++;
	return s->p > begin ? TOKEN_WORD : TOKEN_BAD_SIGN;
}

static enum token_kind
scan_one(struct scanner *s)
{
	switch (*s->p) {
	case '"':
	case '\'':
		return scan_string(s);
	case '{':
		s->p++;
		return TOKEN_OPEN;
	case '}':
		s->p++;
		return TOKEN_CLOSE;
	case '=':
		s->p++;
		return TOKEN_EQUAL;
	case ',':
		s->p++;
		return TOKEN_COMMA;
	default:
		return scan_word(s);
	}
}

struct token
scanner_next(struct scanner *s)
{
	struct token t = { .kind = TOKEN_BAD_COMMENT };

	if (skip_blank(s)) {
		t.p = s->p;
		t.kind = s->p == s->end ? TOKEN_END : scan_one(s);
	} else {
		t.p = s->p;
	}
	t.len = (size_t)(s->p - t.p);
	t.line = s->line;
	return t;
}

size_t
token_value(const struct token *t, char *dst)
{
	const char *p = t->p, *end = t->p + t->len;
	const char quote = t->kind == TOKEN_STRING ? *p : '\0';
	char *to = dst;

	if (quote == '\0') {
		memmove(dst, p, t->len);
		return t->len;
	}
	for (p++, end--; p < end; p++) {
		if (quote == '"' && *p == '\\')
			p++;
		*to++ = *p;
	}
	return (size_t)(to - dst);
}

bool
token_is(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && t->len == strlen(word) &&
	       memcmp(t->p, word, t->len) == 0;
}
