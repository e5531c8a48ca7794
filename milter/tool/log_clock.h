/*
 * log_clock.h - the stamps of a log as times: the year that is not written,
 * the hour that comes twice.
 */
#ifndef LOG_CLOCK_H
#define LOG_CLOCK_H

#include "mail_log.h"
#include "timezone.h"

struct log_clock {
	const struct zone *zone;	/* of stamps without an offset */
	int year;		/* of the last stamp without one */
	int month;		/* of the last stamp; 0: none yet */
	int64_t last;		/* ms */
};

/*
 * For a file that was last written at mtime (ms) and begins with that stamp:
 * its year is the latest in which it does not begin after it ended.
 */
void	log_clock_begin(struct log_clock *c, const struct zone *zone,
	    const struct log_stamp *first, int64_t mtime);

/* The time of a stamp, ms; stamps come in the order of the file. */
int64_t	log_clock_at(struct log_clock *c, const struct log_stamp *s);

#endif
