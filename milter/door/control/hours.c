/*
 * hours.c - what left by each smarthost in the last 24 hours, hour by hour.
 */
#include <stdio.h>

#include "request.h"
#include "trace.h"

#define HOURS 24

struct strips {
	const struct request *rq;
	int64_t first; /* ms: the beginning of the oldest hour */
	json_t *of;    /* smarthost -> its hours */
};

/* local_hour - as people say it: "14:00" */
static json_t *
local_hour(const struct request *rq, int64_t at)
{
	struct tm tm;
	char text[16];

	zone_localtime(rq->conf->zone, at, &tm);
	snprintf(
	    text, sizeof(text), "%02d:%02d", tm.tm_hour % 100, tm.tm_min % 100);
	return json_string(text);
}

static json_t *
empty_strip(const struct strips *s)
{
	json_t *hours = json_array();

	for (int i = 0; i < HOURS; i++)
		control_append(
		    &hours, json_pack("{s:o, s:o, s:i, s:i, s:i}", "at",
				control_time(s->rq, s->first + i * HOUR),
				"hour", local_hour(s->rq, s->first + i * HOUR),
				"sent", 0, "recipients", 0, "failed", 0));
	return hours;
}

static bool
put_hour(void *arg, const struct trace_hour *h)
{
	struct strips *s = arg;
	json_t *hours = json_object_get(s->of, h->smarthost), *hour;

	if (hours == NULL)
		return true; /* it is in the configuration no more */
	hour = json_array_get(hours, (size_t)((h->hour - s->first) / HOUR));
	json_object_set_new(hour, "sent", control_number(h->sent));
	json_object_set_new(hour, "recipients", control_number(h->recipients));
	json_object_set_new(hour, "failed", control_number(h->failed));
	return true;
}

json_t *
control_hours(const struct request *rq)
{
	struct strips s = { rq, rq->now - rq->now % HOUR - (HOURS - 1) * HOUR,
		json_object() };
	struct trace_stats st;
	struct why why;

	trace_stats(&st);
	if (!st.open)
		return s.of;
	for (size_t i = 0; i < rq->conf->nsmarthost; i++)
		json_object_set_new(
		    s.of, rq->conf->smarthost[i].name, empty_strip(&s));
	if (trace_hours(s.first, put_hour, &s, &why) == -1)
		json_object_clear(s.of); /* not known */
	return s.of;
}
