/*
 * mailaddr.c - many spellings, one sender: the canonical form that is counted.
 *
 * First the syntax goes (brackets, routes, comments, quotes), as a mail server
 * takes it away, down to the bytes that are meant.  Then those are written with
 * plain characters only.  Plain characters are read as themselves, so doing it
 * twice changes nothing, and no spelling can be found that reads otherwise
 * here than there: were the written form to use backslashes, "bo\x22" would be
 * a second key for the sender box22.
 */
#include <ctype.h>
#include <idn2.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unicase.h>
#include <uninorm.h>
#include <unictype.h>
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
	bool over; /* more came than there is room for */
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

/* --- reading: syntax away ------------------------------------------------ */

/* mailaddr_skip_comment - past a comment, comments inside it included (RFC
 * 5322 3.2.2)
 */
static const char *
mailaddr_skip_comment(const char *p, const char *end)
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

#define NOWHERE SIZE_MAX

/* An address as far as it was read. */
struct reading {
	struct text meant;
	size_t at;    /* of the "@" before the domain */
	size_t group; /* behind the last ":" */
};

/* start_over - what came so far was a display name (RFC 5322 3.4) */
static void
start_over(struct reading *r)
{
	text_init(&r->meant);
	r->at = NOWHERE;
	r->group = NOWHERE;
}

/* end_group - "name:address;" is the address (RFC 5322 3.4) */
static void
end_group(struct reading *r)
{
	if (r->group == NOWHERE)
		return;
	r->meant.len -= r->group;
	memmove(r->meant.p, r->meant.p + r->group, r->meant.len);
	if (r->at != NOWHERE)
		r->at = r->at >= r->group ? r->at - r->group : NOWHERE;
	r->group = NOWHERE;
}

/* read_plain - one character that is neither quoted nor in a comment */
static void
read_plain(struct reading *r, char c)
{
	if (c == ';')
		end_group(r);
	if (c == ';' || c == ',' || blank(c))
		return;
	if (c == '@')
		r->at = r->meant.len;
	text_add(&r->meant, c);
	if (c == ':')
		r->group = r->meant.len;
}

/*
 * read_hops - without "@", "x.test!a" and "a%x.test" are a@x.test to a mail
 * server (RFC 1123 5.2.16)
 */
static void
read_hops(struct reading *r)
{
	char *p = r->meant.p, *bang, *percent, host[ROOM];
	size_t len = r->meant.len, n;

	if (len < 3)
		return;
	/* Neither side may be empty. */
	bang = memchr(p + 1, '!', len - 2);
	percent = memrchr(p + 1, '%', len - 2);
	if (bang != NULL) {
		n = (size_t)(bang - p);
		r->at = len - n - 1;
		memcpy(host, p, n);
		memmove(p, bang + 1, r->at);
		memcpy(p + r->at + 1, host, n);
	} else if (percent != NULL) {
		r->at = (size_t)(percent - p);
	} else {
		return;
	}
	p[r->at] = '@';
}

/* read_address - the bytes that are meant, and where the last "@" stands */
static void
read_address(struct reading *r, const char *p, const char *end)
{
	bool quoted = false;

	start_over(r);
	p = skip_route(p, end);
	while (p < end) {
		if (*p == '\\') {
			if (++p < end)
				text_add(&r->meant, *p++);
		} else if (*p == '"') {
			quoted = !quoted;
			p++;
		} else if (quoted) {
			text_add(&r->meant, *p++);
		} else if (*p == '(') {
			p = mailaddr_skip_comment(p, end);
		} else if (*p == '<') {
			start_over(r);
			p = skip_route(p + 1, end);
		} else if (*p == '>') {
			if (r->meant.len > 0)
				break;
			p++;
		} else {
			read_plain(r, *p++);
		}
	}
	if (r->at == NOWHERE)
		read_hops(r);
	if (r->at == NOWHERE || r->at > r->meant.len)
		r->at = r->meant.len;
}

/* --- writing: plain characters only -------------------------------------- */

/*
 * What would be syntax to a reader.  A domain may be a literal, "[192.0.2.1]";
 * a login has no syntax but is compared with addresses.
 */
#define SYNTAX "\"\\()<>:,;"
#define LOCAL_SYNTAX SYNTAX "@[]"
#define DOMAIN_SYNTAX SYNTAX "@"
#define LOGIN_SYNTAX SYNTAX "[]"

/* write_escaped - bytes as =NN each, as in quoted-printable (RFC 2045 6.7) */
static void
write_escaped(struct text *t, const char *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		text_add(t, '=');
		text_add(t, digits[c >> 4]);
		text_add(t, digits[c & 15]);
	}
}

/* write_ascii - every other byte is escaped */
static void
write_ascii(struct text *t, const char *p, size_t len, const char *syntax)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] > ' ' && p[i] < 0x7f && strchr(syntax, p[i]) == NULL)
			text_add(t, p[i]);
		else
			write_escaped(t, p + i, 1);
	}
}

/* visible - letters, marks, digits, signs: nothing that steers a terminal */
static bool
visible(ucs4_t c)
{
	return uc_is_general_category_withtable(
	    c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N |
		   UC_CATEGORY_MASK_P | UC_CATEGORY_MASK_S);
}

static void
write_utf8(struct text *t, const char *p, size_t len, const char *syntax)
{
	while (len > 0) {
		ucs4_t c;
		size_t n = (size_t)u8_mbtouc(&c, (const uint8_t *)p, len);

		if (c < 0x80)
			write_ascii(t, p, 1, syntax);
		else if (!visible(c))
			write_escaped(t, p, n);
		else
			for (size_t i = 0; i < n; i++)
				text_add(t, p[i]);
		p += n;
		len -= n;
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
		/* NOLINTNEXTLINE(clang-analyzer-core*): len bytes are there */
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] - 'A' + 'a');
}

/* casefold - caseless (Unicode 3.13, D145), composed (NFC); to be freed */
static uint8_t *
casefold(const char *p, size_t len, size_t *len_r)
{
	size_t n;
	uint8_t *apart = u8_normalize(
		    UNINORM_NFD, (const uint8_t *)p, len, NULL, &n),
		*caseless;

	if (apart == NULL)
		return NULL;
	caseless = u8_casefold(apart, n, NULL, UNINORM_NFC, NULL, len_r);
	free(apart);
	return caseless;
}

/*
 * write_casefolded - until nothing changes: casefolding may make syntax of a
 * letter, an escape may take the accent that stood behind the byte
 */
static bool
write_casefolded(struct text *t, const char *p, size_t len, const char *syntax)
{
	struct text before;
	uint8_t *caseless;
	size_t n;

	text_init(t);
	do {
		caseless = casefold(p, len, &n);
		if (caseless == NULL)
			return false;
		before.len = t->len;
		memcpy(before.p, t->p, t->len);
		text_init(t);
		write_utf8(t, (const char *)caseless, n, syntax);
		free(caseless);
		p = t->p;
		len = t->len;
	} while (!t->over &&
		 (t->len != before.len || memcmp(t->p, before.p, t->len) != 0));
	return true;
}

/* write_name - the first thing in t: a local part or a login */
static void
write_name(struct text *t, char *p, size_t len, const char *syntax)
{
	if (!ascii(p, len) && u8_check((const uint8_t *)p, len) == NULL &&
	    write_casefolded(t, p, len, syntax))
		return;
	text_init(t);
	lower(p, len);
	write_ascii(t, p, len, syntax);
}

static bool
label_byte(unsigned char c)
{
	return c < 0x80 && (isalnum(c) || c == '-' || c == '_');
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
		if (idn2_lookup_u8(name, &ace,
			IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
			p = (char *)ace;
			len = strlen(p);
			lower(p, len);
		}
	}
	while (len > 0 && p[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++)
		ok = ok && (p[i] == '.' ? i > 0 && p[i - 1] != '.'
					: label_byte((unsigned char)p[i]));
	write_ascii(t, p, len, DOMAIN_SYNTAX);
	idn2_free(ace);
	return ok && len > 0;
}

/*
 * fit - what is too long for a key is kept as its digest: still one key.
 * False if it was too long.
 */
static bool
fit(char *dst, size_t size, const struct text *t)
{
	if (!t->over && t->len <= MAILADDR_MAX && t->len < size) {
		memcpy(dst, t->p, t->len);
		dst[t->len] = '\0';
		return true;
	}
	snprintf(dst, size, "#%016" PRIx64, digest64(t->p, t->len));
	return false;
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

/*
 * batv_end - where the name begins behind tags that a mail server adds to the
 * sender for a day (draft-levine-smtp-batv: "prvs=" and ten characters, "btv1"
 * and a text between doubled signs; Exchange Online: "msprvs1=")
 */
static size_t
batv_end(const char *p, size_t len)
{
	const char *end = p + len, *from = p, *tail;

	for (;;) {
		size_t left = (size_t)(end - from);

		if (left > 16 && strncasecmp(from, "prvs=", 5) == 0 &&
		    from[15] == '=' && memchr(from + 5, '=', 10) == NULL)
			from += 16;
		else if (left > 8 && strncasecmp(from, "btv1==", 6) == 0 &&
			 (tail = memmem(from + 6, left - 6, "==", 2)) != NULL &&
			 tail + 2 < end)
			from = tail + 2;
		else if (left > 9 && strncasecmp(from, "msprvs1=", 8) == 0 &&
			 (tail = memchr(from + 8, '=', left - 8)) != NULL &&
			 tail + 1 < end)
			from = tail + 1;
		else
			return (size_t)(from - p);
	}
}

void
mailaddr_canon(
    struct mailaddr *a_r, const char *raw, size_t len, const char *delimiters)
{
	struct reading r;
	struct text written;
	size_t local, from;
	bool domain;

	read_address(&r, raw, raw + len);
	domain = r.at < r.meant.len;
	from = batv_end(r.meant.p, r.at);
	write_name(&written, r.meant.p + from,
	    tag_start(r.meant.p + from, r.at - from, delimiters), LOCAL_SYNTAX);
	/* Casefolding may have made a delimiter or a tag, too. */
	from = batv_end(written.p, written.len);
	written.len -= from;
	memmove(written.p, written.p + from, written.len);
	written.len = tag_start(written.p, written.len, delimiters);
	local = written.len;
	if (domain) {
		text_add(&written, '@');
		(void)write_domain(
		    &written, r.meant.p + r.at + 1, r.meant.len - r.at - 1);
	}
	written.over |= r.meant.over;
	domain = fit(a_r->text, sizeof(a_r->text), &written) && domain;
	a_r->at = (uint16_t)(domain ? local : strlen(a_r->text));
}

uint64_t
mailaddr_exact(const char *raw, size_t len)
{
	char domain[MAILADDR_MAX + 1], key[4 * MAILADDR_MAX];
	const char *at;
	int n;

	if (len >= 2 && raw[0] == '<' && raw[len - 1] == '>') {
		raw++;
		len -= 2;
	}
	at = memrchr(raw, '@', len);
	if (at == NULL || len > 3 * MAILADDR_MAX)
		return digest64(raw, len);
	mailaddr_canon_domain(
	    domain, sizeof(domain), at + 1, len - (size_t)(at + 1 - raw));
	n = snprintf(key, sizeof(key), "%.*s@%s", (int)(at - raw), raw, domain);
	return digest64(key, (size_t)n);
}

bool
mailaddr_is_null(const struct mailaddr *a)
{
	return a->text[0] == '\0';
}

bool
mailaddr_is_probe(const struct mailaddr *a)
{
	return strncmp(a->text, "double-bounce@", 14) == 0;
}

const char *
mailaddr_domain(const struct mailaddr *a)
{
	return a->text[a->at] == '@' ? a->text + a->at + 1 : "";
}

void
mailaddr_canon_login(char *dst, size_t size, const char *raw, const char *realm)
{
	const char *end = raw + strlen(raw);
	struct text meant, written;

	while (raw < end && blank(*raw))
		raw++;
	while (raw < end && blank(end[-1]))
		end--;
	text_init(&meant);
	while (raw < end)
		text_add(&meant, *raw++);
	if (realm[0] != '\0' && meant.len > 0 &&
	    memchr(meant.p, '@', meant.len) == NULL) {
		text_add(&meant, '@');
		while (*realm != '\0')
			text_add(&meant, *realm++);
	}
	write_name(&written, meant.p, meant.len, LOGIN_SYNTAX);
	written.over |= meant.over;
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
	ok = write_domain(&written, meant.p, meant.len) && written.len < size;
	(void)fit(dst, size, &written);
	return ok;
}
