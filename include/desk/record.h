/*
 * record.h - outcomes and deliveries as entries of the trace.
 */
#ifndef RECORD_H
#define RECORD_H

#include "config.h"
#include "trace.h"
#include "transaction.h"
#include "verdict.h"

/*
 * Notes what the desk concluded and what the mail server is answered.  rcpt is
 * the recipient that was refused, as it came; NULL: it is about the whole.
 * False if mail is to be held and nobody would know why: then it must not be.
 */
bool	record_outcome(const struct config *conf, const struct txn *t,
	    const char *rcpt, const struct outcome *o, const struct reply *r,
	    int64_t now);

/* What became of one try to deliver at an account. */
struct record_delivery {
	const char *id;		/* queue id; "" if the mail server tells none */
	const char *account, *sender;
	uint64_t recipients;	/* that may have left */
	const char *verdict;	/* "sent", "not sent" ... */
	bool failed;		/* it is tried again */
	const char *text;	/* what the provider said, or why */
};

void	record_delivery(const struct config *conf,
	    const struct record_delivery *r, int64_t now);

/* The local day of a time, as 20261125. */
int	record_day(const struct config *conf, int64_t now);

#endif
