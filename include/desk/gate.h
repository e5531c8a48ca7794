/*
 * gate.h - an account is metered where its mail leaves.
 *
 * The milter sees what is submitted, the provider counts what is delivered;
 * aliases, lists, forwards, retries, requeued and held mail lie between.  So
 * the exit asks before each delivery, and the credential is the answer: it is
 * handed out only while the account has capacity for one message and as many
 * recipients as a delivery can have.  What is spent here is *sent*, beside what
 * the milter *promised*, under the same policies.
 *
 * A delivery belongs to an owner: a process of the mail server, by its number
 * and start time, for it may reconnect in the middle.  It begins at the door,
 * shows the credential, and is settled by what became of its recipients.  What
 * nobody knows counts as sent.
 *
 * A refusal of the provider's that means the account closes it for as long as
 * the reply or its kind says (refusal.h); meanwhile one message at a time may
 * try.
 *
 * Three outcomes in a row that nobody knows, or three refused logins, close
 * the gate of the account for GATE_PAUSE, then for longer; the next success
 * opens it.
 *
 * Every function may be called from any thread.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "desk.h"
#include "hold.h"
#include "why.h"

#define GATE_PAUSE	(5 * MINUTE)
#define GATE_LONGEST	HOUR
#define GATE_MESSAGE	DAY	/* as long a message without outcome is known */
#define GATE_AGAIN	MINUTE	/* sooner than that nothing comes again */

enum gate_answer {
	GATE_OPEN,
	GATE_SHUT,		/* not now: why and, where known, until when */
	GATE_UNKNOWN		/* could not know: why */
};

struct gate *gate_new(void);		/* NULL: out of memory */
void	gate_free(struct gate **gp);

/* Whose is a lease that the store still holds? */
enum gate_owner { OWNER_ELSEWHERE, OWNER_GONE, OWNER_THERE };
typedef enum gate_owner gate_owner_fn(const char *owner);

/*
 * At start: the accounts that were closed, and the deliveries that were under
 * way when the daemon ended.  An owner that is gone can tell nothing more: what
 * it had counts as sent.  Those of other servers, on a shared store, are left
 * to them.
 */
enum gate_answer gate_adopt(const struct desk *d, gate_owner_fn *owner_is,
	    int64_t now, struct why *why);

/* From time to time: the same for owners that went without a word, such as one
 * that ended while the daemon was away. */
void	gate_sweep(const struct desk *d, gate_owner_fn *owner_is, int64_t now);

/* A delivery to that account begins: a lease on what it may send. */
enum gate_answer gate_begin(const struct desk *d, const char *owner,
	    const struct smarthost *sh, int64_t now, struct why *why);

/*
 * The envelope sender of the delivery under way, as the mail server has it:
 * policies of the account that count each sender are leased here.
 */
void	gate_sender(const struct desk *d, const char *owner,
	    const struct smarthost *sh, const char *sender, int64_t now);

/* May it log in?  A delivery that asked no door is leased here. */
enum gate_answer gate_login(const struct desk *d, const char *owner,
	    const struct smarthost *sh, int64_t now, struct why *why);

/*
 * What became of one recipient: "X.Y.Z reason".  True if better says it better
 * than the mail server: why the gate was shut.
 */
bool	gate_status(const struct desk *d, const char *owner,
	    const struct smarthost *sh, const char *text, int64_t now,
	    struct why *better);

/* The owner is gone, or idle: its delivery has ended. */
void	gate_end(const struct desk *d, const char *owner, int64_t now);

/*
 * A mail server that names the message and tells no outcome (Sendmail) asks
 * gate_message when a delivery logs in, then gate_recipient before each of its
 * recipients, the first included: one message and as many recipients count as
 * sent.  A delivery that had one recipient did not leave if the next one of
 * the message begins with the same, in another process and not before
 * GATE_AGAIN: it is given back.  Anything else can be a double.
 *
 * Before all that it asks gate_login_due.  The first recipient proves that the
 * login was taken.  A process to which a login was due and that asks about
 * another message first, or ends, was refused; so it is, with nothing left to
 * guess, where gate_no_login says so.  Then the account is held as after any
 * refused login (hold.h): a mail server that goes on without one may be told to
 * return the mail.
 */
struct gate_rcpt {
	const char *id;
	const char *sender;	/* canonical, "" for none */
	const char *process;	/* who delivers: as an owner is written */
	uint64_t digest;	/* of the recipient; for gate_recipient */
};
enum gate_answer gate_login_due(const struct desk *d,
	    const struct gate_rcpt *r, const struct smarthost *sh, int64_t now,
	    struct why *why);
enum gate_answer gate_message(const struct desk *d, const struct gate_rcpt *r,
	    const struct smarthost *sh, int64_t now, struct why *why);
enum gate_answer gate_recipient(const struct desk *d,
	    const struct gate_rcpt *r, const struct smarthost *sh, int64_t now,
	    struct why *why);
void	gate_login_withheld(const struct desk *d, const struct gate_rcpt *r,
	    int64_t now);	/* by us: that proves nothing */
void	gate_no_login(const struct desk *d, const struct gate_rcpt *r,
	    const struct smarthost *sh, int64_t now);

/*
 * What a provider said of such a message, as the mail server's log has it:
 * "550 5.4.5 words".  It can close a gate and do nothing else.  False if it is
 * no refusal, or of no message that was given to an account.
 */
bool	gate_refused(const struct desk *d, const char *id, const char *said,
	    int64_t now);

/* Has the owner a delivery under way that may still tell something? */
bool	gate_is_busy(struct gate *g, const char *owner);

/* Is the account's gate closed, for that sender ("": whoever)?  A question. */
bool	gate_is_closed(const struct desk *d, const struct smarthost *sh,
	    const char *sender, int64_t now);

/*
 * What keeps the account from taking one more delivery now, of that sender: a
 * closed gate, or a limit of its own that is used up.  False: nothing does.  A
 * question: it leases nothing.
 */
bool	gate_preview(const struct desk *d, const struct smarthost *sh,
	    const char *sender, int64_t now, struct why *why);

struct gate_report {
	bool closed;
	int64_t until;		/* ms; 0 if it is open */
	unsigned leases;	/* deliveries under way */
	enum refusal_class class; /* what the provider refuses; else none */
	struct why why;		/* why it was closed */
};
void	gate_report(struct gate *g, const char *account, int64_t now,
	    struct gate_report *r_r);

/*
 * A person closes an account or opens it, whoever closed it; that outlives a
 * restart.  STORE_OK, or why: then it holds until the next start only.
 */
enum store_answer gate_by_hand(const struct desk *d, const char *account,
	    const struct hold_order *order, int64_t now, struct why *why);

/*
 * Was the account's login refused while its gate was open?  True once each
 * time: a token can end before its time, and a new one may do.
 */
bool	gate_login_refused(struct gate *g, const char *account);

/*
 * The account's password or token is another one, or may be: if its login was
 * refused, the next delivery may try at once.
 */
void	gate_try_now(struct gate *g, const char *account, int64_t now);

#endif
