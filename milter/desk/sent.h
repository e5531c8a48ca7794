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
 * If one more delivery of the account does not fit, *c_r becomes full, and says
 * of which limit.  A question; a store that does not answer leaves *c_r alone.
 */
void	sent_preview(const struct desk *d, const struct smarthost *sh,
	    int64_t now, struct gate_capacity *c_r);

/*
 * What the account sent in its limit of about that span (ms), in words: "397 of
 * our 500 messages in 24h"; what is under way is not yet sent.  False: it has
 * no such limit.
 */
bool	sent_count(const struct desk *d, const struct smarthost *sh,
	    int64_t span, const struct settlement *under_way, int64_t now,
	    struct why *count);

/* Which limit is used up, and when it is not. */
void	sent_words(const struct config *conf, const char *account,
	    const struct gate_capacity *c, int64_t now, struct why *why);

#endif
