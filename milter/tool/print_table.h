/*
 * print_table.h - rows whose columns line up, however long a key is.
 */
#ifndef PRINT_TABLE_H
#define PRINT_TABLE_H

#include <stddef.h>

#include "tool.h"

#define TABLE_COLUMNS 8

enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };

struct text_table {
	size_t columns, rows, capacity;
	unsigned right;			/* bit i: column i ends flush */
	unsigned spare;			/* bit i: left out if rows do not fit */
	size_t bar;			/* the column that is coloured */
	struct text_table_row *row;
};

struct text_table_row {
	char *cell[TABLE_COLUMNS];
	enum colour colour;		/* of the bar */
};

/* Adds a row; cells are copied.  What memory cannot hold is left out. */
void	text_table_add(struct text_table *t, enum colour colour, const char *const *cell);

/*
 * Prints all rows, each after indent, and frees them.  Rows that are wider
 * than the screen go without their spare columns.
 */
void	text_table_print(struct text_table *t, const struct screen *sc,
	    const char *indent);

#define BAR_CELLS	20
#define BAR_TEXT	(BAR_CELLS + 3)

/* "[#####---------------]": full only at 100, empty only at 0. */
char	*bar_text(unsigned percent, bool any, char dst[BAR_TEXT]);
enum colour bar_colour(unsigned percent);

#endif
