/*
 * meter.h - the desk: a transaction on one side, policy and store on the other.
 *
 * The only place that charges.  Door and tool ask the same questions here, so
 * what `explain` says is what the mail server will hear.
 */
#ifndef METER_H
#define METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "desk.h"
#include "transaction.h"
#include "verdict.h"
#include "why.h"

/*
 * Would the transaction pass as far as it has come?  For RCPT, the recipient
 * in question being the last.  Changes nothing.
 */
void	meter_preview(const struct desk *desk, const struct txn *t, int64_t now,
	    struct outcome *o_r);

/*
 * Spends what the transaction costs, or nothing; chooses the smarthost.  For
 * end of message, once.
 */
void	meter_charge(const struct desk *desk, const struct txn *t, int64_t now,
	    struct outcome *o_r);

/* The same answer as meter_charge would give, and nothing is changed. */
void	meter_explain(const struct desk *desk, const struct txn *t, int64_t now,
	    struct outcome *o_r);

/*
 * Names in the list of blocks that are nobody's: marks of the desk's own.
 * BLOCK_NETWORKS is there for as long as a network is blocked: only then does
 * a message ask for each network that its client may be in.  BLOCK_ACCOUNT and
 * the name of a smarthost: its gate is closed, also after a restart.
 */
#define BLOCK_MARK	'('	/* each begins so */
#define BLOCK_NETWORKS	"(networks)"
#define BLOCK_ACCOUNT	"(smarthost) "

#endif
