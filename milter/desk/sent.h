/*
 * sent.h - the counters of what an account sent, and its senders: leased before
 * a delivery, settled behind it.
 *
 * No state but the store's.  Every function may be called from any thread.
 */
#ifndef SENT_H
#define SENT_H

#include "desk.h"
#include "gate.h"
#include "store.h"

/*
 * A lease for its owner of as much as *lease says, if the account (sender not
 * NULL: that sender of it) has the capacity; else GATE_SHUT and why.  An account
 * without such a policy is open, and lease->id 0.  With on-store-failure =
 * accept a store that cannot answer leases nothing and stops nobody.
 */
enum gate_answer sent_take(const struct desk *d, const struct smarthost *sh,
	    const char *sender, int64_t now, struct lease *lease,
	    struct why *why);

/*
 * What left, of a lease, or without one (lease->id 0): then all of it is
 * charged now.
 */
void	sent_settle(const struct desk *d, const struct smarthost *sh,
	    const char *sender, const struct lease *lease,
	    const struct settlement *left, int64_t now);

/*
 * Adds to *b the lines of what an account (sender NULL) sent, or that it keeps
 * for that sender, at that cost; how many.  Their keys are written to key, by
 * the lines' indexes.
 */
size_t	sent_lines(const struct config *conf, const struct smarthost *sh,
	    const char *sender, const struct settlement *cost, struct bill *b,
	    char key[BILL_LINES][MAILADDR_MAX + 1]);

/*
 * Has the account no capacity for one more delivery?  Then why says of which
 * limit.  A question; a store that does not answer is no reason to look
 * elsewhere.
 */
bool	sent_is_full(const struct desk *d, const struct smarthost *sh,
	    int64_t now, struct why *why);

/*
 * What the account sent in its limit of about that span (ms), in words: "397 of
 * our 500 messages in 24h"; what is under way is not yet sent.  False: it has
 * no such limit.
 */
bool	sent_count(const struct desk *d, const struct smarthost *sh,
	    int64_t span, const struct settlement *under_way, int64_t now,
	    struct why *count);

#endif
