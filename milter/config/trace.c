/*
 * trace.c - what is kept of each message: where, how long and how much.
 */
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "reader.h"
#include "store_url.h"

#define KEEP (14 * DAY)
#define SIZE 256000000u
#define SIZE_LEAST 4000000u

/* beside - trace.db in the directory of the store; "" if it has none */
static char *
beside(struct reading *r, const char *store)
{
	static const char name[] = "trace.db";
	const char *path = store_url_file(store), *slash;
	char text[4096];
	size_t n;

	if (path == NULL)
		return keep(r, store_url_is_shared(store)
				   ? "/var/lib/postmeter/trace.db"
				   : "");
	slash = strrchr(path, '/') + 1;
	n = (size_t)(slash - path);
	if (n + sizeof(name) > sizeof(text))
		return keep(r, "");
	memcpy(text, path, n);
	memcpy(text + n, name, sizeof(name));
	return keep(r, text);
}

/* read_size_of - "256M" to bytes */
static uint64_t
read_size_of(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "trace-size");
	char text[SHOWN], limit[SHOWN];
	struct limit l = { .max = SIZE };
	struct why why;

	if (v == NULL)
		return SIZE;
	snprintf(limit, sizeof(limit), "%.80s/day", v->text);
	if (limit_parse(limit, DIM_BYTES, &l, &why) == -1 || l.max < SIZE_LEAST)
		diag_error(&r->m, v->line,
		    "trace-size = \"%s\": write a number of bytes such as 256M, 4M or more",
		    shown(text, v));
	return l.max;
}

void
read_trace(struct reading *r, cfg_t *root)
{
	const struct conf_value *file = read_one(root, "trace-file");
	const struct conf_value *span = read_one(root, "trace-for");
	struct config *conf = r->conf;
	char text[SHOWN];
	struct why why;

	conf->trace_for = KEEP;
	if (span != NULL &&
	    (duration_parse(span->text, &conf->trace_for, &why) == -1 ||
		conf->trace_for < HOUR))
		diag_error(&r->m, span->line,
		    "trace-for = \"%s\": write a span such as 14d, an hour or more",
		    shown(text, span));
	conf->trace_size = read_size_of(r, root);
	if (file != NULL && file->len > 0 && file->text[0] != '/')
		diag_error(&r->m, file->line,
		    "trace-file = \"%s\": write an absolute path, or \"\" to keep no trace",
		    shown(text, file));
	conf->trace_file =
	    file != NULL ? keep(r, file->text) : beside(r, conf->store);
}
