/*
 * cmd_release.c - `postmeterctl held` and `release`: root asks the daemon what
 * may go, and lets the mail server's own programs do it.
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
#include "sendmail_queue.h"

#define PAGE 1000 /* messages in one question: a request is 64 KiB at most */
#define LINE_NAME 512
#define ROUND 50 /* messages in one round of --due */

struct holding {
	char id[QUEUE_ID];
	long long arrival;
};

struct holdings {
	struct holding *v;
	size_t n, capacity;
	bool sendmail;
};

/* What is let go at once, and what goes back to its sender. */
struct round {
	struct queue_ids go, back;
	json_t *rows;
	bool sendmail;
};

static void
release_add_holding(void *arg, const struct queued *q)
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

	/* Sendmail tells no second, but its ids begin with the time. */
	if (x->arrival == y->arrival)
		return strcmp(x->id, y->id);
	return x->arrival > y->arrival ? 1 : -1;
}

/* read_queue - whose queue there is: Postfix's, unless Sendmail is meant */
static int
read_queue(const struct ctl *ctl, struct holdings *h, struct why *why)
{
	struct why other;

	if (ctl->sendmail == NULL &&
	    postfix_queue(ctl->postfix, release_add_holding, h, why) == 0)
		return 0;
	if (ctl->postfix != NULL)
		return -1;
	h->sendmail = true;
	if (sendmail_queue(ctl->sendmail, release_add_holding, h, &other) == 0)
		return 0;
	if (ctl->sendmail != NULL)
		*why = other;
	return -1;
}

/* ask_page - n of them from the first on; their rows join those of before */
static int
ask_page(const struct ctl *ctl, const char *command, const struct holdings *h,
    size_t first, json_t **answer_r)
{
	json_t *ids = json_array(), *request, *before = *answer_r;
	size_t i = first;
	int code;

	for (; i < h->n && i < first + PAGE; i++)
		json_array_append_new(
		    ids, json_pack("{s:s, s:I}", "id", h->v[i].id, "arrival",
			     (json_int_t)h->v[i].arrival));
	request = json_pack("{s:s, s:o, s:b, s:b, s:b}", "command", command,
	    "ids", ids, "by_id", h->sendmail, "first", first == 0, "last",
	    i == h->n);
	code = ctl_ask_daemon(ctl, request, answer_r);
	json_decref(request);
	if (before != NULL && code == 0) {
		json_array_extend(json_object_get(before, "held"),
		    json_object_get(*answer_r, "held"));
		json_decref(*answer_r);
		*answer_r = before;
	} else {
		json_decref(before);
	}
	return code;
}

/* list_held - the hold queue, the oldest first, as the daemon knows it */
static int
list_held(const struct ctl *ctl, const char *command, struct holdings *h,
    json_t **answer_r)
{
	struct why why;
	size_t first = 0;
	int code;

	*answer_r = NULL;
	if (read_queue(ctl, h, &why) == -1) {
		*answer_r = ctl_failure(
		    "run it as root, where Postfix or Sendmail runs",
		    "the queue cannot be read: %s", why.text);
		return 1;
	}
	if (h->n > 0)
		qsort(h->v, h->n, sizeof(*h->v), earlier);
	do
		code = ask_page(ctl, command, h, first, answer_r);
	while (code == 0 && (first += PAGE) < h->n);
	return code;
}

int
ctl_held(const struct ctl *ctl, json_t **answer_r)
{
	struct holdings h = { .v = NULL };
	const int code = list_held(ctl, "held", &h, answer_r);

	free(h.v);
	return code;
}

/* release_deliver - what was let go is tried at once, not at the next run */
static void
release_deliver(const struct ctl *ctl, const struct queue_ids *ids)
{
	const char *argv[6] = { "postqueue" };
	struct why why;
	size_t n = 1;

	if (ctl->postfix != NULL) {
		argv[n++] = "-c";
		argv[n++] = ctl->postfix;
	}
	argv[n++] = "-i";
	for (size_t i = 0; i < ids->n; i++) {
		argv[n] = ids->v[i];
		(void)run_program(argv, true, NULL, &why);
	}
}

/* release_leave - what was let go, or is sent back, out of the hold queue */
static int
release_leave(const struct ctl *ctl, const struct round *r, struct why *why)
{
	int rc = 0;

	if (r->sendmail) {
		for (size_t i = 0; i < r->go.n && rc == 0; i++)
			rc = sendmail_release(ctl->sendmail, r->go.v[i], why);
		return rc;
	}
	if (r->go.n > 0)
		rc = postfix_super(ctl->postfix, "-H", &r->go, why);
	if (rc == 0 && r->back.n > 0)
		rc = postfix_super(ctl->postfix, "-f", &r->back, why);
	if (rc == 0) {
		release_deliver(ctl, &r->go);
		release_deliver(ctl, &r->back);
	}
	return rc;
}

/* ask_for - may one message leave?  Its row of the answer */
static json_t *
ask_for(const struct ctl *ctl, const struct holding *m, struct round *r)
{
	json_t *request = json_pack("{s:s, s:s, s:I, s:b, s:b, s:b}", "command",
	    "release", "id", m->id, "arrival", (json_int_t)m->arrival, "now",
	    ctl->now, "due", ctl->due, "by_id", r->sendmail);
	json_t *row;

	(void)ctl_ask_daemon(ctl, request, &row);
	json_decref(request);
	json_object_set_new(row, "queue_id", json_string(m->id));
	if (obj_yes(row, "release"))
		queue_ids_add(&r->go, m->id);
	else if (obj_yes(row, "return"))
		queue_ids_add(&r->back, m->id);
	return row;
}

/* release_line_of - the counter that holds it, by which it stands in line */
static const char *
release_line_of(const json_t *row, char *dst, size_t size)
{
	snprintf(
	    dst, size, "%s %s", obj_str(row, "policy"), obj_str(row, "key"));
	return dst;
}

/* wanted - is the row of the hold queue among what was asked for? */
static bool
wanted(const struct ctl *ctl, const json_t *row)
{
	const char *word = ctl->word[0];

	if (!obj_yes(row, "ours"))
		return false;
	return word == NULL || strcmp(word, obj_str(row, "queue_id")) == 0 ||
	       strcasecmp(word, obj_str(row, "who")) == 0 ||
	       strcasecmp(word, obj_str(row, "sender")) == 0;
}

/*
 * ask_all - the oldest first; in a line whose turn has not come nothing goes
 * that came later
 */
static void
ask_all(const struct ctl *ctl, const struct holdings *h, const json_t *held,
    struct round *r)
{
	json_t *waiting = json_object();
	char line[LINE_NAME];

	for (size_t i = 0; i < h->n && r->go.n < ROUND; i++) {
		const json_t *row = json_array_get(held, i);
		json_t *result;

		if (!wanted(ctl, row))
			continue;
		release_line_of(row, line, sizeof(line));
		if (ctl->due && json_object_get(waiting, line) != NULL)
			continue;
		result = ask_for(ctl, &h->v[i], r);
		if (!obj_yes(result, "release") && !obj_yes(result, "return"))
			json_object_set_new(waiting, line, json_true());
		json_array_append_new(r->rows, result);
	}
	json_decref(waiting);
}

/* release_answer_of - the rows, or why there are none; its code in *code */
static json_t *
release_answer_of(const struct ctl *ctl, const struct round *r, int *code)
{
	struct why why;

	if (json_array_size(r->rows) == 0 && !ctl->due) {
		*code = 1;
		return ctl_failure("`postmeterctl held` lists what is held",
		    "nothing of %s is held", ctl->word[0]);
	}
	if (release_leave(ctl, r, &why) == -1) {
		*code = 1;
		return ctl_failure(
		    "what was charged goes at the next `postmeterctl release`, and is not charged again",
		    "%s", why.text);
	}
	return json_pack("{s:b, s:O}", "ok", 1, "released", r->rows);
}

int
ctl_release(const struct ctl *ctl, json_t **answer_r)
{
	struct holdings h = { .v = NULL };
	struct round r = { .rows = json_array() };
	int code = list_held(ctl, "sweep", &h, answer_r);

	if (code == 0) {
		r.sendmail = h.sendmail;
		ask_all(ctl, &h, json_object_get(*answer_r, "held"), &r);
		json_decref(*answer_r);
		*answer_r = release_answer_of(ctl, &r, &code);
	}
	json_decref(r.rows);
	queue_ids_free(&r.go);
	queue_ids_free(&r.back);
	free(h.v);
	return code;
}

/* --- for people ---------------------------------------------------------- */

void
text_held(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 5, .bar = TABLE_COLUMNS };
	const json_t *row;
	char rcpts[40];
	size_t i;

	json_array_foreach (json_object_get(a, "held"), i, row) {
		const bool ours = obj_yes(row, "ours");

		snprintf(rcpts, sizeof(rcpts), "%lld recipients",
		    obj_num(row, "recipients"));
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){ obj_str(row, "queue_id"),
			print_time(row, "when"), obj_str(row, "who"),
			ours ? rcpts : "",
			ours ? obj_str(row, "text")
			     : "not held by postmeter" });
	}
	if (t.rows == 0)
		fputs("nothing is held\n", sc->out);
	text_table_print(&t, sc, "");
}

void
text_release(const struct screen *sc, const json_t *a)
{
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(a, "released"), i, row)
		if (obj_yes(row, "release"))
			fprintf(sc->out, "released: %s of %s\n",
			    obj_str(row, "queue_id"), obj_str(row, "who"));
		else if (obj_yes(row, "return"))
			fprintf(sc->out,
			    "returned: %s of %s, it was held too long\n",
			    obj_str(row, "queue_id"), obj_str(row, "who"));
		else
			fprintf(sc->out, "%s waits: %s\n",
			    obj_str(row, "queue_id"),
			    obj_str(
				row, obj_yes(row, "ok") ? "text" : "error"));
}
