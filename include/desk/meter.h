/*
 * meter.h - the desk: a transaction on one side, policy and store on the other.
 *
 * The only place that charges.  Door and tool ask the same questions here, so
 * what `explain` says is what the mail server will hear.
 *
 * health tells which smarthosts to prefer; NULL: all are well.
 */
#ifndef METER_H
#define METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "smarthost_health.h"
#include "store.h"
#include "transaction.h"
#include "verdict.h"
#include "why.h"

/*
 * Would the transaction pass as far as it has come?  For RCPT, the recipient
 * in question being the last.  Changes nothing.
 */
void	meter_preview(const struct config *conf, struct store *store,
	    struct health *health, const struct txn *t, int64_t now,
	    struct outcome *o_r);

/*
 * Spends what the transaction costs, or nothing; chooses the smarthost.  For
 * end of message, once.
 */
void	meter_charge(const struct config *conf, struct store *store,
	    struct health *health, const struct txn *t, int64_t now,
	    struct outcome *o_r);

/* The same answer as meter_charge would give, and nothing is changed. */
void	meter_explain(const struct config *conf, struct store *store,
	    struct health *health, const struct txn *t, int64_t now,
	    struct outcome *o_r);

/*
 * The bill of a transaction under a rule: every counter it touches, with
 * costs.  It points into work (the keys) and t (the recipients), which must
 * outlive it.
 */
struct bill_work {
	char key[BILL_LINES][MAILADDR_MAX + 1];
	uint64_t sender;		/* digest, for the cap on new senders */
};
void	meter_bill(const struct config *conf, const struct rule *rule,
	    struct health *health, const struct txn *t, int64_t now, struct bill *b_r,
	    struct bill_work *work_r);

/*
 * The name that is blocked for as long as a network is: only then does a
 * message ask for each network that its client may be in.
 */
#define BLOCK_NETWORKS	"(networks)"

/*
 * Must mail of this sender bear the smarthost's own (envelope-sender) in its
 * place?  A notice (<>) never does.
 */
bool	meter_renames(const struct smarthost *sh,
	    const struct mailaddr *sender);

/*
 * Where mail of this envelope sender goes: 1 and *sh_r (points into conf), 0
 * if no rule gives it a route, -1 if that could not be known; why says why.
 */
int	meter_route(const struct config *conf, struct store *store,
	    struct health *health, const struct mailaddr *sender, int64_t now,
	    const struct smarthost **sh_r, struct why *why);

/*
 * The same for one message of a server that asks by queue id: by the
 * smarthost that its charge chose, whatever became of the rules since.  An id
 * that is not known, as of a split or cloned message, goes by its sender.
 */
int	meter_route_id(const struct config *conf, struct store *store,
	    struct health *health, const char *queue_id,
	    const struct mailaddr *sender, int64_t now,
	    const struct smarthost **sh_r, struct why *why);

#endif
