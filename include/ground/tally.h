/*
 * tally.h - how often each thing happened since the start, for whoever
 * watches.
 *
 * A series is a kind and at most two labels.  Labels are names from the
 * configuration, words of this code or answers of a protocol, never a sender
 * or another thing that a client can make up: so there are few.  What exceeds
 * TALLY_SERIES all the same is counted under the label "other".
 *
 * Every function may be called from any thread.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>
#include <stdint.h>

#define TALLY_SERIES	4096
#define TALLY_LABEL	80	/* bytes, NUL included; a longer one is cut */

enum tally {
	TALLY_MESSAGES,		/* verdict, rule: judged at end of message */
	TALLY_RECIPIENTS,	/* scope: of accepted messages */
	TALLY_BYTES,		/* of accepted messages */
	TALLY_RCPT_REFUSED,	/* reason: at RCPT */
	TALLY_OBSERVED,		/* policy: would have been refused */
	TALLY_UNMETERED,	/* accepted with the store out */
	TALLY_LIMIT_HITS,	/* policy, limit: said no, at either stage */
	TALLY_LOCKOUTS,		/* policy */
	TALLY_WARNINGS,		/* policy, percent */
	TALLY_SMARTHOST,	/* smarthost: chosen for a message */
	TALLY_FAILOVERS,	/* route: not its first smarthost */
	TALLY_PROBES_FAILED,	/* smarthost */
	TALLY_REFUSALS,		/* smarthost, class: by the provider */
	TALLY_LOOKUPS,		/* map, answer */
	TALLY_AUTH_REFUSED,	/* a credential, to a peer who may not ask */
	TALLY_CONTROL,		/* command, result */
	TALLY_ADMIN,		/* command, door */
	TALLY_RELOADS,		/* result */
	TALLY_RELEASED,		/* result: mail that was held */
	TALLY_NOTICES,		/* result: mails to people */
	TALLY_KINDS
};

/* n more; a and b may be NULL. */
void	tally_add(enum tally kind, const char *a, const char *b, uint64_t n);

/* Each series once, in the order in which they came up. */
typedef void tally_each_fn(void *arg, enum tally kind, const char *a,
	    const char *b, uint64_t n);
void	tally_walk(tally_each_fn *each, void *arg);

/* The sum over all series of a kind (a: NULL for any first label). */
uint64_t tally_sum(enum tally kind, const char *a);

/* --- how long answers took ------------------------------------------------ */

enum tally_stage { TALLY_RCPT, TALLY_EOM, TALLY_STAGES };

#define TALLY_BOUNDS	9
extern const double tally_bound[TALLY_BOUNDS];	/* seconds, ascending */

struct tally_times {
	uint64_t count[TALLY_BOUNDS + 1]; /* up to each bound; the rest */
	double sum;			/* seconds */
};

/* A clock in microseconds that never steps, for tally_took. */
int64_t	tally_clock(void);

/* Notes what began at since (of tally_clock).  Returns how long it took, us. */
int64_t	tally_took(enum tally_stage stage, int64_t since);

void	tally_times(enum tally_stage stage, struct tally_times *t_r);

#endif
