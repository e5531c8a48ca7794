/*
 * log_clock.c - the stamps of a log as times.
 *
 * A stamp of RFC 3164 has no year and no offset.  A month that goes back by
 * more than half a year is a new one; an hour that comes twice when clocks are
 * put back is the second one as soon as time would go back otherwise.
 */
#include "clock.h"
#include "log_clock.h"

/* log_clock_days - from 1970-01-01 to a day of the Gregorian calendar */
static int64_t
log_clock_days(int year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243,
		273, 304, 334 };
	const int64_t y = year - 1;
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162 +
	       before[month - 1] + (leap && month > 2) + day - 1;
}

static int64_t
log_clock_plain(int year, const struct log_stamp *s)
{
	return log_clock_days(year, s->month, s->day) * DAY + s->hour * HOUR +
	       s->minute * MINUTE + s->second * SECOND + s->ms;
}

/* local_time - of local time in a zone; not before, if that can be */
static int64_t
local_time(const struct zone *zone, int64_t local, int64_t before)
{
	int64_t at = local - zone_offset(zone, local) * (int64_t)SECOND;

	/* The offset that holds then, not the one that holds at "local". */
	at = local - zone_offset(zone, at) * (int64_t)SECOND;
	/* In an hour that comes twice this is one of both: take what fits. */
	for (int64_t step = -HOUR; step <= HOUR; step += HOUR) {
		const int64_t other = at + step;

		if (other + zone_offset(zone, other) * (int64_t)SECOND ==
			local &&
		    other >= before)
			return other;
	}
	return at;
}

void
log_clock_begin(struct log_clock *c, const struct zone *zone,
    const struct log_stamp *first, int64_t mtime)
{
	struct tm tm;

	*c = (struct log_clock){ .zone = zone };
	zone_localtime(zone, mtime, &tm);
	c->year = tm.tm_year + 1900;
	/* A day of grace: clocks and copies. */
	if (first->year == 0 &&
	    log_clock_plain(c->year, first) -
		    zone_offset(zone, mtime) * (int64_t)SECOND >
		mtime + DAY)
		c->year--;
}

int64_t
log_clock_at(struct log_clock *c, const struct log_stamp *s)
{
	if (s->year != 0 && s->has_offset)
		c->last =
		    log_clock_plain(s->year, s) - s->offset * (int64_t)SECOND;
	else {
		if (s->year == 0 && c->month - s->month > 6)
			c->year++;
		c->month = s->month;
		c->last = local_time(c->zone,
		    log_clock_plain(s->year != 0 ? s->year : c->year, s),
		    c->last - MINUTE);
	}
	return c->last;
}
