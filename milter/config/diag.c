/*
 * diag.c - one line for each thing that is wrong in a file, in the form
 * that editors and people can jump to.
 */
#include <stdarg.h>

#include "diag.h"

void
diag_error(struct diag *m, unsigned line, const char *fmt, ...)
{
	va_list ap;

	m->n++;
	if (line == 0)
		fprintf(m->out, "%s: ", m->file);
	else
		fprintf(m->out, "%s:%u: ", m->file, line);
	va_start(ap, fmt);
	vfprintf(m->out, fmt, ap);
	va_end(ap);
	fputc('\n', m->out);
}
