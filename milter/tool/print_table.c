/*
 * print_table.c - rows whose columns line up, however long a key is.
 *
 * Colour codes have no width, so they are put on when a cell is printed, never
 * before it is measured.  Bars are plain ASCII: they look the same on every
 * terminal, in every font and in a pasted mail.
 */
#include <stdlib.h>
#include <string.h>

#include "print_table.h"

static const char *const codes[] = {
	[COLOUR_NONE] = "",
	[COLOUR_GREEN] = "\033[32m",
	[COLOUR_YELLOW] = "\033[33m",
	[COLOUR_RED] = "\033[31m",
};

char *
bar_text(unsigned percent, bool any, char dst[BAR_TEXT])
{
	size_t full = percent * BAR_CELLS / 100;

	if (full > BAR_CELLS)
		full = BAR_CELLS;
	if (full == 0 && any)
		full = 1;
	dst[0] = '[';
	memset(dst + 1, '#', full);
	memset(dst + 1 + full, '-', BAR_CELLS - full);
	dst[BAR_CELLS + 1] = ']';
	dst[BAR_CELLS + 2] = '\0';
	return dst;
}

enum colour
bar_colour(unsigned percent)
{
	if (percent >= 95)
		return COLOUR_RED;
	return percent >= 80 ? COLOUR_YELLOW : COLOUR_GREEN;
}

void
text_table_add(
    struct text_table *t, enum colour colour, const char *const *cell)
{
	struct text_table_row *row = t->row;

	if (t->rows == t->capacity) {
		t->capacity = t->capacity * 2 + 8;
		row = realloc(t->row, t->capacity * sizeof(*row));
		if (row == NULL) {
			t->capacity = t->rows;
			return;
		}
		t->row = row;
	}
	row += t->rows++;
	row->colour = colour;
	for (size_t i = 0; i < t->columns; i++)
		row->cell[i] = strdup(cell[i]);
}

static size_t
width(const char *cell)
{
	return cell == NULL ? 0 : strlen(cell);
}

/* print_cell - blanks are owed until something follows them */
static void
print_cell(const struct text_table *t, const struct screen *sc,
    const struct text_table_row *row, size_t i, size_t wide, size_t *owed)
{
	const char *cell = row->cell[i] == NULL ? "" : row->cell[i];
	bool colour = sc->colour && i == t->bar;
	bool right = (t->right & 1u << i) != 0;
	size_t pad = wide - width(cell);

	if (cell[0] != '\0') {
		fprintf(sc->out, "%*s%s%s%s", (int)(*owed + (right ? pad : 0)),
		    "", colour ? codes[row->colour] : "", cell,
		    colour ? "\033[0m" : "");
		*owed = right ? 2 : pad + 2;
	} else {
		*owed += wide + 2;
	}
}

/* table_measure - the width of each column; that of a row */
static size_t
table_measure(const struct text_table *t, size_t *wide)
{
	size_t row = 0;

	for (size_t i = 0; i < t->columns; i++) {
		wide[i] = 0;
		for (size_t r = 0; r < t->rows; r++)
			if (width(t->row[r].cell[i]) > wide[i])
				wide[i] = width(t->row[r].cell[i]);
		row += wide[i] + (wide[i] > 0 ? 2 : 0);
	}
	return row - (row > 0 ? 2 : 0);
}

void
text_table_print(
    struct text_table *t, const struct screen *sc, const char *indent)
{
	size_t wide[TABLE_COLUMNS];
	const size_t row = strlen(indent) + table_measure(t, wide);
	const unsigned out = sc->width > 0 && row > sc->width ? t->spare : 0;

	for (size_t r = 0; r < t->rows; r++) {
		size_t owed = strlen(indent);

		for (size_t i = 0; i < t->columns; i++) {
			if ((out & 1u << i) == 0)
				print_cell(
				    t, sc, &t->row[r], i, wide[i], &owed);
			free(t->row[r].cell[i]);
		}
		fputc('\n', sc->out);
	}
	free(t->row);
	t->row = NULL;
	t->rows = t->capacity = 0;
}
