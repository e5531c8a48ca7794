/*
 * trace.c - what became of a message, and how much an account sent by day.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "request.h"
#include "trace.h"

#define TRACE_SOME 20
#define TRACE_MOST 1000
#define DAYS_MOST 20000
#define HISTORY_SOME 31

static const char *const stages[] = { "rcpt", "message", "delivery",
	"release" };

struct list {
	const struct request *rq;
	json_t *array;
};

static json_t *
trace_failure(const struct why *why)
{
	return control_failure(
	    "look at the daemon's log; mail is not affected", "%s", why->text);
}

/* is_kept - not knowing is no zero */
static bool
is_kept(void)
{
	struct trace_stats st;

	trace_stats(&st);
	return st.open;
}

static json_t *
not_kept(void)
{
	return control_failure(
	    "give trace-file a path in the configuration and restart; the log says if it could not be opened",
	    "no trace is kept");
}

static bool
add_entry(void *arg, const struct trace_entry *e)
{
	struct list *l = arg;

	control_append(&l->array,
	    json_pack(
		"{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:o}",
		"when", control_time(l->rq, e->when), "stage", stages[e->stage],
		"queue_id", obj_text(e->queue_id), "who", obj_text(e->who),
		"client", obj_text(e->client), "login", obj_text(e->login),
		"sender", obj_text(e->sender), "rcpt", obj_text(e->rcpt),
		"recipients", control_number(e->recipients), "external",
		control_number(e->external), "bytes", control_number(e->bytes),
		"rule", e->rule, "verdict", e->verdict, "policy", e->policy,
		"limit", e->limit, "key", obj_text(e->key), "used",
		control_number(e->used), "max", control_number(e->max), "again",
		control_time(l->rq, e->again), "smarthost", e->smarthost,
		"text", obj_text(e->text)));
	return l->array != NULL;
}

json_t *
control_trace_list(const struct request *rq, const struct trace_query *q,
    struct why *why, int *rc_r)
{
	struct list l = { .rq = rq, .array = json_array() };

	*rc_r = trace_find(q, add_entry, &l, why);
	return l.array;
}

/* canonical - the name of an account as entries have it */
static void
canonical(const struct request *rq, const char *who, char *dst, size_t size)
{
	control_who_blocked(rq->conf, who, dst, size);
}

/* query_of - which entries are asked for; NULL, or what is wrong */
static const char *
query_of(const struct request *rq, struct trace_query *q)
{
	const char *id = control_arg(rq, "id");
	const char *who = control_arg(rq, "sender");
	const char *rcpt = json_string_value(
	    json_array_get(json_object_get(rq->args, "rcpt"), 0));
	const char *since = control_arg(rq, "since");
	struct why why;
	int64_t span;

	memset(q, 0, sizeof(*q));
	q->n = control_count(rq, TRACE_SOME, TRACE_MOST);
	q->refused = obj_yes(rq->args, "refused");
	if (id != NULL)
		snprintf(q->queue_id, sizeof(q->queue_id), "%s", id);
	if (who != NULL)
		canonical(rq, who, q->who, sizeof(q->who));
	if (rcpt != NULL)
		q->rcpt = mailaddr_exact(rcpt, strlen(rcpt));
	if (since != NULL) {
		if (duration_parse(since, &span, &why) == -1 || span <= 0)
			return "since wants a span such as 2h or 7d";
		q->since = rq->now - span;
	}
	return NULL;
}

/* --- the deliveries of a message ----------------------------------------- */

/* Entries, and of the newest message that left, when, whose and where. */
struct found {
	struct list list;
	int64_t when;
	char sender[MAILADDR_MAX + 1];
	char smarthost[TRACE_NAME]; /* "": none left */
};

static bool
add_found(void *arg, const struct trace_entry *e)
{
	struct found *f = arg;

	if (f->smarthost[0] == '\0' &&
	    (e->stage == TRACE_EOM || e->stage == TRACE_RELEASE)) {
		f->when = e->when;
		snprintf(f->sender, sizeof(f->sender), "%s", e->sender);
		snprintf(
		    f->smarthost, sizeof(f->smarthost), "%s", e->smarthost);
	}
	return add_entry(&f->list, e);
}

/* The deliveries that may have carried a message. */
struct carriers {
	struct list list;
	const struct found *message;
};

static bool
add_carrier(void *arg, const struct trace_entry *e)
{
	struct carriers *c = arg;

	return e->stage != TRACE_DELIVERY || e->queue_id[0] != '\0' ||
	       strcmp(e->smarthost, c->message->smarthost) != 0 ||
	       add_entry(&c->list, e);
}

/*
 * deliveries_of - where the mail server does not tell the gate whose delivery
 * it is, those of the same sender by the same account in the hour after
 */
static json_t *
deliveries_of(const struct request *rq, const struct found *f)
{
	struct carriers c = { { rq, json_array() }, f };
	struct trace_query q = {
		.since = f->when, .until = f->when + HOUR, .n = TRACE_MOST
	};
	struct why why;

	if (f->smarthost[0] == '\0' || f->sender[0] == '\0')
		return c.list.array;
	snprintf(q.who, sizeof(q.who), "%s", f->sender);
	(void)trace_find(&q, add_carrier, &c, &why);
	return c.list.array;
}

json_t *
control_trace(const struct request *rq)
{
	struct found found = { .list = { .rq = rq } };
	struct trace_query q;
	const char *wrong = query_of(rq, &q);
	struct trace_stats st;
	struct why why;

	if (wrong != NULL)
		return control_failure(
		    "trace [QUEUEID] [--sender WHO] [--rcpt ADDRESS] [--since SPAN]",
		    "%s", wrong);
	if (!is_kept())
		return not_kept();
	trace_stats(&st);
	found.list.array = json_array();
	if (trace_find(&q, add_found, &found, &why) == -1) {
		json_decref(found.list.array);
		return trace_failure(&why);
	}
	if (json_array_size(found.list.array) == 0) {
		json_decref(found.list.array);
		return control_failure(
		    "the mail server's own log may know it: it is not metered mail, or older than trace-for",
		    "nothing like that is in the trace");
	}
	return json_pack("{s:b, s:o, s:o, s:o}", "ok", 1, "entries",
	    found.list.array, "deliveries",
	    q.queue_id[0] != '\0' ? deliveries_of(rq, &found) : json_array(),
	    "dropped", control_number(st.dropped));
}

/* --- by day -------------------------------------------------------------- */

static json_t *
trace_day_text(int day)
{
	char text[16];

	snprintf(text, sizeof(text), "%04d-%02d-%02d", day / 10000 % 10000,
	    day / 100 % 100, day % 100);
	return json_string(text);
}

static bool
add_day(void *arg, const struct trace_day *d)
{
	struct list *l = arg;

	control_append(&l->array,
	    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "day",
		trace_day_text(d->day), "who", obj_text(d->who), "sent",
		control_number(d->sent), "recipients",
		control_number(d->recipients), "bytes",
		control_number(d->bytes), "refused", control_number(d->refused),
		"held", control_number(d->held)));
	return l->array != NULL;
}

/* first_day - the local day so many days ago, 0 being today */
static int
first_day(const struct request *rq, size_t days)
{
	struct tm tm;

	zone_localtime(rq->conf->zone, rq->now - (int64_t)days * DAY, &tm);
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

json_t *
control_history(const struct request *rq)
{
	const char *who = control_arg(rq, "who");
	const size_t days = control_count(rq, HISTORY_SOME, 400);
	struct list l = { .rq = rq };
	char key[MAILADDR_MAX + 1] = "";
	struct why why;

	if (!is_kept())
		return not_kept();
	l.array = json_array();
	if (who != NULL)
		canonical(rq, who, key, sizeof(key));
	if (trace_history(who != NULL ? key : NULL, first_day(rq, days - 1),
		DAYS_MOST, add_day, &l, &why) == -1) {
		json_decref(l.array);
		return trace_failure(&why);
	}
	return json_pack("{s:b, s:o, s:o}", "ok", 1, "who",
	    who != NULL ? obj_text(key) : json_null(), "days", l.array);
}

/* --- refusals by hour ---------------------------------------------------- */

static bool
add_refusals(void *arg, const struct trace_refusals *r)
{
	struct list *l = arg;

	control_append(&l->array,
	    json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o}", "first",
		control_time(l->rq, r->first), "last",
		control_time(l->rq, r->last), "who", obj_text(r->who), "policy",
		r->policy, "verdict", r->verdict, "n", control_number(r->n),
		"rcpt", obj_text(r->rcpt), "text", obj_text(r->text)));
	return l->array != NULL;
}

json_t *
control_refusals(const struct request *rq, const char *who, int64_t since,
    size_t n, int *rc_r, struct why *why)
{
	struct list l = { .rq = rq, .array = json_array() };

	*rc_r = trace_refusals(who, since, n, add_refusals, &l, why);
	return l.array;
}

/* event_of - the refusals of an account and hour as one event */
static json_t *
event_of(const struct request *rq, const json_t *r)
{
	const long long n = obj_num(r, "n");
	char text[TRACE_TEXT + 80];

	(void)rq;
	snprintf(text, sizeof(text), "%lld time%s since %s: %s", n,
	    n == 1 ? "" : "s",
	    json_string_value(
		json_object_get(json_object_get(r, "first"), "text")),
	    json_string_value(json_object_get(r, "text")));
	return json_pack("{s:O, s:s, s:O, s:O, s:s, s:o}", "when",
	    json_object_get(r, "last"), "kind", "refused", "policy",
	    json_object_get(r, "policy"), "key", json_object_get(r, "who"),
	    "actor", "", "text", obj_text(text));
}

static json_int_t
event_time(const json_t *event)
{
	return json_integer_value(
	    json_object_get(json_object_get(event, "when"), "ms"));
}

/* merge - both are newest first; at most n of them */
static json_t *
merge(const json_t *a, const json_t *b, size_t n)
{
	json_t *all = json_array();
	size_t i = 0, j = 0;

	while (all != NULL && i + j < n &&
	       (i < json_array_size(a) || j < json_array_size(b))) {
		json_t *x = json_array_get(a, i), *y = json_array_get(b, j);
		const bool first =
		    y == NULL || (x != NULL && event_time(x) >= event_time(y));

		control_append(&all, json_incref(first ? x : y));
		i += first;
		j += !first;
	}
	return all;
}

json_t *
control_with_refusals(
    const struct request *rq, json_t *events, const char *who, size_t n)
{
	struct why why;
	int rc;
	json_t *hours = control_refusals(rq, who, 0, n, &rc, &why);
	json_t *list = json_array(), *r, *all;
	size_t i;

	json_array_foreach (hours, i, r)
		control_append(&list, event_of(rq, r));
	all = merge(events, list, n);
	json_decref(events);
	json_decref(hours);
	json_decref(list);
	return all;
}

/* --- who is refused most ------------------------------------------------- */

static int
more_refused(const void *a, const void *b)
{
	const json_int_t x =
	    json_integer_value(json_object_get(*(json_t *const *)a, "refused"));
	const json_int_t y =
	    json_integer_value(json_object_get(*(json_t *const *)b, "refused"));

	return (x < y) - (x > y);
}

/* sum_up - one row for each account, out of its hours */
static json_t *
sum_up(const json_t *hours)
{
	json_t *rows = json_object(), *r;
	size_t i;

	json_array_foreach (hours, i, r) {
		const char *who = json_string_value(json_object_get(r, "who"));
		json_t *row = json_object_get(rows, who);

		if (row == NULL) {
			row = json_pack("{s:s, s:i, s:O, s:O, s:O}", "who", who,
			    "refused", 0, "policy",
			    json_object_get(r, "policy"), "last",
			    json_object_get(r, "last"), "text",
			    json_object_get(r, "text"));
			json_object_set_new(rows, who, row);
		}
		json_object_set_new(row, "refused",
		    json_integer(obj_num(row, "refused") + obj_num(r, "n")));
	}
	return rows;
}

json_t *
control_top_refused(const struct request *rq, size_t most)
{
	json_t *hours, *rows, *list, *row, **sorted;
	const char *who;
	struct why why;
	size_t i = 0, n;
	int rc;

	if (!is_kept())
		return not_kept();
	hours = control_refusals(rq, NULL, rq->now - DAY, DAYS_MOST, &rc, &why);
	rows = sum_up(hours);
	list = json_array();
	n = json_object_size(rows);
	sorted = calloc(n + 1, sizeof(json_t *));
	json_decref(hours);
	if (rc == -1 || sorted == NULL) {
		json_decref(rows);
		json_decref(list);
		free(sorted);
		return rc == -1 ? trace_failure(&why) : NULL;
	}
	json_object_foreach (rows, who, row)
		sorted[i++] = row;
	qsort(sorted, n, sizeof(*sorted), more_refused);
	for (i = 0; i < n && i < most; i++)
		control_append(&list, json_incref(sorted[i]));
	free(sorted);
	json_decref(rows);
	return json_pack("{s:b, s:o}", "ok", 1, "refused", list);
}
