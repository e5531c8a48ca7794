/*
 * print.h - the pieces that answers for people are put together of, and the
 * printers of commands that only the daemon answers.
 */
#ifndef PRINT_H
#define PRINT_H

#include "print_table.h"
#include "tool.h"

/* The words of a time; "" if there is none. */
const char *print_time(const json_t *o, const char *name);

/* "label     text", all texts in one column. */
void	print_line(const struct screen *sc, const char *label,
	    const char *text);

/*
 * Bar, percent and "480 of 500 messages in 24h" behind nbefore cells, last at
 * the end.
 */
void	print_usage_row(struct text_table *t, const json_t *usage,
	    const char *const *before, size_t nbefore, const char *last);

/* print_status.c: the blocks in force, "blocked" before the first. */
void	print_blocks(const struct screen *sc, const json_t *list);

void	print_events(const struct screen *sc, const json_t *events,
	    const char *indent);

/* The rows of `top --refused`. */
void	print_refused(const struct screen *sc, const json_t *rows);

/* Entries of the trace, each in some lines. */
void	print_entries(const struct screen *sc, const json_t *entries);

#endif
