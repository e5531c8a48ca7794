/*
 * release.c - mail that is held: why it is, and when it may go.
 *
 * The mail server keeps the message and forgets why; the trace knows.  A held
 * message was never charged, so it is charged before it goes, as the desk
 * charges everybody.  What became of it is noted under its queue id before
 * the answer: whoever dies between the answer and the queue asks again, and is
 * not charged again.
 */
#include <stdio.h>
#include <string.h>

#include "desk.h"
#include "held_mail.h"
#include "log.h"
#include "meter.h"
#include "record.h"
#include "request.h"
#include "tally.h"
#include "trace.h"

#define HELD_MOST 5000 /* in one answer, to whoever did not look himself */
#define EARLIER (2 * SECOND) /* clocks of mail server and daemon */
#define SETTLED MINUTE       /* what is held shows in the queue by then */

struct search {
	struct trace_entry hold;
	int64_t arrival; /* ms: a queue id is used again; 0: of the latest */
	bool found, charged, returned, warned, gone;
};

static bool
look_at(void *arg, const struct trace_entry *e)
{
	struct search *s = arg;

	if (e->when < s->arrival - EARLIER)
		return false; /* of another message, as is what follows */
	if (e->stage == TRACE_RELEASE) {
		s->charged |= strcmp(e->verdict, "released") == 0;
		s->returned |= strcmp(e->verdict, "returned") == 0;
		s->warned |= strcmp(e->verdict, "warned") == 0;
		s->gone |= strcmp(e->verdict, "gone") == 0;
	} else if (e->stage == TRACE_EOM && strcmp(e->verdict, "hold") == 0) {
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
	return obj_num(o, "arrival") * SECOND;
}

/* row_of - a message that is ours */
static json_t *
row_of(const struct request *rq, const struct trace_entry *e, bool charged)
{
	return json_pack(
	    "{s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:o}",
	    "queue_id", obj_text(e->queue_id), "ours", 1, "charged", charged,
	    "when", control_time(rq, e->when), "until",
	    control_time(rq, e->when + rq->conf->hold_for), "who",
	    obj_text(e->who), "sender", obj_text(e->sender), "recipients",
	    control_number(e->recipients), "policy", e->policy, "key",
	    obj_text(e->key), "limit", e->limit, "text", obj_text(e->text));
}

/* --- notes --------------------------------------------------------------- */

/* note - what became of it, in the trace before anybody is told */
static void
note(const struct request *rq, const struct trace_entry *hold,
    const char *verdict, const struct outcome *o)
{
	struct trace_entry e = *hold;

	e.when = rq->now;
	e.day = record_day(rq->conf, rq->now);
	e.stage = TRACE_RELEASE;
	e.sum = o != NULL ? TRACE_SENT : TRACE_NOTHING;
	snprintf(e.verdict, sizeof(e.verdict), "%s", verdict);
	snprintf(e.smarthost, sizeof(e.smarthost), "%s",
	    o != NULL && o->smarthost != NULL ? o->smarthost : "");
	snprintf(e.text, sizeof(e.text), "%s by %s", verdict, rq->actor);
	trace_note(&e);
	(void)trace_settle();
	if (strcmp(verdict, "warned") != 0)
		held_mail_remove(hold);
}

/* tell - an event about a held message */
static void
tell(const struct request *rq, const struct trace_entry *hold, const char *text)
{
	struct store_event e = { .when = rq->now, .kind = "release" };

	snprintf(e.policy, sizeof(e.policy), "%s", hold->policy);
	snprintf(e.key, sizeof(e.key), "%.*s", MAILADDR_MAX, hold->who);
	snprintf(e.actor, sizeof(e.actor), "%s", rq->actor);
	snprintf(e.text, sizeof(e.text), "%.60s %s", hold->queue_id, text);
	log_info("release: who=%s %s", e.key, e.text);
	store_note(rq->env->store, &e);
}

/* --- what is held -------------------------------------------------------- */

/* held_row - one message of the queue, as far as it is ours */
static json_t *
held_row(const struct request *rq, const json_t *item, struct search *s)
{
	const char *id = json_string_value(json_object_get(item, "id"));
	struct why why;

	s->found = false;
	if (id == NULL || search(id, arrival_of(item), s, &why) == -1)
		return json_null();
	return s->found ? row_of(rq, &s->hold, s->charged)
			: json_pack("{s:o, s:b}", "queue_id", obj_text(id),
			      "ours", 0);
}

struct rows {
	const struct request *rq;
	json_t *list;
};

static bool
add_held(void *arg, const struct trace_entry *e)
{
	struct rows *r = arg;

	control_append(&r->list, row_of(r->rq, e, false));
	return json_array_size(r->list) < HELD_MOST;
}

json_t *
control_held(const struct request *rq)
{
	const json_t *ids = json_object_get(rq->args, "ids"), *item;
	struct rows r = { .rq = rq, .list = json_array() };
	struct search s;
	struct why why;
	size_t i;

	if (ids == NULL && trace_held(add_held, &r, &why) == -1) {
		json_decref(r.list);
		return control_failure(
		    "look at the daemon's log", "%s", why.text);
	}
	json_array_foreach (ids, i, item)
		control_append(&r.list, held_row(rq, item, &s));
	return json_pack("{s:b, s:o}", "ok", 1, "held", r.list);
}

/*
 * near_its_end - once, a day before it is returned (of short ones a quarter);
 * Sendmail ("by_id") returns none
 */
static void
near_its_end(const struct request *rq, const struct search *s)
{
	const int64_t quarter = rq->conf->hold_for / 4;
	const int64_t lead = quarter < DAY ? quarter : DAY;

	if (s->charged || s->warned || rq->conf->hold_keeps ||
	    obj_yes(rq->args, "by_id") ||
	    rq->now < s->hold.when + rq->conf->hold_for - lead)
		return;
	note(rq, &s->hold, "warned", NULL);
	tell(rq, &s->hold,
	    "is held and goes back to its sender soon: grant more, or release --now");
}

/* A list of those that have gone; more of them are told at the next look. */
static void
add_gone(void *arg, const char *queue_id, int64_t when)
{
	json_t **list = arg;

	control_append(list, json_pack("{s:o, s:I}", "id", obj_text(queue_id),
				 "arrival", (json_int_t)(when / SECOND)));
}

/* tell_gone - those that somebody else let go, or deleted */
static void
tell_gone(const struct request *rq, const json_t *list)
{
	const json_t *item;
	struct search s;
	size_t i;

	json_array_foreach (list, i, item) {
		json_decref(held_row(rq, item, &s));
		if (!s.found || s.charged || s.returned || s.gone)
			continue;
		note(rq, &s.hold, "gone", NULL);
		tell(rq, &s.hold,
		    "left the queue without postmeter, charged to nobody");
	}
}

/*
 * control_sweep - what root sees in the queue, in pages: behind the last it is
 * known what has gone
 */
json_t *
control_sweep(const struct request *rq)
{
	const json_t *ids = json_object_get(rq->args, "ids"), *item;
	json_t *list = json_array(), *gone = json_array();
	struct search s;
	size_t i;

	if (!json_is_false(json_object_get(rq->args, "first")))
		held_mail_look(rq->now);
	json_array_foreach (ids, i, item) {
		control_append(&list, held_row(rq, item, &s));
		if (!s.found || s.charged || s.returned || s.gone)
			continue;
		held_mail_add(&s.hold);
		near_its_end(rq, &s);
	}
	if (!json_is_false(json_object_get(rq->args, "last")))
		held_mail_sweep(rq->now - SETTLED, add_gone, &gone);
	tell_gone(rq, gone);
	json_decref(gone);
	return json_pack("{s:b, s:o}", "ok", 1, "held", list);
}

/* --- letting go ---------------------------------------------------------- */

/* again - the transaction that was held, as far as the trace has it */
static int
again(const struct request *rq, const struct trace_entry *e, struct txn *t)
{
	txn_begin(t);
	(void)netaddr_parse(e->client, &t->client);
	snprintf(t->login, sizeof(t->login), "%s", e->login);
	mailaddr_canon(&t->sender, e->sender, strlen(e->sender), "");
	snprintf(t->queue_id, sizeof(t->queue_id), "%s", e->queue_id);
	t->submitted = e->login[0] == '\0';
	t->by_id = obj_yes(rq->args, "by_id");
	t->was_held = true;
	t->bytes = e->bytes;
	for (uint64_t i = 0; i < e->recipients; i++)
		if (txn_add(t, i < e->nrcpt ? e->digest[i] : i + 1,
			i < e->external ? WAY_ROUTED : WAY_LOCAL) == -1)
			return -1;
	return 0;
}

/* is_paced - too many left by that smarthost within a minute */
static bool
is_paced(const struct request *rq, struct outcome *o)
{
	const char *by = o->smarthost != NULL ? o->smarthost : "";

	o->again = held_mail_pace(by, rq->conf->release_rate, rq->now);
	if (o->again == 0)
		return false;
	o->verdict = VERDICT_DEFER;
	why_set(&o->why, "At most %u held messages leave in a minute",
	    rq->conf->release_rate);
	return true;
}

static bool
passes(const struct outcome *o)
{
	return o->verdict == VERDICT_PASS || o->verdict == VERDICT_IGNORE;
}

/* charge - spends what it costs; false if it has to wait */
static bool
charge(
    const struct request *rq, const struct trace_entry *hold, struct outcome *o)
{
	const struct desk desk = control_desk(rq);
	struct txn t = { .submitted = false };
	bool passed = false;

	if (again(rq, hold, &t) == 0) {
		meter_explain(&desk, &t, rq->now, o);
		if (passes(o) && !is_paced(rq, o)) {
			meter_charge(&desk, &t, rq->now, o);
			passed = passes(o);
		}
	} else {
		memset(o, 0, sizeof(*o));
		o->verdict = VERDICT_UNAVAILABLE;
	}
	txn_end(&t);
	return passed;
}

/* ends - is it held so long that it goes back to its sender? */
static bool
ends(const struct request *rq, const struct search *s)
{
	if (!obj_yes(rq->args, "due") || obj_yes(rq->args, "by_id") ||
	    rq->conf->hold_keeps || rq->now < s->hold.when + rq->conf->hold_for)
		return false;
	note(rq, &s->hold, "returned", NULL);
	tell(rq, &s->hold, "was held too long and goes back to its sender");
	tally_add(TALLY_RELEASED, "returned", NULL, 1);
	return true;
}

/* let_go - may it leave?  What it says otherwise is in o */
static bool
let_go(const struct request *rq, const struct search *s, struct outcome *o,
    bool *charged_r)
{
	*charged_r = false;
	if (s->charged)
		return true;
	if (charge(rq, &s->hold, o)) {
		note(rq, &s->hold, "released", o);
		tally_add(TALLY_RELEASED, "charged", NULL, 1);
		return *charged_r = true;
	}
	if (!obj_yes(rq->args, "now"))
		return false;
	note(rq, &s->hold, "released", o);
	tell(rq, &s->hold, "let go past the limit, charged to nobody");
	tally_add(TALLY_RELEASED, "uncharged", NULL, 1);
	return true;
}

json_t *
control_release(const struct request *rq)
{
	const char *id = control_arg(rq, "id");
	struct outcome o = { .verdict = VERDICT_PASS };
	struct reply r = { .code = NULL };
	bool charged = false, go = false, returned;
	struct search s;
	struct why why;

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
	returned = s.returned && !s.charged;
	if (!returned)
		go = let_go(rq, &s, &o, &charged);
	if (!go && !returned) {
		verdict_reply(&o, rq->now, rq->conf->zone, &r);
		returned = ends(rq, &s);
	}
	if (go)
		control_log_command(rq, "release", id);
	return json_pack("{s:b, s:o, s:b, s:b, s:b, s:o, s:o, s:o}", "ok", 1,
	    "queue_id", obj_text(id), "release", go, "charged", charged,
	    "return", returned, "who", obj_text(s.hold.who), "again",
	    control_time(rq, go ? 0 : o.again), "text",
	    obj_text(go || returned ? "" : r.text));
}
