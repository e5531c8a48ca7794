/*
 * from_header.c - From: for mail that leaves by somebody else's account.
 *
 * The display name is taken over as it is written, encoded words, quotes and
 * all: who decodes and encodes it again has many ways to change it.  Only
 * what could end it early is put into quotes.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "from_header.h"

/* A display name as it is found. */
struct phrase {
	char text[FROM_HEADER_MAX];
	size_t len;
	bool odd; /* it has bytes that must stand in quotes */
};

/* What the next byte is inside of. */
struct place {
	bool quoted, escaped;
	unsigned comments;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* step - moves past c; true if c ends a display name */
static bool
step(struct place *at, char c)
{
	if (at->escaped) {
		at->escaped = false;
		return false;
	}
	if (c == '\\') {
		at->escaped = true;
		return false;
	}
	if (at->quoted || c == '"') {
		at->quoted ^= c == '"' && at->comments == 0;
		return false;
	}
	at->comments += c == '(';
	if (c == ')' && at->comments > 0) {
		at->comments--;
		return false;
	}
	return at->comments == 0 && strchr("<,;:", c) != NULL;
}

/* from_header_is_plain - nothing open: a blank or a special means what it says
 */
static bool
from_header_is_plain(const struct place *at)
{
	return !at->quoted && !at->escaped && at->comments == 0;
}

/* from_header_put - one byte; what cannot be kept makes the phrase too long */
static void
from_header_put(struct phrase *p, char c)
{
	if (p->len < sizeof(p->text))
		p->text[p->len++] = c;
}

/* put_blank - blanks become one, a folded line stays folded */
static void
put_blank(struct phrase *p, bool folded)
{
	if (p->len == 0 || p->text[p->len - 1] == ' ')
		return;
	if (folded)
		from_header_put(p, '\n');
	from_header_put(p, ' ');
}

/*
 * from_header_take - the display name that begins the value.  False if there is
 * none: a bare address, or quotes that never close.
 */
static bool
from_header_take(struct phrase *p, const char *value, size_t len)
{
	struct place at = { .quoted = false };
	bool blank = false, folded = false;

	p->len = 0;
	p->odd = false;
	for (size_t i = 0; i < len; i++) {
		const char c = value[i];

		if (is_blank(c)) {
			p->len -= at.escaped; /* means no more than a blank */
			at.escaped = false;
			blank = true;
			folded |= c == '\n';
			continue;
		}
		if ((unsigned char)c < ' ' || c == 0x7f)
			continue;
		if (from_header_is_plain(&at) && strchr("@[]>)\\", c) != NULL)
			p->odd = true;
		if (step(&at, c))
			return (c == '<' || c == ':') && p->len > 0 &&
			       p->len < sizeof(p->text);
		if (blank)
			put_blank(p, folded);
		blank = folded = false;
		from_header_put(p, c);
	}
	return false;
}

/* from_header_quote - all of an odd phrase as one quoted string; false: does
 * not fit */
static bool
from_header_quote(struct phrase *p)
{
	struct phrase q = { .len = 0 };

	from_header_put(&q, '"');
	for (size_t i = 0; i < p->len; i++) {
		if (p->text[i] == '"' || p->text[i] == '\\')
			from_header_put(&q, '\\');
		from_header_put(&q, p->text[i]);
	}
	from_header_put(&q, '"');
	*p = q;
	return p->len < sizeof(p->text);
}

void
from_header_rewrite(
    char *dst, size_t size, const char *value, size_t len, const char *address)
{
	struct phrase p;

	if (!from_header_take(&p, value, len) ||
	    (p.odd && !from_header_quote(&p)) ||
	    p.len + strlen(address) + sizeof("\n  <>") > size) {
		snprintf(dst, size, "%s", address);
		return;
	}
	snprintf(dst, size, "%.*s%s<%s>", (int)p.len, p.text,
	    memchr(p.text, '\n', p.len) != NULL ? "\n " : " ", address);
}
