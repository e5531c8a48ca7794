/*
 * reply.c - what postmeter says, and the one table of its words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "limit.h"
#include "verdict.h"

static const struct words {
	const char *name, *code, *xcode;
} words[] = {
	[VERDICT_IGNORE] = { "ignore", NULL, NULL },
	[VERDICT_PASS] = { "pass", NULL, NULL },
	[VERDICT_DEFER] = { "defer", "450", "4.7.1" },
	[VERDICT_REJECT] = { "reject", "550", "5.7.1" },
	[VERDICT_HOLD] = { "hold", NULL, NULL },
	[VERDICT_TOO_MANY] = { "too-many", "452", "4.5.3" },
	[VERDICT_TOO_LARGE] = { "too-large", "550", "5.7.1" },
	[VERDICT_BLOCKED] = { "blocked", "550", "5.7.1" },
	[VERDICT_NO_RULE] = { "no-rule", "550", "5.7.1" },
	[VERDICT_UNAVAILABLE] = { "unavailable", "451", "4.3.0" },
};

const char *
verdict_name(enum verdict v)
{
	return words[v].name;
}

/* wait_text - "2h 10m": the two largest units of a wait, already rounded up */
static void
wait_text(int64_t seconds, char *dst, size_t size)
{
	long long d = seconds / 86400, h = seconds / 3600 % 24,
		  m = seconds / 60 % 60, s = seconds % 60;

	if (d > 0)
		snprintf(dst, size, "%lldd %lldh", d, h);
	else if (h > 0)
		snprintf(dst, size, "%lldh %lldm", h, m);
	else if (m > 0)
		snprintf(dst, size, s > 0 ? "%lldm %llds" : "%lldm", m, s);
	else
		snprintf(dst, size, "%llds", s);
}

/*
 * A wait of less than ten minutes is told to the second, a longer one to the
 * minute; always the next full one, so nobody is told to come too early.
 */
char *
verdict_time(
    int64_t when, int64_t now, const struct zone *zone, char *dst, size_t size)
{
	int64_t unit = when - now < 10 * MINUTE ? SECOND : MINUTE;
	char clock[40], wait[24];
	struct tm tm;

	when = (when + unit - 1) / unit * unit;
	zone_localtime(zone, when, &tm);
	if (unit == SECOND)
		strftime(clock, sizeof(clock), "%H:%M:%S %z", &tm);
	else if (when - now < DAY)
		strftime(clock, sizeof(clock), "%H:%M %z", &tm);
	else
		strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M %z", &tm);
	wait_text(
	    (when - now + unit - 1) / unit * unit / SECOND, wait, sizeof(wait));
	snprintf(dst, size, "%s (in %s)", clock, wait);
	return dst;
}

/* limit_reply - "Sending limit reached: 500 messages in 24h for a@b; ..." */
static void
limit_reply(const struct outcome *o, int64_t now, const struct zone *zone,
    char *dst, size_t size)
{
	char limit[LIMIT_TEXT], key[128], when[80] = "";
	const char *link = "";
	struct limit told;

	if (o->limit == NULL && o->key[0] == '\0') { /* the cap of a message */
		snprintf(dst, size,
		    "Too many recipients: at most %" PRIu64 " in one message",
		    o->max);
		return;
	}
	if (o->limit == NULL) { /* a lockout */
		snprintf(limit, sizeof(limit), "locked after an excess");
	} else {
		told = *o->limit;
		told.max = o->max;
		limit_text(&told, limit, sizeof(limit));
	}
	if (o->again != 0 && o->again != NEVER) {
		link = "; next at ";
		verdict_time(o->again, now, zone, when, sizeof(when));
	}
	snprintf(dst, size, "Sending limit reached: %s for %s%s%s", limit,
	    escape_str(key, sizeof(key), o->key), link, when);
}

void
verdict_reply(const struct outcome *o, int64_t now, const struct zone *zone,
    struct reply *r_r)
{
	char body[REPLY_TEXT / 2] = "", extra[REPLY_TEXT / 2 - 2];
	const char *text = o->policy != NULL ? o->policy->text : "";

	r_r->code = words[o->verdict].code;
	r_r->xcode = words[o->verdict].xcode;
	r_r->text[0] = '\0';
	switch (o->verdict) {
	case VERDICT_IGNORE:
	case VERDICT_PASS:
		return;
	case VERDICT_DEFER:
	case VERDICT_REJECT:
	case VERDICT_HOLD:
		if (o->why.text[0] != '\0') { /* held mail, in its line */
			escape_str(extra, sizeof(extra), o->key);
			snprintf(body, sizeof(body), "%.120s%s%.100s",
			    o->why.text, extra[0] != '\0' ? " for " : "",
			    extra);
			break;
		}
		limit_reply(o, now, zone, body, sizeof(body));
		break;
	case VERDICT_TOO_MANY:
		snprintf(body, sizeof(body),
		    "Too many recipients: at most %" PRIu64 " in one message",
		    o->max);
		text = "";
		break;
	case VERDICT_TOO_LARGE:
		if (o->limit != NULL) {
			limit_reply(o, now, zone, body, sizeof(body));
			strncat(body, "; this message alone is more",
			    sizeof(body) - strlen(body) - 1);
		} else {
			snprintf(body, sizeof(body),
			    "Too many recipients: at most %" PRIu64
			    " in one message, send it in parts",
			    o->max);
		}
		break;
	case VERDICT_BLOCKED:
		snprintf(body, sizeof(body), "Sending is blocked%s%s",
		    o->why.text[0] != '\0' ? ": " : "",
		    escape_str(extra, sizeof(extra), o->why.text));
		text = "";
		break;
	case VERDICT_NO_RULE:
		snprintf(body, sizeof(body), "No sending rule for this sender");
		text = "";
		break;
	case VERDICT_UNAVAILABLE:
		snprintf(body, sizeof(body),
		    "Mail metering is unavailable, try again later");
		text = "";
		break;
	}
	escape_str(extra, sizeof(extra), text);
	snprintf(r_r->text, sizeof(r_r->text), "%s%s%s", body,
	    extra[0] != '\0' ? ". " : "", extra);
}
