/*
 * mailaddr.c - many spellings, one sender: the canonical form that is counted.
 *
 * First the syntax goes (brackets, routes, comments, quotes), down to the
 * bytes that are meant; then those bytes are written in one way only.  The
 * written form has no syntax left but the last "@", and what could be taken
 * for syntax stands as \xNN, which the reader takes back: so doing it twice
 * changes nothing.
 */
#include <ctype.h>
#include <idn2.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "digest.h"
#include "mailaddr.h"

/*
 * Postfix and Sendmail take lines of at most 2,048 bytes; each byte is written
 * as four at the most.  What is longer came from neither.
 */
#define ROOM (4 * 2048 + 1)

/* Bytes under construction. */
struct text {
	size_t len;
	bool over;		/* more came than there is room for */
	char p[ROOM];
};

static void
text_init(struct text *t)
{
	t->len = 0;
	t->over = false;
}

static void
text_add(struct text *t, char c)
{
	if (t->len < sizeof(t->p))
		t->p[t->len++] = c;
	else
		t->over = true;
}

/* --- reading: syntax away ----------------------------------------------------
 */

/* special - a byte that the written form shows as \xNN */
static bool
special(unsigned char c)
{
	return c <= ' ' || c == 0x7f || strchr("\"\\()<>@:", c) != NULL;
}

static int
hex(char c)
{
	const char *digits = "0123456789abcdef", *p = strchr(digits, c);

	return c == '\0' || p == NULL ? -1 : (int)(p - digits);
}

/* written_byte - the byte that \xNN at p stands for, -1 if it is none of ours */
static int
written_byte(const char *p, const char *end)
{
	int high, low, c;

	if (end - p < 4 || p[0] != '\\' || p[1] != 'x')
		return -1;
	high = hex(p[2]);
	low = hex(p[3]);
	if (high == -1 || low == -1)
		return -1;
	c = high << 4 | low;
	return c >= 0x80 || special((unsigned char)c) ? c : -1;
}

/* skip_comment - past a comment, comments inside it included (RFC 5322 3.2.2) */
static const char *
skip_comment(const char *p, const char *end)
{
	int depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return end;
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* skip_route - past "@r1,@r2:" (RFC 5321 4.1.1.3) */
static const char *
skip_route(const char *p, const char *end)
{
	const char *colon;

	while (p < end && blank(*p))
		p++;
	if (p == end || *p != '@')
		return p;
	colon = memchr(p, ':', (size_t)(end - p));
	return colon != NULL ? colon + 1 : p;
}

/*
 * read_address - the bytes that are meant, and where the "@" before the domain
 * stands among them (their number if there is none)
 */
static size_t
read_address(const char *p, const char *end, struct text *t)
{
	size_t at = SIZE_MAX;
	bool quoted = false;

	p = skip_route(p, end);
	while (p < end) {
		int byte = written_byte(p, end);

		if (byte != -1) {
			text_add(t, (char)byte);
			p += 4;
		} else if (*p == '\\' && p + 1 < end) {
			text_add(t, p[1]);
			p += 2;
		} else if (*p == '"') {
			quoted = !quoted;
			p++;
		} else if (quoted) {
			text_add(t, *p++);
		} else if (*p == '(') {
			p = skip_comment(p, end);
		} else if (blank(*p)) {
			p++;
		} else {
			if (*p == '@')
				at = t->len;
			text_add(t, *p++);
		}
	}
	return at == SIZE_MAX ? t->len : at;
}

/* --- writing: one way only ---------------------------------------------------
 */

static void
write_bytes(struct text *t, const char *p, size_t len, bool utf8)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];
		char x[5];

		if (!special(c) && (c < 0x80 || utf8)) {
			text_add(t, (char)c);
			continue;
		}
		snprintf(x, sizeof(x), "\\x%02x", c);
		for (const char *q = x; *q != '\0'; q++)
			text_add(t, *q);
	}
}

static bool
ascii(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] >= 0x80)
			return false;
	return true;
}

static void
lower(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] - 'A' + 'a');
}

/* fold - case folded and composed (NFC) until nothing changes; to be freed */
static uint8_t *
fold(const char *p, size_t len, size_t *len_r)
{
	uint8_t *s = u8_normalize(UNINORM_NFC, (const uint8_t *)p, len, NULL,
	    len_r);

	for (int i = 0; s != NULL && i < 4; i++) {
		size_t n;
		uint8_t *next = u8_casefold(s, *len_r, NULL, UNINORM_NFC,
		    NULL, &n);
		bool same = next != NULL && n == *len_r &&
		    memcmp(s, next, n) == 0;

		free(s);
		s = next;
		*len_r = n;
		if (same)
			break;
	}
	return s;
}

static void
write_local(struct text *t, char *p, size_t len)
{
	size_t n;
	uint8_t *folded;

	if (ascii(p, len) ||
	    u8_check((const uint8_t *)p, len) != NULL ||
	    (folded = fold(p, len, &n)) == NULL) {
		lower(p, len);
		write_bytes(t, p, len, false);
		return;
	}
	write_bytes(t, (const char *)folded, n, true);
	free(folded);
}

/* write_domain - A-labels (RFC 5891); false if it is no domain name */
static bool
write_domain(struct text *t, char *p, size_t len)
{
	uint8_t name[1024], *ace = NULL;
	bool ok = true;

	lower(p, len);
	if (!ascii(p, len) && len < sizeof(name) &&
	    memchr(p, '\0', len) == NULL) {
		memcpy(name, p, len);
		name[len] = '\0';
		if (idn2_lookup_u8(name, &ace, IDN2_NFC_INPUT |
		    IDN2_NONTRANSITIONAL) == IDN2_OK) {
			p = (char *)ace;
			len = strlen(p);
			lower(p, len);
		}
	}
	while (len > 0 && p[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++)
		ok = ok && (isalnum((unsigned char)p[i]) ||
		    strchr("-._", p[i]) != NULL) &&
		    (unsigned char)p[i] < 0x80 && p[i] != '\0';
	write_bytes(t, p, len, false);
	ok = ok && len > 0 && p[0] != '.';
	idn2_free(ace);
	return ok;
}

/* fit - what is too long for a key is kept as its digest: still one key */
static size_t
fit(char *dst, size_t size, const struct text *t)
{
	if (!t->over && t->len <= MAILADDR_MAX && t->len < size) {
		memcpy(dst, t->p, t->len);
		dst[t->len] = '\0';
		return t->len;
	}
	return (size_t)snprintf(dst, size, "#%016" PRIx64,
	    digest64(t->p, t->len));
}

/* tag_start - where a sub-address begins (RFC 5233), len if nowhere */
static size_t
tag_start(const char *p, size_t len, const char *delimiters)
{
	for (size_t i = 1; i < len; i++)
		if (p[i] != '\0' && strchr(delimiters, p[i]) != NULL)
			return i;
	return len;
}

void
mailaddr_canon(struct mailaddr *a_r, const char *raw, size_t len,
    const char *delimiters)
{
	const char *p = raw, *end = raw + len;
	struct text meant, written;
	size_t at, local;
	bool domain;

	while (p < end && blank(*p))
		p++;
	while (p < end && blank(end[-1]))
		end--;
	if (p < end && *p == '<') {
		p++;
		if (p < end && end[-1] == '>')
			end--;
	}
	text_init(&meant);
	text_init(&written);
	at = read_address(p, end, &meant);
	domain = at < meant.len;
	local = tag_start(meant.p, at, delimiters);
	write_local(&written, meant.p, local);
	local = written.len;
	if (domain) {
		text_add(&written, '@');
		(void)write_domain(&written, meant.p + at + 1,
		    meant.len - at - 1);
	}
	written.over |= meant.over;
	if (fit(a_r->text, sizeof(a_r->text), &written) != written.len)
		domain = false;
	a_r->at = (uint16_t)(domain ? local : strlen(a_r->text));
}

bool
mailaddr_is_null(const struct mailaddr *a)
{
	return a->text[0] == '\0';
}

const char *
mailaddr_domain(const struct mailaddr *a)
{
	return a->text[a->at] == '@' ? a->text + a->at + 1 : "";
}

void
mailaddr_canon_login(char *dst, size_t size, const char *raw,
    const char *realm)
{
	const char *end = raw + strlen(raw);
	struct text meant, written;

	while (raw < end && blank(*raw))
		raw++;
	while (raw < end && blank(end[-1]))
		end--;
	text_init(&meant);
	text_init(&written);
	while (raw < end) {
		int byte = written_byte(raw, end);

		text_add(&meant, byte != -1 ? (char)byte : *raw);
		raw += byte != -1 ? 4 : 1;
	}
	if (realm[0] != '\0' && memchr(meant.p, '@', meant.len) == NULL) {
		text_add(&meant, '@');
		while (*realm != '\0')
			text_add(&meant, *realm++);
	}
	/* An "@" in a login is no syntax: it stays readable. */
	for (size_t i = 0, start = 0; i <= meant.len; i++) {
		if (i < meant.len && meant.p[i] != '@')
			continue;
		write_local(&written, meant.p + start, i - start);
		if (i < meant.len)
			text_add(&written, '@');
		start = i + 1;
	}
	(void)fit(dst, size, &written);
}

bool
mailaddr_canon_domain(char *dst, size_t size, const char *raw, size_t len)
{
	struct text meant, written;
	bool ok;

	text_init(&meant);
	text_init(&written);
	for (size_t i = 0; i < len; i++)
		text_add(&meant, raw[i]);
	ok = write_domain(&written, meant.p, meant.len) &&
	    written.len < size;
	(void)fit(dst, size, &written);
	return ok;
}
