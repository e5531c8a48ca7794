/*
 * trace.h - what became of each message, and how much each account sent and was
 * refused, for whoever asks afterwards.
 *
 * A file of its own (SQLite) beside the store, on each mail server its own: it
 * holds what was said, never what may be spent, so it may be lost, and it is
 * never in the way of an answer.  trace_note copies an entry into a queue and
 * returns; a thread writes.  Sums by day and hour are complete; of the entries
 * those that come too fast are left out, and that is counted.  The file
 * never grows beyond its size: the oldest entries go, but those of mail that
 * is held stay for a month: nobody else knows why it is.
 *
 * One of a process.  Every function may be called from any thread, also before
 * trace_open and after trace_close: then it does nothing, and finds nothing.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailaddr.h"
#include "why.h"

#define TRACE_NAME	64
#define TRACE_TEXT	544
#define TRACE_RCPTS	100	/* recipients of an entry that can be found */

/*
 * A TRACE_DELIVERY is one try at an account.  It bears no queue_id where the
 * mail server does not tell the gate (Postfix), only sender and account.
 * A message that was held has a TRACE_RELEASE when something became of it; its
 * verdict is "released", "returned", "gone" (not by us), or "warned": its end
 * is near.
 */
enum trace_stage { TRACE_RCPT, TRACE_EOM, TRACE_DELIVERY, TRACE_RELEASE };

/*
 * What is summed of an entry, for its account.  TRACE_FAILED is not taken, as
 * what was refused, but summed nowhere: it is tried again.
 */
enum trace_sum {
	TRACE_NOTHING,
	TRACE_SENT,
	TRACE_REFUSED,
	TRACE_HELD,
	TRACE_FAILED
};

struct trace_entry {
	int64_t when;		/* ms */
	int day;		/* local, as 20261125 */
	enum trace_stage stage;
	enum trace_sum sum;
	char queue_id[TRACE_NAME];
	char who[MAILADDR_MAX + 1];	/* the account: login, sender, client */
	char client[TRACE_NAME];
	char login[MAILADDR_MAX + 1];
	char sender[MAILADDR_MAX + 1];
	char rcpt[MAILADDR_MAX + 1];	/* refused or delivered; "" if none */
	uint64_t recipients, external, bytes;
	size_t nrcpt;
	/* Of recipients (mailaddr_exact), those that leave before the others. */
	uint64_t digest[TRACE_RCPTS];
	char rule[TRACE_NAME];
	char verdict[16];
	char policy[TRACE_NAME];
	char limit[TRACE_NAME];	/* that spoke, in words */
	char key[MAILADDR_MAX + 1];	/* of its counter */
	uint64_t used, max;	/* of that limit, then */
	int64_t again;		/* ms, 0: not said */
	char smarthost[TRACE_NAME];
	char text[TRACE_TEXT];	/* the reply, or why */
};

/*
 * Opens path, made if it is missing.  keep: ms that entries are kept (sums by
 * day are kept 400 days); size: bytes of the file.  0, or -1 and why; then
 * nothing is kept.
 */
int	trace_open(const char *path, int64_t keep, uint64_t size,
	    struct why *why);

/* Writes what is not yet written, ends the thread. */
void	trace_close(void);

void	trace_note(const struct trace_entry *e);

/*
 * Waits until all that was noted can be found, two seconds at most.  False if
 * it was not written by then, or could not be.
 */
bool	trace_settle(void);

struct trace_stats {
	bool open;
	uint64_t noted, dropped;	/* since start; dropped: not kept singly */
	struct why trouble;		/* of the last write; "" if it was good */
};
void	trace_stats(struct trace_stats *st_r);

/* Which entries; what is "" or 0 is no condition. */
struct trace_query {
	char queue_id[TRACE_NAME];
	char who[MAILADDR_MAX + 1];	/* account, login, sender or client */
	uint64_t rcpt;			/* digest */
	int64_t since, until;
	bool refused;			/* only those that were not taken */
	size_t n;			/* at most */
};

/* The newest first; each returns false to stop.  0, or -1 and why. */
typedef bool trace_entry_fn(void *arg, const struct trace_entry *e);
int	trace_find(const struct trace_query *q, trace_entry_fn *each,
	    void *arg, struct why *why);

/* The messages that were held and are not known to have gone, as trace_find. */
int	trace_held(trace_entry_fn *each, void *arg, struct why *why);

struct trace_day {
	int day;
	char who[MAILADDR_MAX + 1];
	uint64_t sent, recipients, bytes, refused, held;
};

/* The days of an account (NULL: each account of each day), newest first. */
typedef bool trace_day_fn(void *arg, const struct trace_day *d);
int	trace_history(const char *who, int since_day, size_t n,
	    trace_day_fn *each, void *arg, struct why *why);

/* What left by a smarthost in one hour, and what it did not take. */
struct trace_hour {
	int64_t hour;			/* ms: its beginning */
	char smarthost[TRACE_NAME];
	uint64_t sent, recipients;	/* messages, and to how many */
	uint64_t failed;		/* deliveries: they are tried again */
};

/*
 * Of all smarthosts since then, in order of both; kept 8 days.  Does not wait
 * for what was noted in the last second.
 */
typedef bool trace_hour_fn(void *arg, const struct trace_hour *h);
int	trace_hours(int64_t since, trace_hour_fn *each, void *arg,
	    struct why *why);

/* The refusals of one account in one hour. */
struct trace_refusals {
	int64_t hour, first, last;	/* ms */
	char who[MAILADDR_MAX + 1];
	char policy[TRACE_NAME];
	char verdict[16];
	uint64_t n;
	char rcpt[MAILADDR_MAX + 1];	/* the last one; "" if none */
	char text[512];			/* of the last one */
};

/* Of who (NULL: of all) since then, the newest hour first. */
typedef bool trace_refusals_fn(void *arg, const struct trace_refusals *r);
int	trace_refusals(const char *who, int64_t since, size_t n,
	    trace_refusals_fn *each, void *arg, struct why *why);

#endif
