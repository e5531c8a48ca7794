/*
 * fuzz_mail_log.c - any bytes as a line of a mail log: spans stay inside.
 */
#include <stdlib.h>
#include <string.h>

#include "tool/mail_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
inside(struct bytes b, const char *from, size_t len)
{
	if (b.len > 0 &&
	    (b.p < from || b.len > len || b.p + b.len > from + len))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1); /* its own, so that each end is seen */
	struct mail_event e;
	struct log_line l;

	if (line == NULL)
		return 0;
	memcpy(line, data, size);
	if (log_line_parse((struct bytes){ line, size }, &l)) {
		inside(l.program, line, size);
		inside(l.pid, line, size);
		inside(l.message, line, size);
		mail_event_parse(&l, &e);
		inside(e.id, line, size);
		inside(e.client, line, size);
		inside(e.login, line, size);
		inside(e.sender, line, size);
		inside(e.to, line, size);
		inside(e.orig_to, line, size);
		inside(e.relay, line, size);
		inside(e.next_id, line, size);
	}
	free(line);
	return 0;
}
