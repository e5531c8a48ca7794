/*
 * changes.h - what a message that was charged is changed to: its sender, if
 * the smarthost insists on one, its mark, the way of its recipients.
 *
 * What it needs of the message is kept as the client wrote it.  That belongs to
 * one session; no function locks.
 */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>

#include <libmilter/mfapi.h>

#include "early_route.h"
#include "transaction.h"
#include "verdict.h"

/* All zero: nothing yet. */
struct written {
	char *sender;		/* of MAIL, if the message may be marked */
	char *from;		/* the first From:, as it came */
	unsigned nfrom;
	bool has_reply_to;
	struct early_route *early;
};

void	written_header(struct written *w, const char *name, const char *value);

void	written_forget(struct written *w);

/*
 * Can a message of Sendmail become several: has it more than one recipient, or
 * one that an alias may lead elsewhere?  Then mark_make gives it what its clones
 * and parts bear (sendmail_is_mark), or "" if the kernel has no random bytes;
 * it is charged under that.
 */
bool	mark_is_due(const struct txn *t);
void	mark_make(struct txn *t);

/*
 * At the end of the message.  0; or -1, logged, if the mail server does not let
 * it be changed: it must not be accepted.
 */
int	changes_make(SMFICTX *ctx, const struct config *conf,
	    const struct txn *t, const struct outcome *o,
	    const struct written *w);

#endif
