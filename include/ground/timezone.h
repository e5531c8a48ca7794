/*
 * timezone.h - a time zone as plain data, so that days can be computed purely.
 *
 * glibc's zone is hidden state of the whole process.  A zone here is a table
 * of times from which an offset to UTC holds, made once at start.  Calendar
 * periods and local times in replies are then pure functions of it, right
 * across daylight saving (days of 23 and 25 hours, Lord Howe's half hour)
 * and across days that a zone skipped (Apia, 2011-12-30).
 */
#ifndef TIMEZONE_H
#define TIMEZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "why.h"

struct zone;

enum period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH };

/*
 * Makes the table for an IANA name ("Europe/Kyiv", "UTC") for the years 1970
 * to 2099.  Returns NULL if the name is unknown here; *why then says so in
 * words that fit behind a file name and a line (a constant, not to be freed).
 *
 * It borrows the process's TZ while it works (saved and put back), so it must
 * run while nothing else asks glibc for local time: at start.
 */
struct zone *zone_load(const char *name, struct why *why);
void	zone_free(struct zone **zp);

/*
 * From now on zone_load knows only the name loaded last (a reload finds its
 * zone again) and refuses others: threads run, TZ may not be touched.
 */
void	zone_freeze(void);

const char *zone_name(const struct zone *z);

/* Seconds east of UTC that hold at now (ms). */
int32_t	zone_offset(const struct zone *z, int64_t now);

/* now (ms) as local calendar fields, tm_gmtoff included. */
void	zone_localtime(const struct zone *z, int64_t now, struct tm *tm_r);

/*
 * The calendar period that holds now: from *start_r (included) to *end_r
 * (excluded), ms.  A period begins when its first local time is reached
 * for the first time, so clocks put back never open a period twice.  Weeks
 * begin on Monday (ISO 8601).
 */
void	zone_period(const struct zone *z, enum period period, int64_t now,
	    int64_t *start_r, int64_t *end_r);

#endif
