/*
 * bill.h - which counters a transaction touches, and what it costs there.
 *
 * Pure but for one question at the gate, whether it is closed.
 */
#ifndef BILL_H
#define BILL_H

#include "desk.h"
#include "gate.h"
#include "transaction.h"

struct bill_work {
	char key[BILL_LINES][MAILADDR_MAX + 1];
	uint64_t sender;	/* digest, for the cap on new senders */
};

/*
 * The bill of a transaction under a rule.  It points into w (the keys) and t
 * (the recipients), which must outlive it.
 */
void	bill_make(const struct desk *desk, const struct rule *rule,
	    const struct txn *t, int64_t now, struct bill *b_r,
	    struct bill_work *w);

/*
 * This client has made up too many senders: from now on the new ones share
 * one counter, so that inventing more buys nothing.  bill_is_shared: is key
 * that of such a counter?
 */
bool	bill_is_shared(const char *key);
void	bill_share_counter(const struct txn *t, struct bill *b,
	    struct bill_work *w);

/* The policy that caps the recipients of a message to sh; NULL if none does. */
const struct policy *bill_cap(const struct config *conf,
	    const struct smarthost *sh);

/* The client's address under p (NULL: whole), or "localhost". */
void	bill_client_key(const struct txn *t, const struct policy *p,
	    char *dst, size_t size);

/*
 * Has this message a binding of its own?  A notice about a message may bear
 * its id, and goes its own way all the same.
 */
bool	bill_has_id(const char *queue_id, const struct mailaddr *sender);

/*
 * Must mail of this sender bear the smarthost's own (envelope-sender) in its
 * place?  A notice (<>) never does.
 */
bool	bill_renames(const struct smarthost *sh,
	    const struct mailaddr *sender);

#endif
