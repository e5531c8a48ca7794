/*
 * html.c - HTML that is put together without a chance to forget the escaping.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "html.h"

void
html_free(struct html *h)
{
	free(h->p);
	*h = HTML_EMPTY;
}

static void
html_put(struct html *h, const char *p, size_t len)
{
	if (h->failed || len == 0)
		return;
	if (h->capacity - h->len <= len) {
		const size_t capacity = (h->capacity + len) * 2 + 1024;
		char *more = realloc(h->p, capacity);

		if (more == NULL) {
			h->failed = true;
			return;
		}
		h->p = more;
		h->capacity = capacity;
	}
	memcpy(h->p + h->len, p, len);
	h->len += len;
	h->p[h->len] = '\0';
}

/* is_hidden - a character that steers a terminal or turns text around */
static bool
is_hidden(ucs4_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xfffd ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static void
html_text(struct html *h, const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t left = strlen(text);

	while (left > 0) {
		ucs4_t c;
		const int n = u8_mbtoucr(&c, p, left);
		const size_t taken = n > 0 ? (size_t)n : 1;

		if (n <= 0 || is_hidden(c)) {
			for (size_t i = 0; i < taken; i++) {
				char byte[8];

				snprintf(byte, sizeof(byte), "\\x%02x", p[i]);
				html_put(h, byte, strlen(byte));
			}
		} else if (c == '&') {
			html_put(h, "&amp;", 5);
		} else if (c == '<') {
			html_put(h, "&lt;", 4);
		} else if (c == '>') {
			html_put(h, "&gt;", 4);
		} else if (c == '"') {
			html_put(h, "&quot;", 6);
		} else if (c == '\'') {
			html_put(h, "&#39;", 5);
		} else {
			html_put(h, (const char *)p, taken);
		}
		p += taken;
		left -= taken;
	}
}

void
html(struct html *h, const char *fmt, ...)
{
	char number[32];
	va_list ap;

	va_start(ap, fmt);
	while (*fmt != '\0') {
		const size_t plain = strcspn(fmt, "%");

		html_put(h, fmt, plain);
		fmt += plain;
		if (*fmt == '\0')
			break;
		if (strncmp(fmt, "%s", 2) == 0) {
			const char *text = va_arg(ap, const char *);

			html_text(h, text != NULL ? text : "");
			fmt += 2;
		} else if (strncmp(fmt, "%d", 2) == 0) {
			snprintf(number, sizeof(number), "%d", va_arg(ap, int));
			html_put(h, number, strlen(number));
			fmt += 2;
		} else if (strncmp(fmt, "%lld", 4) == 0) {
			snprintf(number, sizeof(number), "%lld",
			    va_arg(ap, long long));
			html_put(h, number, strlen(number));
			fmt += 4;
		} else if (strncmp(fmt, "%%", 2) == 0) {
			html_put(h, "%", 1);
			fmt += 2;
		} else {
			abort();
		}
	}
	va_end(ap);
}

void
html_query(struct html *h, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text != '\0'; text++) {
		char coded[4];

		if (strchr(plain, *text) != NULL) {
			html_put(h, text, 1);
			continue;
		}
		snprintf(coded, sizeof(coded), "%%%02X", (unsigned char)*text);
		html_put(h, coded, 3);
	}
}

void
html_number(struct html *h, long long n)
{
	char digits[32];
	const int len = snprintf(digits, sizeof(digits), "%lld", n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			html_put(h, "\xe2\x80\xaf", 3);
		html_put(h, digits + i, 1);
	}
}

void
html_append(struct html *h, const struct html *more)
{
	html_put(h, more->p, more->len);
	h->failed |= more->failed;
}

void
html_file(struct html *h, const char *bytes, size_t len)
{
	html_put(h, bytes, len);
}
