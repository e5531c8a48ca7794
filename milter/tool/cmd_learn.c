/*
 * cmd_learn.c - `postmeterctl learn`: has the daemon hear what providers
 * refuse, from Sendmail's log on standard input.
 *
 * Sendmail tells nobody what became of a delivery, it only writes it down.
 * Whoever can write to the log can close a gate by this, and do nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail_log.h"
#include "print.h"

#define LINE_LARGEST 8192
#define FRESH 300 /* seconds: what is older says nothing of now */

/* is_fresh - was the line written just now?  A stamp without a year is of this
 * one: at its turn a line more or less does not matter. */
static bool
is_fresh(const struct log_stamp *s, time_t now)
{
	struct tm tm;
	time_t when;

	(void)localtime_r(&now, &tm);
	if (s->year > 0)
		tm.tm_year = s->year - 1900;
	tm.tm_mon = s->month - 1;
	tm.tm_mday = s->day;
	tm.tm_hour = s->hour;
	tm.tm_min = s->minute;
	tm.tm_sec = s->second;
	tm.tm_isdst = -1;
	when = s->has_offset ? timegm(&tm) - s->offset : mktime(&tm);
	return when >= now - FRESH && when <= now + FRESH;
}

/* learn_tell - one refusal; true if the daemon knows of that message */
static bool
learn_tell(const struct ctl *ctl, struct bytes id, struct bytes reply)
{
	json_t *request = json_pack("{s:s, s:s%, s:s%}", "command", "refusal",
	    "id", id.p, id.len, "reply", reply.p, reply.len);
	json_t *answer = NULL;
	bool known;

	/* NULL: a word that is no UTF-8 */
	if (request != NULL && ctl_ask_daemon(ctl, request, &answer) != 0)
		fprintf(stderr, "postmeterctl: %s\n", obj_str(answer, "error"));
	known = obj_yes(answer, "known");
	json_decref(request);
	json_decref(answer);
	return known;
}

int
ctl_learn(const struct ctl *ctl, json_t **answer_r)
{
	size_t size = 0, lines = 0, refusals = 0, known = 0;
	struct bytes id, reply;
	struct log_line l;
	char *line = NULL;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) > 0) {
		lines++;
		if (n > LINE_LARGEST ||
		    !log_line_parse(
			(struct bytes){ line, (size_t)n - 1 }, &l) ||
		    !mail_log_refusal(&l, &id, &reply) ||
		    !is_fresh(&l.stamp, time(NULL)))
			continue;
		refusals++;
		known += learn_tell(ctl, id, reply);
	}
	free(line);
	*answer_r = json_pack("{s:b, s:I, s:I, s:I}", "ok", 1, "lines",
	    (json_int_t)lines, "refusals", (json_int_t)refusals, "known",
	    (json_int_t)known);
	return 0;
}

void
text_learn(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out,
	    "%lld lines, %lld refusals, %lld of mail that was given to an account\n",
	    obj_num(a, "lines"), obj_num(a, "refusals"), obj_num(a, "known"));
}
