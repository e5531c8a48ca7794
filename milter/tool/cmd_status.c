/*
 * cmd_status.c - `postmeterctl status`, and --nagios: the same as a plugin of
 * Nagios, Icinga and their kind.
 *
 * A plugin answers in one line, "TEXT | perfdata", and with 0, 1, 2 or 3 for
 * good, warning, critical and not known: the exit codes of the tool must not
 * be taken for those.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "tool.h"

#define PATIENCE 10 /* seconds: below what monitors wait */

enum state { OK, WARNING, CRITICAL, UNKNOWN };

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* "[@]LOW:HIGH": an alarm outside of it, with @ inside of it. */
struct range {
	double low, high;
	bool inside;
};

/* range_parse - "80", "10:", "~:10", "10:20", "@10:20"; false if it is none */
static bool
range_parse(const char *text, struct range *r)
{
	const char *colon;
	char *end;

	r->inside = text[0] == '@';
	text += r->inside;
	colon = strchr(text, ':');
	r->low = 0;
	r->high = HUGE_VAL;
	if (colon != NULL) {
		if (text[0] == '~' && text + 1 == colon)
			r->low = -HUGE_VAL;
		else {
			r->low = strtod(text, &end);
			if (end != colon || end == text)
				return false;
		}
		text = colon + 1;
		if (text[0] == '\0')
			return true;
	}
	r->high = strtod(text, &end);
	return end != text && *end == '\0' && r->low <= r->high;
}

static bool
alarms(const struct range *r, double value)
{
	return (value < r->low || value > r->high) != r->inside;
}

/* What was seen, the worst of it in state. */
struct look {
	struct range warning, critical;
	const char *range_text[2];
	enum state state;
	char text[800], perf[1200];
	size_t ntext, nperf;
};

static void status_say(struct look *l, enum state state, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* status_say - something that is worth a word; the worst word counts */
static void
status_say(struct look *l, enum state state, const char *fmt, ...)
{
	va_list ap;

	if (state > l->state)
		l->state = state;
	if (l->ntext + 3 >= sizeof(l->text))
		return;
	if (l->ntext > 0) {
		memcpy(l->text + l->ntext, ", ", 3);
		l->ntext += 2;
	}
	va_start(ap, fmt);
	vsnprintf(l->text + l->ntext, sizeof(l->text) - l->ntext, fmt, ap);
	va_end(ap);
	l->ntext += strlen(l->text + l->ntext);
}

/* measured - a value for whoever draws curves */
static void
measured(struct look *l, const char *label, double value, const char *tail)
{
	const int n = snprintf(l->perf + l->nperf, sizeof(l->perf) - l->nperf,
	    "%s'%s'=%.15g%s", l->nperf > 0 ? " " : "", label, value, tail);

	if (n > 0 && (size_t)n < sizeof(l->perf) - l->nperf)
		l->nperf += (size_t)n;
	l->perf[l->nperf] = '\0';
}

/* samples - those of a family in the answer to "metrics" */
static const json_t *
samples(const json_t *metrics, const char *name)
{
	const json_t *family;
	size_t i;

	json_array_foreach (json_object_get(metrics, "families"), i, family)
		if (strcmp(obj_str(family, "name"), name) == 0)
			return json_object_get(family, "samples");
	return NULL;
}

/* sum - over the samples whose label has that value (NULL: all) */
static double
sum(const json_t *metrics, const char *name, const char *label,
    const char *value)
{
	const json_t *s;
	double total = 0;
	size_t i;

	json_array_foreach (samples(metrics, name), i, s)
		if (label == NULL ||
		    strcmp(obj_str(json_object_get(s, "labels"), label),
			value) == 0)
			total += json_number_value(json_object_get(s, "value"));
	return total;
}

static void
look_at_accounts(struct look *l, const json_t *metrics)
{
	const json_t *s;
	size_t i;

	json_array_foreach (
	    samples(metrics, "postmeter_account_used_ratio"), i, s) {
		const json_t *labels = json_object_get(s, "labels");
		const double percent =
		    100 * json_number_value(json_object_get(s, "value"));
		const char *name = obj_str(labels, "smarthost");
		char label[160], tail[64];

		if (alarms(&l->critical, percent))
			status_say(l, CRITICAL, "%s: %.0f%% of %s", name,
			    percent, obj_str(labels, "limit"));
		else if (alarms(&l->warning, percent))
			status_say(l, WARNING, "%s: %.0f%% of %s", name,
			    percent, obj_str(labels, "limit"));
		snprintf(label, sizeof(label), "%s %s %s", name,
		    obj_str(labels, "budget"), obj_str(labels, "limit"));
		snprintf(tail, sizeof(tail), "%%;%s;%s;0;100", l->range_text[0],
		    l->range_text[1]);
		measured(l, label, (double)(long long)(percent + .5), tail);
	}
	json_array_foreach (
	    samples(
		metrics, "postmeter_account_locked_until_timestamp_seconds"),
	    i, s)
		if (json_number_value(json_object_get(s, "value")) > 0)
			status_say(l, CRITICAL, "%s is locked out",
			    obj_str(json_object_get(s, "labels"), "smarthost"));
}

static void
look_at_smarthosts(struct look *l, const json_t *metrics)
{
	const json_t *list = samples(metrics, "postmeter_smarthost_up"), *s;
	size_t i, down = 0;

	json_array_foreach (list, i, s)
		down += json_number_value(json_object_get(s, "value")) == 0;
	json_array_foreach (list, i, s)
		if (json_number_value(json_object_get(s, "value")) == 0)
			status_say(l,
			    down == json_array_size(list) ? CRITICAL : WARNING,
			    "%s is unhealthy",
			    obj_str(json_object_get(s, "labels"), "smarthost"));
}

static void
look_at_all(struct look *l, const json_t *metrics)
{
	const double waiting = sum(metrics, "postmeter_keys", "band", "full");
	const double refused = sum(metrics, "postmeter_rcpt_refused", NULL, "");
	const double unmetered =
	    sum(metrics, "postmeter_unmetered_messages", NULL, "");
	const double held = sum(metrics, "postmeter_held_messages", NULL, "");
	const double age =
	    sum(metrics, "postmeter_held_oldest_age_seconds", NULL, "");

	if (sum(metrics, "postmeter_store_healthy", NULL, "") == 0)
		status_say(l, CRITICAL, "the store is unhealthy");
	look_at_accounts(l, metrics);
	look_at_smarthosts(l, metrics);
	if (age > 86400)
		status_say(
		    l, WARNING, "mail is held since %.0f hours", age / 3600);
	if (waiting > 0)
		status_say(l, OK, "%.0f senders have to wait", waiting);
	if (held > 0)
		status_say(l, OK, "%.0f messages are held", held);
	if (sum(metrics, "postmeter_observing", NULL, "") > 0)
		status_say(l, OK, "observing: nothing is refused");
	measured(l, "waiting", waiting, ";;;0");
	measured(l, "held", held, ";;;0");
	measured(l, "held_age", age, "s;86400;;0");
	measured(l, "refused", refused, "c;;;0");
	measured(l, "unmetered", unmetered, "c;;;0");
}

/* nagios - {"ok":true, "plugin":LINE}; returns the state that LINE is of */
static int
nagios(const struct ctl *ctl, json_t **answer_r)
{
	struct look l = { .range_text = { ctl->warning, ctl->critical } };
	json_t *request, *metrics = NULL;
	int code;

	alarm(PATIENCE);
	for (int i = 0; i < 2; i++)
		if (l.range_text[i] == NULL)
			l.range_text[i] = i == 0 ? "80" : "95";
	if (!range_parse(l.range_text[0], &l.warning) ||
	    !range_parse(l.range_text[1], &l.critical)) {
		status_say(&l, UNKNOWN,
		    "-w and -c want a range of percent, such as 80 or @10:20");
	} else {
		request = json_pack("{s:s}", "command", "metrics");
		code = ctl_ask_daemon(ctl, request, &metrics);
		json_decref(request);
		if (code == EX_OK)
			look_at_all(&l, metrics);
		else
			status_say(&l,
			    code == EX_UNAVAILABLE ? CRITICAL : UNKNOWN, "%s",
			    obj_str(metrics, "error"));
		json_decref(metrics);
	}
	for (char *p = l.text; *p != '\0'; p++)
		if (*p == '|' || *p == '\n') /* ends the text */
			*p = ' ';
	*answer_r = json_pack("{s:b, s:o}", "ok", 1, "plugin",
	    json_sprintf("POSTMETER %s - %s%s%s", words[l.state],
		l.ntext > 0 ? l.text : "all is well", l.nperf > 0 ? " | " : "",
		l.perf));
	return (int)l.state;
}

int
ctl_status(const struct ctl *ctl, json_t **answer_r)
{
	json_t *request;
	int code;

	if (ctl->nagios)
		return nagios(ctl, answer_r);
	request = json_pack("{s:s}", "command", "status");
	code = ctl_ask_daemon(ctl, request, answer_r);
	json_decref(request);
	return code;
}
