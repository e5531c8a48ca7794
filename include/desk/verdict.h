/*
 * verdict.h - what postmeter says, as a thought, and the one table of its
 * words.
 *
 * Policy returns a verdict, not SMTP.  Log, tool, JSON and the wire all take
 * their names, codes and texts from here.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailaddr.h"
#include "policy.h"
#include "quota.h"
#include "timezone.h"
#include "why.h"

enum verdict {
	VERDICT_IGNORE,		/* not outgoing: none of our business */
	VERDICT_PASS,
	VERDICT_DEFER,		/* 450 4.7.1 limit */
	VERDICT_REJECT,		/* 550 5.7.1 limit */
	VERDICT_HOLD,		/* accepted, quarantined by the MTA */
	VERDICT_TOO_MANY,	/* 452 4.5.3 recipients of this message */
	VERDICT_TOO_LARGE,	/* 550 5.7.1 can never fit */
	VERDICT_BLOCKED,	/* 550 5.7.1 by the operator */
	VERDICT_NO_RULE,	/* 550 5.7.1 */
	VERDICT_UNAVAILABLE	/* 451 4.3.0 could not know */
};

/* What the desk concluded of a transaction; plain data, safe to keep. */
struct outcome {
	enum verdict verdict;
	const struct policy *policy;	/* that spoke, NULL if none did */
	const struct limit *limit;
	char key[MAILADDR_MAX + 1];	/* of its counter, printable */
	uint64_t used, max;
	int64_t again;			/* ms; NEVER; 0 if it says nothing */
	bool observed;			/* would have been refused, was not */
	bool unmetered;			/* passed by on-store-failure */
	const char *rule;		/* its name, or NULL */
	const char *smarthost;		/* chosen, or NULL */
	struct why why;			/* UNAVAILABLE, BLOCKED: the cause */
};

#define REPLY_TEXT 512

struct reply {
	const char *code;		/* "450"; NULL if mail goes on */
	const char *xcode;		/* "4.7.1" (RFC 3463) */
	char text[REPLY_TEXT];		/* one line of printable ASCII */
};

const char *verdict_name(enum verdict v);

/*
 * The SMTP words for an outcome at time now: times in zone, rounded up, so
 * that a client that waits until the time it is told gets through.
 */
void	verdict_reply(const struct outcome *o, int64_t now,
	    const struct zone *zone, struct reply *r_r);

/* "14:05 +0200 (in 2h 10m)", for replies and the tool. */
char	*verdict_time(int64_t when, int64_t now, const struct zone *zone,
	    char *dst, size_t size);

#endif
