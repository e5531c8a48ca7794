/*
 * cmd_release.c - `postmeterctl held` and `release`: root asks the daemon what
 * may go, and lets Postfix's own programs do it.
 *
 * The daemon never commands root.  It charges and answers; a message that was
 * charged and did not leave, because somebody died in between, is let go at
 * the next round without being charged again.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "postfix_queue.h"
#include "print.h"
#include "run_program.h"

#define ROUND 10 /* messages in one round of --due */

struct holding {
	char id[QUEUE_ID];
	long long arrival;
};

struct holdings {
	struct holding *v;
	size_t n, capacity;
};

static void
add_holding(void *arg, const struct queued *q)
{
	struct holdings *h = arg;
	struct holding *more;

	if (strcmp(q->queue, "hold") != 0)
		return;
	if (h->n == h->capacity) {
		more = realloc(h->v, (h->capacity * 2 + 64) * sizeof(*more));
		if (more == NULL)
			return;
		h->v = more;
		h->capacity = h->capacity * 2 + 64;
	}
	snprintf(h->v[h->n].id, sizeof(h->v[0].id), "%s", q->id);
	h->v[h->n++].arrival = q->arrival;
}

static int
earlier(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

/* list_held - the hold queue, the oldest first, as the daemon knows it */
static int
list_held(const struct ctl *ctl, struct holdings *h, json_t **answer_r)
{
	json_t *ids = json_array(), *request;
	struct why why;
	int code;

	if (postfix_queue(ctl->postfix, add_holding, h, &why) == -1) {
		json_decref(ids);
		*answer_r = ctl_failure("held and release work with Postfix",
		    "the queue cannot be read: %s", why.text);
		return 1;
	}
	qsort(h->v, h->n, sizeof(*h->v), earlier);
	for (size_t i = 0; i < h->n; i++)
		json_array_append_new(
		    ids, json_pack("{s:s, s:I}", "id", h->v[i].id, "arrival",
			     (json_int_t)h->v[i].arrival));
	request = json_pack("{s:s, s:o}", "command", "held", "ids", ids);
	code = ctl_ask_daemon(ctl, request, answer_r);
	json_decref(request);
	return code;
}

int
ctl_held(const struct ctl *ctl, json_t **answer_r)
{
	struct holdings h = { .v = NULL };
	const int code = list_held(ctl, &h, answer_r);

	free(h.v);
	return code;
}

/* leave - out of the hold queue, and on its way at once */
static int
leave(const struct ctl *ctl, const char *id, struct why *why)
{
	struct queue_ids one = { .v = NULL };
	const char *argv[6] = { "postqueue" };
	size_t n = 1;
	int rc;

	queue_ids_add(&one, id);
	rc = postfix_super(ctl->postfix, "-H", &one, why);
	queue_ids_free(&one);
	if (rc == -1)
		return -1;
	if (ctl->postfix != NULL) {
		argv[n++] = "-c";
		argv[n++] = ctl->postfix;
	}
	argv[n++] = "-i";
	argv[n] = id;
	/* If this fails the queue manager finds it at its next run. */
	(void)run_program(argv, true, NULL, why);
	return 0;
}

/* release_one - asks for one message and lets it go; the answer is a row */
static json_t *
release_one(const struct ctl *ctl, const struct holding *h)
{
	json_t *request =
	    json_pack("{s:s, s:s, s:I, s:b}", "command", "release", "id", h->id,
		"arrival", (json_int_t)h->arrival, "now", ctl->now);
	json_t *row;
	struct why why;

	(void)ctl_ask_daemon(ctl, request, &row);
	json_decref(request);
	json_object_set_new(row, "queue_id", json_string(h->id));
	if (json_is_true(json_object_get(row, "release")) &&
	    leave(ctl, h->id, &why) == -1) {
		json_object_set_new(row, "release", json_false());
		json_object_set_new(row, "error", json_string(why.text));
	}
	return row;
}

/* waits - has an earlier message of that account to wait in this round? */
static bool
waits(const json_t *waiting, const char *who)
{
	return who[0] != '\0' && json_object_get(waiting, who) != NULL;
}

/* wanted - is the row of the hold queue among what was asked for? */
static bool
wanted(const struct ctl *ctl, const json_t *row)
{
	const char *word = ctl->word[0];

	if (!print_yes(row, "ours"))
		return false;
	return word == NULL || strcmp(word, ctl_str(row, "queue_id")) == 0 ||
	       strcasecmp(word, ctl_str(row, "who")) == 0 ||
	       strcasecmp(word, ctl_str(row, "sender")) == 0;
}

/*
 * release_all - the oldest first; of an account whose turn has not come nothing
 * goes that came later
 */
static int
release_all(const struct ctl *ctl, const struct holdings *h, const json_t *held,
    json_t *rows)
{
	json_t *waiting = json_object();
	size_t done = 0;
	int code = 0;

	for (size_t i = 0; i < h->n && done < ROUND; i++) {
		const json_t *row = json_array_get(held, i);
		const char *who = ctl_str(row, "who");
		json_t *result;

		if (!wanted(ctl, row) || (ctl->due && waits(waiting, who)))
			continue;
		result = release_one(ctl, &h->v[i]);
		if (print_yes(result, "release"))
			done++;
		else
			json_object_set_new(waiting, who, json_true());
		if (ctl_str(result, "error")[0] != '\0')
			code = 1;
		json_array_append_new(rows, result);
	}
	json_decref(waiting);
	return code;
}

int
ctl_release(const struct ctl *ctl, json_t **answer_r)
{
	struct holdings h = { .v = NULL };
	json_t *rows, *answer;
	int code = list_held(ctl, &h, answer_r);

	if (code != 0) {
		free(h.v);
		return code;
	}
	rows = json_array();
	code = release_all(ctl, &h, json_object_get(*answer_r, "held"), rows);
	free(h.v);
	answer = json_array_size(rows) == 0 && !ctl->due
		     ? ctl_failure("`postmeterctl held` lists what is held",
			   "nothing of %s is held", ctl->word[0])
		     : json_pack("{s:b, s:O}", "ok", 1, "released", rows);
	if (json_array_size(rows) == 0 && !ctl->due)
		code = 1;
	json_decref(rows);
	json_decref(*answer_r);
	*answer_r = answer;
	return code;
}

/* --- for people ---------------------------------------------------------- */

void
ctl_held_text(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 5, .bar = TABLE_COLUMNS };
	const json_t *row;
	char rcpts[40];
	size_t i;

	json_array_foreach (json_object_get(a, "held"), i, row) {
		const bool ours = print_yes(row, "ours");

		snprintf(rcpts, sizeof(rcpts), "%lld recipients",
		    ctl_num(row, "recipients"));
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){ ctl_str(row, "queue_id"),
			print_time(row, "when"), ctl_str(row, "who"),
			ours ? rcpts : "",
			ours ? ctl_str(row, "text")
			     : "not held by postmeter" });
	}
	if (t.rows == 0)
		fputs("nothing is held\n", sc->out);
	text_table_print(&t, sc, "");
}

void
ctl_release_text(const struct screen *sc, const json_t *a)
{
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(a, "released"), i, row)
		if (ctl_str(row, "error")[0] != '\0')
			fprintf(sc->out, "%s stays: %s\n",
			    ctl_str(row, "queue_id"), ctl_str(row, "error"));
		else if (print_yes(row, "release"))
			fprintf(sc->out, "released: %s of %s\n",
			    ctl_str(row, "queue_id"), ctl_str(row, "who"));
		else
			fprintf(sc->out, "%s waits: %s\n",
			    ctl_str(row, "queue_id"), ctl_str(row, "text"));
}
