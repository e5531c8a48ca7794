/*
 * holds.h - the accounts, and the senders of them, that a provider refuses for
 * a while.
 *
 * Told of each outcome, asked before each delivery.  Not guarded: the gate's
 * lock is.
 */
#ifndef HOLDS_H
#define HOLDS_H

#include "desk.h"
#include "hold.h"

struct held;

/* All zero: nobody is held. */
struct holds {
	struct held *first;
	size_t n;
};

void	holds_free(struct holds *h);

/* What the provider said of a delivery. */
struct heard {
	const struct smarthost *sh;
	const char *sender;	/* canonical; "": not known */
	const struct refusal_reply *reply;
	struct settlement under_way; /* leased of the account, not yet sent */
};

/*
 * Shuts what it means, and tells of that once.  True if it means the account,
 * not the message, and the mail should wait for another way instead of going
 * back: then better says so.
 */
bool	holds_heard(struct holds *h, const struct desk *d,
	    const struct heard *heard, int64_t now, struct why *better);

/* The login to sh was refused; said is what is known of that. */
void	holds_no_login(struct holds *h, const struct desk *d,
	    const struct smarthost *sh, const char *said, int64_t now);

/* Mail of that sender left by sh. */
void	holds_delivered(struct holds *h, const struct desk *d,
	    const struct smarthost *sh, const char *sender, int64_t now);

/*
 * Is the account (sender: that sender of it) shut at now?  take: a delivery is
 * about to begin, and is the one that may try.  True and why.
 */
struct hold_question {
	const char *account, *sender;	/* sender: canonical, or "" */
	bool take;
};
bool	holds_shut(struct holds *h, const struct desk *d,
	    const struct hold_question *q, int64_t now, struct why *why);

/* The account's own; NULL if it was never held. */
const struct hold *holds_find(const struct holds *h, const char *account);

/* A person's word on the account, kept over restarts.  STORE_OK, or why: then
 * it holds until the next start. */
enum store_answer holds_by_hand(struct holds *h, const struct desk *d,
	    const char *account, const struct hold_order *order, int64_t now,
	    struct why *why);

/* An account that is open here: did another server of the store shut it? */
void	holds_learn(struct holds *h, const struct desk *d, const char *account,
	    int64_t now);

/* Was its login refused while it was open?  True once each time. */
bool	holds_login_refused(struct holds *h, const char *account);

/* The login was corrected: if it was refused, the next delivery may try. */
void	holds_try_now(struct holds *h, const char *account, int64_t now);

/* At a start: the accounts that were shut when the daemon ended.  STORE_OK, or
 * why it is not known. */
enum store_answer holds_adopt(struct holds *h, const struct desk *d,
	    int64_t now, struct why *why);

#endif
