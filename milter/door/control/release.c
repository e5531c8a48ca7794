/*
 * release.c - mail that is held: why it is, and when it may go.
 *
 * The mail server keeps the message and forgets why; the trace knows.  A held
 * message was never charged, so it is charged before it goes, as the desk
 * charges everybody.  That it was charged is noted under its queue id before
 * the answer: whoever dies between the answer and the queue asks again, and is
 * not charged again.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "desk.h"
#include "meter.h"
#include "record.h"
#include "request.h"
#include "tally.h"
#include "trace.h"

#define IDS_MOST 5000
#define EARLIER (2 * SECOND) /* clocks of mail server and daemon */

struct search {
	struct trace_entry hold;
	int64_t arrival; /* ms: a queue id is used again */
	bool found, charged;
};

static bool
look_at(void *arg, const struct trace_entry *e)
{
	struct search *s = arg;

	if (e->when < s->arrival - EARLIER)
		return false; /* of another message, as is what follows */
	if (e->stage == TRACE_RELEASE)
		s->charged = true;
	else if (e->stage == TRACE_EOM && strcmp(e->verdict, "hold") == 0) {
		s->hold = *e;
		s->found = true;
		return false;
	}
	return true;
}

/* search - what is known of a held message; -1 and why if it cannot be asked */
static int
search(const char *id, int64_t arrival, struct search *s, struct why *why)
{
	struct trace_query q = { .n = 50 };

	memset(s, 0, sizeof(*s));
	s->arrival = arrival;
	snprintf(q.queue_id, sizeof(q.queue_id), "%s", id);
	return trace_find(&q, look_at, s, why);
}

static int64_t
arrival_of(const json_t *o)
{
	return json_integer_value(json_object_get(o, "arrival")) * SECOND;
}

/* held_row - one message of the queue, as far as it is ours */
static json_t *
held_row(const struct request *rq, const json_t *item, struct why *why)
{
	const char *id = json_string_value(json_object_get(item, "id"));
	struct search s;

	if (id == NULL || search(id, arrival_of(item), &s, why) == -1)
		return json_null();
	if (!s.found)
		return json_pack(
		    "{s:o, s:b}", "queue_id", control_text(id), "ours", 0);
	return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:s, s:s, s:o}",
	    "queue_id", control_text(id), "ours", 1, "charged", s.charged,
	    "when", control_time(rq, s.hold.when), "who",
	    control_text(s.hold.who), "sender", control_text(s.hold.sender),
	    "recipients", control_number(s.hold.recipients), "policy",
	    s.hold.policy, "limit", s.hold.limit, "text",
	    control_text(s.hold.text));
}

/* What the last look at the queue found, for metrics: only root can look. */
static atomic_llong held_seen, held_count, held_oldest;

/* remember - how many are ours, and since when the oldest is held */
static void
remember(const struct request *rq, const json_t *list)
{
	const json_t *row;
	long long n = 0, oldest = 0;
	size_t i;

	json_array_foreach (list, i, row) {
		const long long when = json_integer_value(
		    json_object_get(json_object_get(row, "when"), "ms"));

		if (when == 0)
			continue;
		n++;
		if (oldest == 0 || when < oldest)
			oldest = when;
	}
	atomic_store(&held_count, n);
	atomic_store(&held_oldest, oldest);
	atomic_store(&held_seen, rq->now);
}

bool
control_held_seen(int64_t *count_r, int64_t *oldest_r)
{
	*count_r = atomic_load(&held_count);
	*oldest_r = atomic_load(&held_oldest);
	return atomic_load(&held_seen) != 0;
}

json_t *
control_held(const struct request *rq)
{
	const json_t *ids = json_object_get(rq->args, "ids"), *item;
	json_t *list = json_array();
	struct why why;
	size_t i;

	json_array_foreach (ids, i, item)
		if (i < IDS_MOST)
			control_append(&list, held_row(rq, item, &why));
	remember(rq, list);
	return json_pack("{s:b, s:o}", "ok", 1, "held", list);
}

/* again - the transaction that was held, as far as the trace has it */
static int
again(const struct trace_entry *e, struct txn *t)
{
	txn_begin(t);
	(void)netaddr_parse(e->client, &t->client);
	snprintf(t->login, sizeof(t->login), "%s", e->login);
	mailaddr_canon(&t->sender, e->sender, strlen(e->sender), "");
	snprintf(t->queue_id, sizeof(t->queue_id), "%s", e->queue_id);
	t->submitted = e->login[0] == '\0';
	t->bytes = e->bytes;
	for (uint64_t i = 0; i < e->recipients; i++)
		if (txn_add(t, i < e->nrcpt ? e->digest[i] : i + 1,
			i < e->external ? WAY_ROUTED : WAY_LOCAL) == -1)
			return -1;
	return 0;
}

/* note - that it was charged, before anybody is told */
static void
note(const struct request *rq, const struct trace_entry *hold,
    const struct outcome *o)
{
	struct trace_entry e = *hold;

	e.when = rq->now;
	e.day = record_day(rq->conf, rq->now);
	e.stage = TRACE_RELEASE;
	e.sum = TRACE_SENT;
	snprintf(e.verdict, sizeof(e.verdict), "released");
	snprintf(e.smarthost, sizeof(e.smarthost), "%s",
	    o->smarthost != NULL ? o->smarthost : "");
	snprintf(e.text, sizeof(e.text), "released by %s", rq->actor);
	trace_note(&e);
	trace_settle();
	tally_add(TALLY_RELEASED, "charged", NULL, 1);
}

/* charge - spends what it costs; false if it has to wait */
static bool
charge(
    const struct request *rq, const struct trace_entry *hold, struct outcome *o)
{
	const struct desk desk = control_desk(rq);
	struct txn t = { .submitted = false };
	bool passed = false;

	if (again(hold, &t) == 0) {
		meter_charge(&desk, &t, rq->now, o);
		passed =
		    o->verdict == VERDICT_PASS || o->verdict == VERDICT_IGNORE;
	} else {
		memset(o, 0, sizeof(*o));
		o->verdict = VERDICT_UNAVAILABLE;
	}
	txn_end(&t);
	return passed;
}

/* past_the_limit - an operator lets it go; that is an event */
static void
past_the_limit(const struct request *rq, const struct trace_entry *hold)
{
	struct store_event e = { .when = rq->now, .kind = "release" };

	snprintf(e.policy, sizeof(e.policy), "%s", hold->policy);
	snprintf(e.key, sizeof(e.key), "%.*s", MAILADDR_MAX, hold->who);
	snprintf(e.actor, sizeof(e.actor), "%s", rq->actor);
	snprintf(e.text, sizeof(e.text),
	    "%.60s let go past the limit, charged to nobody", hold->queue_id);
	store_note(rq->env->store, &e);
	tally_add(TALLY_RELEASED, "uncharged", NULL, 1);
}

json_t *
control_release(const struct request *rq)
{
	const char *id = control_arg(rq, "id");
	const bool now = json_is_true(json_object_get(rq->args, "now"));
	struct outcome o = { .verdict = VERDICT_PASS };
	struct search s;
	struct reply r = { .code = NULL };
	struct why why;
	bool charged = false, go = true;

	if (id == NULL)
		return control_failure(
		    "release QUEUEID", "it was not said which message");
	if (search(id, arrival_of(rq->args), &s, &why) == -1)
		return control_failure(
		    "look at the daemon's log", "%s", why.text);
	if (!s.found)
		return control_failure(
		    "postsuper -H lets it go; it is not charged then",
		    "%s was not held by postmeter, or trace-for is over", id);
	if (!s.charged) {
		charged = go = charge(rq, &s.hold, &o);
		if (charged)
			note(rq, &s.hold, &o);
		else
			verdict_reply(&o, rq->now, rq->conf->zone, &r);
	}
	if (!go && now) {
		past_the_limit(rq, &s.hold);
		go = true;
	}
	if (go)
		control_log_command(rq, "release", id);
	return json_pack("{s:b, s:o, s:b, s:b, s:o, s:o, s:o}", "ok", 1,
	    "queue_id", control_text(id), "release", go, "charged", charged,
	    "who", control_text(s.hold.who), "again",
	    control_time(rq, go ? 0 : o.again), "text",
	    control_text(go ? "" : r.text));
}
