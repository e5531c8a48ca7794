/*
 * mail_events.c - what happened since the last round, by mail.
 *
 * All that needs a person is one mail, however much it is; who comes near a
 * limit is told once a day.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "account_key.h"
#include "clock.h"
#include "mail.h"
#include "mail_message.h"
#include "mailaddr.h"
#include "run_program.h"

#define EVENTS_MOST 2000 /* looked at in a round */
#define LINES_MOST 50    /* in one mail */
#define WARNED_FOR DAY   /* before the same is told again */

/* A warning's numbers, out of its text. */
struct percent {
	unsigned percent;
	char dimension[32];
	unsigned long long used, max;
};

/* NOLINTNEXTLINE(cert-err34-c): what does not fit its place is no warning */
#define READ_PERCENT "%u%% of a limit of %31[a-z-] used: %llu of %llu"

static bool
read_percent(const json_t *e, struct percent *p)
{
	return sscanf(obj_str(e, "text"), READ_PERCENT, &p->percent,
		   p->dimension, &p->used, &p->max) == 4;
}

static int64_t
event_when(const json_t *e)
{
	return obj_num(json_object_get(e, "when"), "ms");
}

/* needs_a_person - is it something that somebody should look at now? */
static bool
needs_a_person(const json_t *e)
{
	const char *kind = obj_str(e, "kind");
	enum account_budget of;

	if (strcmp(kind, "warn") == 0) /* an account near its end */
		return account_key_name(obj_str(e, "key"), &of) != NULL &&
		       of == BUDGET_PROMISED;
	if (strcmp(kind, "block") == 0) /* by ourselves: block-after */
		return strcmp(obj_str(e, "actor"), "postmeter") == 0;
	return strcmp(kind, "lockout") == 0 || strcmp(kind, "gate") == 0 ||
	       strcmp(kind, "release") == 0;
}

/* --- alerts -------------------------------------------------------------- */

static void
put_alert(FILE *out, const json_t *e)
{
	fprintf(out, "%s%s%s%s%s: %s",
	    obj_str(json_object_get(e, "when"), "text"), "  ",
	    obj_str(e, "kind"), obj_str(e, "key")[0] != '\0' ? " of " : "",
	    obj_str(e, "key"), obj_str(e, "text"));
}

/* alert_lines - a line each; first_r gets one of them, without its time */
static char *
alert_lines(const struct mail_round *m, const json_t *alerts, char *first_r,
    size_t size)
{
	char *text = NULL, *more;
	json_t *values, *e;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	json_array_foreach (alerts, i, e) {
		if (i == LINES_MOST)
			break;
		fputs(i > 0 ? "\n" : "", out);
		put_alert(out, e);
	}
	if (json_array_size(alerts) > LINES_MOST) {
		values = json_pack(
		    "{s:i}", "n", (int)(json_array_size(alerts) - LINES_MOST));
		more = mail_text(m, "word.more", values);
		fprintf(out, "\n%s", more);
		free(more);
		json_decref(values);
	}
	e = json_array_get(alerts, 0);
	snprintf(first_r, size, "%s %s: %s", obj_str(e, "kind"),
	    obj_str(e, "key"), obj_str(e, "text"));
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int
mail_alerts(struct mail_round *m, const json_t *alerts, struct why *why)
{
	char first[160], *subject, *text, *lines;
	json_t *values;
	int rc;

	if (json_array_size(alerts) == 0 || m->conf->report_to.n == 0)
		return 0;
	lines = alert_lines(m, alerts, first, sizeof(first));
	values = json_pack(
	    "{s:s, s:s}", "first", first, "list", lines != NULL ? lines : "");
	subject = mail_text(m, "alert.subject", values);
	text = mail_text(m, "alert.text", values);
	rc = mail_to_all(m, subject, text, NULL, why);
	m->alerts += rc == 0 ? json_array_size(alerts) : 0;
	free(subject);
	free(text);
	free(lines);
	json_decref(values);
	return rc;
}

/* run_alerts - on-alert, once for each; whatever it does, mail goes on */
static void
run_alerts(const struct mail_round *m, const json_t *alerts)
{
	const json_t *e;
	struct why why;
	size_t i;

	json_array_foreach (alerts, i, e) {
		const char *const argv[] = { m->conf->on_alert,
			obj_str(e, "kind"), obj_str(e, "policy"),
			obj_str(e, "key"), obj_str(e, "text"), NULL };
		const int code = m->conf->on_alert[0] == '\0' || i == LINES_MOST
				     ? 0
				     : run_program(argv, false, NULL, &why);

		if (code > 0)
			fprintf(stderr, "on-alert: %s ended with %d\n",
			    m->conf->on_alert, code);
		else if (code == -1)
			fprintf(stderr, "on-alert: %s\n", why.text);
	}
}

/* --- warnings ------------------------------------------------------------ */

/*
 * warned_whom - who is told of it, "" if nobody; of warn-to = "sender" only
 * whoever is an address of ours
 */
static const char *
warned_whom(const struct config *conf, const json_t *e)
{
	const struct policy *p = config_policy(conf, obj_str(e, "policy"));
	const char *key = obj_str(e, "key"), *at = strrchr(key, '@');

	if (p == NULL || strcmp(p->warn_to, WARN_SENDER) != 0)
		return p != NULL ? p->warn_to : "";
	return at != NULL && at != key && key[0] != '-' &&
		       config_is_local_domain(conf, at + 1)
		   ? key
		   : "";
}

/* warning_name - what it is remembered as: who, of what, at which percentage */
static void
warning_name(const json_t *e, const struct percent *p, char *dst, size_t size)
{
	snprintf(dst, size, "%s %s %u", obj_str(e, "policy"), obj_str(e, "key"),
	    p->percent);
}

static int
mail_warning(struct mail_round *m, const json_t *e, const char *to,
    const struct percent *p, struct why *why)
{
	char name[48], *dimension, *subject, *text;
	json_t *values;
	int rc;

	snprintf(name, sizeof(name), "word.%s",
	    strstr(p->dimension, "recipients") != NULL ? "recipients"
						       : p->dimension);
	dimension = mail_text(m, name, NULL);
	values = json_pack("{s:s, s:s, s:i, s:I, s:I, s:s}", "key",
	    obj_str(e, "key"), "policy", obj_str(e, "policy"), "percent",
	    (int)p->percent, "used", (json_int_t)p->used, "max",
	    (json_int_t)p->max, "dimension", dimension);
	subject = mail_text(m, "warning.subject", values);
	text = mail_text(m, "warning.text", values);
	rc = mail_message_send(
	    &(struct mail_message){
		.to = to, .subject = subject, .text = text },
	    m->ctl->postfix, why);
	m->warnings += rc == 0;
	free(dimension);
	free(subject);
	free(text);
	json_decref(values);
	return rc;
}

/*
 * mail_warnings - to whoever comes near a limit, once a day.  The others go on
 * if one fails, and that one is tried again.
 */
static int
mail_warnings(
    struct mail_round *m, const json_t *events, json_t *warned, struct why *why)
{
	const json_t *e;
	struct percent p;
	size_t i;
	int rc = 0;

	json_array_foreach (events, i, e) {
		const int64_t when = event_when(e);
		char name[MAILADDR_MAX + 120];
		const char *to;

		if (strcmp(obj_str(e, "kind"), "warn") != 0 ||
		    !read_percent(e, &p))
			continue;
		to = warned_whom(m->conf, e);
		warning_name(e, &p, name, sizeof(name));
		if (to[0] == '\0' || obj_num(warned, name) > when - WARNED_FOR)
			continue;
		if (mail_warning(m, e, to, &p, why) == 0)
			json_object_set_new(warned, name, json_integer(when));
		else
			rc = -1;
	}
	return rc;
}

/* forget_warned - what is older than a day says nothing any more */
static void
forget_warned(json_t *warned, int64_t now)
{
	const char *name;
	json_t *when;
	void *next;

	json_object_foreach_safe(warned, next, name,
	    when) if (json_integer_value(when) < now - 2 * WARNED_FOR)
	    json_object_del(warned, name);
}

/* --- both ---------------------------------------------------------------- */

/* new_events - those behind the last that was told, the oldest first */
static json_t *
new_events(const json_t *answer, int64_t last)
{
	const json_t *all = json_object_get(answer, "events");
	json_t *list = json_array();

	for (size_t i = json_array_size(all); i > 0; i--) {
		json_t *e = json_array_get(all, i - 1);

		if (event_when(e) > last &&
		    strcmp(obj_str(e, "kind"), "refused") != 0)
			json_array_append(list, e);
	}
	return list;
}

/* alerts_of - those behind the last alert that need a person */
static json_t *
alerts_of(const json_t *events, int64_t last)
{
	json_t *list = json_array(), *e;
	size_t i;

	json_array_foreach (events, i, e)
		if (event_when(e) > last && needs_a_person(e))
			json_array_append(list, e);
	return list;
}

/* told_up_to - by alerts ("event") or by warnings ("warning") */
static int64_t
told_up_to(const json_t *state, const char *what)
{
	return obj_num(
	    state, json_object_get(state, what) != NULL ? what : "event");
}

/* mail_events_tell - both kinds, each noted by itself: who cannot be warned
 * delays nothing
 */
static int
mail_events_tell(
    struct mail_round *m, const json_t *events, json_t *state, struct why *why)
{
	const size_t n = json_array_size(events);
	const int64_t newest =
	    n > 0 ? event_when(json_array_get(events, n - 1)) : 0;
	json_t *alerts = alerts_of(events, told_up_to(state, "event"));
	json_t *warned = json_object_get(state, "warned");
	int rc = mail_alerts(m, alerts, why);

	if (!json_is_object(warned)) {
		warned = json_object();
		json_object_set_new(state, "warned", warned);
	}
	if (rc == 0) {
		const int64_t before = told_up_to(state, "warning");

		run_alerts(m, alerts);
		if (n > 0)
			json_object_set_new(
			    state, "event", json_integer(newest));
		rc = mail_warnings(m, events, warned, why);
		json_object_set_new(state, "warning",
		    json_integer(rc == 0 && n > 0 ? newest : before));
		forget_warned(warned, m->now);
	}
	json_decref(alerts);
	return rc;
}

int
mail_events(struct mail_round *m, json_t *state, struct why *why)
{
	const int64_t alerted = told_up_to(state, "event");
	const int64_t warned = told_up_to(state, "warning");
	json_t *request =
	    json_pack("{s:s, s:i}", "command", "events", "n", EVENTS_MOST);
	json_t *answer, *events;
	int rc = -1;

	if (ctl_ask_daemon(m->ctl, request, &answer) == 0) {
		events =
		    new_events(answer, alerted < warned ? alerted : warned);
		rc = mail_events_tell(m, events, state, why);
		json_decref(events);
	} else {
		why_set(why, "%s", obj_str(answer, "error"));
	}
	json_decref(request);
	json_decref(answer);
	return rc;
}
