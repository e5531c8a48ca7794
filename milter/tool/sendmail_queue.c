/*
 * sendmail_queue.c - the mail that is held in Sendmail.
 *
 * `sendmail -bp -qQ` prints a line for each message that begins with its id,
 * and lines that begin with a blank for the rest.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_program.h"
#include "sendmail_queue.h"

#define ID_LEAST 12 /* time, number and process in base 60 and ten */

/* sendmail_run - sendmail with that configuration and these words */
static int
sendmail_run(const char *directory, const char *const words[], char **said_r,
    struct why *why)
{
	const char *argv[8] = { "sendmail" };
	char file[PATH_MAX];
	size_t n = 1;
	int code;

	if (directory != NULL) {
		snprintf(file, sizeof(file), "-C%s/sendmail.cf", directory);
		argv[n++] = file;
	}
	while (*words != NULL)
		argv[n++] = *words++;
	code = run_program(argv, true, said_r, why);
	if (code > 0)
		why_set(why, "sendmail ended with %d: run postmeterctl as root",
		    code);
	return code == 0 ? 0 : -1;
}

int
sendmail_queue(
    const char *directory, queued_fn *each, void *arg, struct why *why)
{
	static const char *const words[] = { "-bp", "-qQ", NULL };
	struct queued q = { .queue = "hold", .sender = "" };
	char *said = NULL;
	const int rc = sendmail_run(directory, words, &said, why);

	for (const char *p = said; rc == 0 && p != NULL && *p != '\0';) {
		const size_t n = strcspn(p, "\n"), id = strcspn(p, " *-X?\t\n");

		if (id >= ID_LEAST && id < sizeof(q.id)) {
			memcpy(q.id, p, id);
			q.id[id] = '\0';
			if (postfix_is_id(q.id))
				each(arg, &q);
		}
		p += n + (p[n] == '\n');
	}
	free(said);
	return rc;
}

int
sendmail_release(const char *directory, const char *id, struct why *why)
{
	char only[QUEUE_ID + 8];
	const char *const lift[] = { "-qQ", only, "-Q", NULL };
	const char *const deliver[] = { only, NULL };

	snprintf(only, sizeof(only), "-qI%s", id);
	if (sendmail_run(directory, lift, NULL, why) == -1)
		return -1;
	/* If this fails the next run of the queue finds it. */
	(void)sendmail_run(directory, deliver, NULL, why);
	return 0;
}
