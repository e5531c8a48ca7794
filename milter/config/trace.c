/*
 * trace.c - what is kept of each message: where, how long and how much.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "reader.h"
#include "store_url.h"

#define KEEP (14 * DAY)
#define SIZE 256000000u
#define SIZE_LEAST 4000000u

char *
beside_store(struct reading *r, const char *name)
{
	const char *store = r->conf->store, *path, *slash;
	char text[4096];

	path = store_url_file(store);
	if (path == NULL && !store_url_is_shared(store))
		return keep(r, "");
	if (path == NULL)
		path = "/var/lib/postmeter/";
	slash = strrchr(path, '/');
	if (snprintf(text, sizeof(text), "%.*s%s", (int)(slash + 1 - path),
		path, name) >= (int)sizeof(text))
		return keep(r, "");
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
	    file != NULL ? keep(r, file->text) : beside_store(r, "trace.db");
}
