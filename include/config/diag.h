/*
 * diag.h - one line for each thing that is wrong in a file.
 */
#ifndef DIAG_H
#define DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where mistakes go: one line each, "file:line: what, what would be right". */
struct diag {
	const char *file;
	FILE *out;
	size_t n;		/* how many so far */
	bool discreet;		/* it holds secrets: quote nothing from it */
};

/* Line 0 stands for the file as a whole. */
void	diag_error(struct diag *m, unsigned line, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

#endif
