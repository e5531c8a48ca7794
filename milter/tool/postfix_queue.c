/*
 * postfix_queue.c - the mail that waits in Postfix.
 *
 * Only Postfix's own programs touch its queue.  They are run without a shell,
 * and an id is looked at before it becomes an argument.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "obj.h"
#include "postfix_queue.h"
#include "run_program.h"

#define BATCH 200 /* ids in one run */

bool
postfix_is_id(const char *id)
{
	const size_t n = strlen(id);

	return n >= 5 && n < QUEUE_ID &&
	       strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  "abcdefghijklmnopqrstuvwxyz") == n;
}

/* visit - one line of postqueue -j; what is no such line is left out */
static void
visit(const char *line, size_t len, queued_fn *each, void *arg)
{
	json_t *message = json_loadb(line, len, 0, NULL);
	const char *id =
	    json_string_value(json_object_get(message, "queue_id"));
	const char *queue =
	    json_string_value(json_object_get(message, "queue_name"));
	const char *sender =
	    json_string_value(json_object_get(message, "sender"));
	struct queued q = { .arrival = obj_num(message, "arrival_time") };

	if (id != NULL && queue != NULL && postfix_is_id(id)) {
		snprintf(q.id, sizeof(q.id), "%s", id);
		snprintf(q.queue, sizeof(q.queue), "%s", queue);
		q.sender =
		    sender == NULL || strcmp(sender, "MAILER-DAEMON") == 0
			? ""
			: sender;
		q.recipients =
		    json_array_size(json_object_get(message, "recipients"));
		each(arg, &q);
	}
	json_decref(message);
}

int
postfix_queue(
    const char *directory, queued_fn *each, void *arg, struct why *why)
{
	const char *const argv[] = { "postqueue",
		directory != NULL ? "-c" : "-j",
		directory != NULL ? directory : NULL, "-j", NULL };
	char *said = NULL;
	const int code = run_program(argv, true, &said, why);

	if (code > 0)
		why_set(
		    why, "postqueue ended with %d: is Postfix running?", code);
	for (const char *p = said; code == 0 && p != NULL && *p != '\0';) {
		const size_t n = strcspn(p, "\n");

		visit(p, n, each, arg);
		p += n + (p[n] == '\n');
	}
	free(said);
	return code == 0 ? 0 : -1;
}

void
queue_ids_add(struct queue_ids *ids, const char *id)
{
	void *more;

	if (ids->n == ids->capacity) {
		more = realloc(
		    ids->v, (ids->capacity * 2 + 64) * sizeof(ids->v[0]));
		if (more == NULL)
			return;
		ids->v = more;
		ids->capacity = ids->capacity * 2 + 64;
	}
	snprintf(ids->v[ids->n++], QUEUE_ID, "%s", id);
}

void
queue_ids_free(struct queue_ids *ids)
{
	free(ids->v);
	*ids = (struct queue_ids){ .v = NULL };
}

int
postfix_super(const char *directory, const char *option,
    const struct queue_ids *ids, struct why *why)
{
	for (size_t done = 0; done < ids->n;) {
		const char *argv[2 * BATCH + 4] = { "postsuper" };
		size_t n = 1;
		int code;

		if (directory != NULL) {
			argv[n++] = "-c";
			argv[n++] = directory;
		}
		for (size_t i = 0; i < BATCH && done < ids->n; i++) {
			argv[n++] = option;
			argv[n++] = ids->v[done++];
		}
		code = run_program(argv, true, NULL, why);
		if (code != 0) {
			if (code > 0)
				why_set(why,
				    "postsuper ended with %d: run postmeterctl as root",
				    code);
			return -1;
		}
	}
	return 0;
}
