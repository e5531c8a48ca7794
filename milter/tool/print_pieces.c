/*
 * print_pieces.c - what answers for people are put together of.
 */
#include <string.h>

#include "print.h"

const char *
print_time(const json_t *o, const char *name)
{
	return obj_str(json_object_get(o, name), "text");
}

void
print_line(const struct screen *sc, const char *label, const char *text)
{
	fprintf(sc->out, "%-12s%s\n", label, text);
}

void
print_usage_row(struct text_table *t, const json_t *usage,
    const char *const *before, size_t nbefore, const char *last)
{
	unsigned percent = (unsigned)obj_num(usage, "percent");
	char bar[BAR_TEXT], share[24], text[160];
	const char *cell[TABLE_COLUMNS];

	memcpy(cell, before, nbefore * sizeof(*cell));
	bar_text(percent, obj_num(usage, "used") > 0, bar);
	snprintf(share, sizeof(share), "%u%%", percent);
	snprintf(text, sizeof(text), "%lld of %s", obj_num(usage, "used"),
	    obj_str(usage, "limit"));
	cell[nbefore] = bar;
	cell[nbefore + 1] = share;
	cell[nbefore + 2] = text;
	cell[nbefore + 3] = last;
	t->bar = nbefore;
	t->right = 1u << (nbefore + 1);
	t->spare = 1u << nbefore;
	text_table_add(t, bar_colour(percent), cell);
}
