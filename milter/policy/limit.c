/*
 * limit.c - limits as people write them and as they read them.
 *
 * The grammar is small so that nobody has to guess: one way to write a count,
 * one way to write a span, and an answer that shows how when it was missed.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "limit.h"

#define SPAN_MAX (3650 * DAY)

static const struct unit {
	char letter;
	int64_t ms;
} units[] = {
	{ 'd', DAY },
	{ 'h', HOUR },
	{ 'm', MINUTE },
	{ 's', SECOND },
};
#define NUNITS (sizeof(units) / sizeof(units[0]))

static const char *const periods[] = {
	[PERIOD_HOUR] = "hour",
	[PERIOD_DAY] = "day",
	[PERIOD_WEEK] = "week",
	[PERIOD_MONTH] = "month",
};
#define NPERIODS (sizeof(periods) / sizeof(periods[0]))

static const char *const nouns[DIM_COUNT] = {
	[DIM_MESSAGES] = "message",
	[DIM_RECIPIENTS] = "recipient",
	[DIM_UNIQUE] = "different recipient",
	[DIM_BYTES] = "byte",
};

/* Decimal digits from *p on, at least one.  False if too many for 64 bits. */
static bool
take_digits(const char **p, uint64_t *n_r)
{
	uint64_t n = 0;
	const char *s = *p;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
	if (s == *p)
		return false;
	*p = s;
	*n_r = n;
	return true;
}

static uint64_t
multiplier(char c)
{
	switch (c) {
	case 'k':
		return UINT64_C(1000);
	case 'M':
		return UINT64_C(1000000);
	case 'G':
		return UINT64_C(1000000000);
	default:
		return 0;
	}
}

static bool
take_count(const char **p, uint64_t *n_r)
{
	uint64_t m;

	if (!take_digits(p, n_r))
		return false;
	if ((m = multiplier(**p)) == 0)
		return true;
	(*p)++;
	return !__builtin_mul_overflow(*n_r, m, n_r);
}

int
duration_parse(const char *text, int64_t *ms_r, struct why *why)
{
	uint64_t n;
	const char *p = text;

	why_set(
	    why, "want a number and s, m, h or d, such as 30s, 10m, 24h or 7d");
	if (!take_digits(&p, &n))
		return -1;
	if (n == 0 && *p == '\0') {
		*ms_r = 0;
		return 0;
	}
	for (size_t i = 0; i < NUNITS; i++) {
		if (*p != units[i].letter || p[1] != '\0')
			continue;
		if (n > (uint64_t)(SPAN_MAX / units[i].ms)) {
			why_set(why, "too long: want at most 3650d");
			return -1;
		}
		*ms_r = (int64_t)n * units[i].ms;
		return 0;
	}
	return -1;
}

static int
window_parse(const char *text, struct window_spec *w_r, struct why *why)
{
	memset(w_r, 0, sizeof(*w_r));
	for (size_t i = 0; i < NPERIODS; i++)
		if (strcmp(text, periods[i]) == 0) {
			w_r->calendar = true;
			w_r->period = (enum period)i;
			return 0;
		}
	if (duration_parse(text, &w_r->length, why) == -1) {
		why_set(why,
		    "want a window such as 30s, 10m, 24h, 7d, or one of hour, day, week, month");
		return -1;
	}
	if (w_r->length < WINDOW_MIN || w_r->length > WINDOW_MAX) {
		why_set(why, "want a window of at least 1s and at most 31d");
		return -1;
	}
	return 0;
}

int
limit_parse(
    const char *text, enum dimension dim, struct limit *l_r, struct why *why)
{
	const char *p = text;

	memset(l_r, 0, sizeof(*l_r));
	l_r->dim = dim;
	if (!take_count(&p, &l_r->max) || *p != '/') {
		why_set(why, "want COUNT/WINDOW such as 500/24h or 2G/day");
		return -1;
	}
	return window_parse(p + 1, &l_r->window, why);
}

/* A span of 24 hours is not called a day: that would be the calendar's. */
char *
window_spec_text(const struct window_spec *spec, char *dst, size_t size)
{
	const struct unit *u = units;

	if (spec->calendar) {
		snprintf(dst, size, "%s", periods[spec->period]);
		return dst;
	}
	if (spec->length == DAY)
		u++;
	while (u->ms > SECOND && spec->length % u->ms != 0)
		u++;
	snprintf(dst, size, "%" PRId64 "%c", spec->length / u->ms, u->letter);
	return dst;
}

/* 2000000000 bytes read better as 2G. */
static char *
count_text(const struct limit *l, char *dst, size_t size)
{
	static const char letters[] = "GMk";
	uint64_t m;

	for (const char *p = letters; *p != '\0' && l->dim == DIM_BYTES; p++)
		if ((m = multiplier(*p)) <= l->max && l->max % m == 0) {
			snprintf(dst, size, "%" PRIu64 "%c", l->max / m, *p);
			return dst;
		}
	snprintf(dst, size, "%" PRIu64, l->max);
	return dst;
}

char *
limit_text_of(const struct limit *l, const char *noun, char *dst, size_t size)
{
	char count[24], window[24];
	const char *joint = "in";

	if (l->window.calendar)
		joint = l->window.period == PERIOD_HOUR ? "an" : "a";
	snprintf(dst, size, "%s %s%s %s %s",
	    count_text(l, count, sizeof(count)), noun, l->max == 1 ? "" : "s",
	    joint, window_spec_text(&l->window, window, sizeof(window)));
	return dst;
}

char *
limit_text(const struct limit *l, char *dst, size_t size)
{
	return limit_text_of(l, nouns[l->dim], dst, size);
}
