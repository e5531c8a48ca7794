/*
 * mail_words.c - a file of texts: "[name]" begins one, which ends at the next.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail_words.h"

#define FILE_LARGEST (256 * 1024)
#define NAME_LONGEST 64

static const char english[] =
#include "conf/mail-en.inc"
    ;

/* end_of - where the text that begins at p ends, without its last lines */
static size_t
end_of(const char *p)
{
	const char *next = p[0] == '[' ? p : strstr(p, "\n[");
	size_t n = next != NULL ? (size_t)(next - p) : strlen(p);

	while (n > 0 && strchr(" \t\r\n", p[n - 1]) != NULL)
		n--;
	return n;
}

/* take - all texts of a file; what stands before the first is a comment */
static int
take(json_t *words, const char *text, struct why *why)
{
	const json_t *known = words;
	char name[NAME_LONGEST];
	unsigned line = 1;

	for (const char *p = text; *p != '\0';) {
		const size_t n = strcspn(p, "\n");
		const char *after = p + n + (p[n] == '\n');

		if (p[0] == '[') {
			const size_t len = strcspn(p + 1, "]\n");

			if (p[1 + len] != ']' || len >= sizeof(name)) {
				why_set(why, "line %u: write [name]", line);
				return -1;
			}
			snprintf(name, sizeof(name), "%.*s", (int)len, p + 1);
			if (text != english &&
			    json_object_get(known, name) == NULL) {
				why_set(why,
				    "line %u: no mail has a text \"%s\"", line,
				    name);
				return -1;
			}
			if (json_object_set_new(words, name,
				json_stringn(after, end_of(after))) == -1) {
				why_set(why, "\"%s\" is no valid UTF-8", name);
				return -1;
			}
		}
		line++;
		p = after;
	}
	return 0;
}

static char *
read_all(const char *path, struct why *why)
{
	char *text = calloc(1, FILE_LARGEST + 1);
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f != NULL && text != NULL)
		n = fread(text, 1, FILE_LARGEST, f);
	if (f == NULL || text == NULL || ferror(f) || n == FILE_LARGEST) {
		why_set(why, "%s",
		    f == NULL || text == NULL ? strerror(errno)
		    : n == FILE_LARGEST       ? "it is too large"
					      : "it cannot be read");
		free(text);
		text = NULL;
	}
	if (f != NULL)
		fclose(f);
	return text;
}

json_t *
mail_words_load(const char *path, struct why *why)
{
	json_t *words = json_object();
	struct why wrong;
	char *text;
	int rc;

	if (take(words, english, why) == -1) {
		json_decref(words);
		return NULL;
	}
	if (path == NULL || path[0] == '\0')
		return words;
	text = read_all(path, &wrong);
	rc = text != NULL ? take(words, text, &wrong) : -1;
	free(text);
	if (rc == 0)
		return words;
	why_set(why, "%s: %s", path, wrong.text);
	json_decref(words);
	return NULL;
}

/* put_value - "{name}" out of values; false if it has none */
static bool
put_value(FILE *out, const json_t *values, const char *name, size_t len)
{
	char key[NAME_LONGEST];
	const json_t *v;

	if (len >= sizeof(key))
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)len, name);
	v = json_object_get(values, key);
	if (json_is_string(v))
		fputs(json_string_value(v), out);
	else if (json_is_integer(v))
		fprintf(out, "%lld", (long long)json_integer_value(v));
	return json_is_string(v) || json_is_integer(v);
}

char *
mail_words_fill(const json_t *words, const char *name, const json_t *values)
{
	const char *p = json_string_value(json_object_get(words, name));
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	for (; p != NULL && *p != '\0'; p++) {
		const size_t len = *p == '{' ? strcspn(p + 1, "{}\n") : 0;

		if (len > 0 && p[1 + len] == '}' &&
		    put_value(out, values, p + 1, len))
			p += 1 + len;
		else
			putc(*p, out);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
