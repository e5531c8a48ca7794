/*
 * option.c - one option's text to one value, or a line that says what
 * would be right.
 */
#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "name.h"
#include "reader.h"
#include "suggest.h"

#define NAME_LONGEST 40 /* Postfix service names stay readable */

const struct conf_value *
read_one(cfg_t *sec, const char *name)
{
	return conftext_value(sec, name, 0);
}

char *
shown(char *dst, const struct conf_value *v)
{
	return escape(dst, SHOWN, v->text, v->len);
}

char *
keep(struct reading *r, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		diag_error(&r->m, 0, "out of memory");
	return copy;
}

void *
keep_array(struct reading *r, size_t n, size_t size)
{
	void *array = n == 0 ? NULL : calloc(n, size);

	if (n != 0 && array == NULL)
		diag_error(&r->m, 0, "out of memory");
	return array;
}

char *
read_text(struct reading *r, cfg_t *sec, const char *name, const char *fallback)
{
	const struct conf_value *v = read_one(sec, name);

	return keep(r, v != NULL ? v->text : fallback);
}

/* choices - "enforce or observe" */
static char *
choices(char *dst, size_t size, const char *const *words)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; words[i] != NULL && used < size; i++) {
		const char *join = i == 0                 ? ""
				   : words[i + 1] == NULL ? " or "
							  : ", ";

		used += (size_t)snprintf(
		    dst + used, size - used, "%s%s", join, words[i]);
	}
	return dst;
}

int
read_choice(struct reading *r, cfg_t *sec, const char *name,
    const char *const *words, int fallback)
{
	const struct conf_value *v = read_one(sec, name);
	char text[SHOWN], all[200];
	int i;

	if (v == NULL)
		return fallback;
	i = enum_from_name(words, v->text);
	if (i != -1)
		return i;
	diag_error(&r->m, v->line, "%s = \"%s\": it is one of %s", name,
	    shown(text, v), choices(all, sizeof(all), words));
	return fallback;
}

uint32_t
read_number(struct reading *r, cfg_t *sec, const char *name, uint32_t low,
    uint32_t high, uint32_t fallback)
{
	const struct conf_value *v = read_one(sec, name);
	char text[SHOWN], *end;
	unsigned long n;

	if (v == NULL)
		return fallback;
	n = strtoul(v->text, &end, 10);
	if (isdigit((unsigned char)v->text[0]) && *end == '\0' && n >= low &&
	    n <= high)
		return (uint32_t)n;
	diag_error(&r->m, v->line, "%s = \"%s\": it is a number from %u to %u",
	    name, shown(text, v), low, high);
	return fallback;
}

/* by_title - the order of sections in a tree of titles */
static int
by_title(const void *a, const void *b)
{
	return strcmp(conftext_title((cfg_t *)(uintptr_t)a).text,
	    conftext_title((cfg_t *)(uintptr_t)b).text);
}

static void
not_ours(void *section)
{
	(void)section;
}

void
read_titles_end(struct reading *r)
{
	tdestroy(r->titles, not_ours);
	r->titles = NULL;
}

char *
read_title(struct reading *r, cfg_t *root, const char *kind, size_t i)
{
	cfg_t *sec = cfg_getnsec(root, kind, (unsigned)i), **earlier;
	const struct conf_value v = conftext_title(sec);
	const bool service = strcmp(kind, "smarthost") == 0;
	char text[SHOWN];

	if (!name_is_good(v.text, service, NAME_LONGEST))
		diag_error(&r->m, v.line,
		    "%s \"%s\": a name is made of %s, at most %d of them, the first not -",
		    kind, shown(text, &v),
		    service ? NAME_OF_SERVICE : NAME_OF_ANY, NAME_LONGEST);
	if (i == 0)
		read_titles_end(r);
	earlier = tsearch(sec, &r->titles, by_title);
	if (earlier != NULL && *earlier != sec)
		diag_error(&r->m, v.line,
		    "%s \"%s\" is already on line %u: give this one another name",
		    kind, shown(text, &v), conftext_title(*earlier).line);
	return keep(r, v.text);
}

size_t
read_size(cfg_t *sec, const char *name, const char *const *fallback)
{
	size_t n = 0;

	if (conftext_given(sec, name))
		return conftext_size(sec, name);
	while (fallback[n] != NULL)
		n++;
	return n;
}

struct conf_value
read_nth(cfg_t *sec, const char *name, const char *const *fallback, size_t i)
{
	if (conftext_given(sec, name))
		return *conftext_value(sec, name, i);
	return (struct conf_value){ .text = fallback[i],
		.len = strlen(fallback[i]) };
}

void
read_prefixes(struct reading *r, cfg_t *sec, const char *name,
    const char *const *fallback, struct prefixes *p_r)
{
	const size_t n = read_size(sec, name, fallback);
	char text[SHOWN];

	p_r->n = 0;
	p_r->v = keep_array(r, n, sizeof(*p_r->v));
	for (size_t i = 0; i < n && p_r->v != NULL; i++) {
		const struct conf_value v = read_nth(sec, name, fallback, i);

		if (netprefix_parse(v.text, &p_r->v[p_r->n]) == 0)
			p_r->n++;
		else
			diag_error(&r->m, v.line,
			    "%s: \"%s\" is no network: write 192.0.2.0/24, 2001:db8::/32 or an address, without bits behind the prefix",
			    name, shown(text, &v));
	}
}

int
read_reference(struct reading *r, cfg_t *root, const char *kind,
    const struct conf_value *v)
{
	const size_t n = conftext_size(root, kind);
	struct suggest near;
	char text[SHOWN], best[SHOWN];

	suggest_init(&near, v->text);
	for (size_t i = 0; i < n; i++) {
		const char *title =
		    conftext_title(cfg_getnsec(root, kind, (unsigned)i)).text;

		if (strcmp(title, v->text) == 0)
			return (int)i;
		suggest_add(&near, title);
	}
	if (suggest_best(&near) != NULL)
		diag_error(&r->m, v->line,
		    "there is no %s \"%s\", did you mean \"%s\"?", kind,
		    shown(text, v),
		    escape_str(best, sizeof(best), suggest_best(&near)));
	else
		diag_error(&r->m, v->line,
		    "there is no %s \"%s\": add a section %s \"%s\" { ... }",
		    kind, shown(text, v), kind, text);
	return -1;
}
