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

#include "config.h"
#include "store.h"
#include "txn.h"
#include "verdict.h"

/*
 * Would the transaction pass with one recipient more?  For RCPT.  Changes
 * nothing, also not the transaction.
 */
void	meter_preview(const struct config *conf, struct store *store,
	    const struct txn *t, uint64_t digest, bool external, int64_t now,
	    struct outcome *o_r);

/*
 * Spends what the transaction costs, or nothing; chooses the smarthost.  For
 * end of message, once.
 */
void	meter_charge(const struct config *conf, struct store *store,
	    const struct txn *t, int64_t now, struct outcome *o_r);

/* The same answer as meter_charge would give, and nothing is changed. */
void	meter_explain(const struct config *conf, struct store *store,
	    const struct txn *t, int64_t now, struct outcome *o_r);

/*
 * The bill of a transaction under a rule: every counter it touches, with
 * costs.  keys holds the text of the keys and must outlive the bill, as must
 * uniq, which gets the digests of all recipients and then of the external
 * ones (room for 2 * t->nrcpt).
 */
struct bill_keys {
	char text[BILL_LINES][MAILADDR_MAX + 1];
};
void	meter_bill(const struct config *conf, const struct rule *rule,
	    const struct txn *t, int64_t now, struct bill *b_r,
	    struct bill_keys *keys_r, uint64_t *uniq);

/*
 * Where mail of this envelope sender goes: 1 and *sh_r (points into conf), 0
 * if no rule gives it a route, -1 if that could not be known; why says why.
 */
int	meter_route(const struct config *conf, struct store *store,
	    const struct mailaddr *sender, int64_t now,
	    const struct smarthost **sh_r, char *why);

#endif
