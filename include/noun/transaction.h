/*
 * transaction.h - one mail transaction, as the mail server told it.
 *
 * Filled by the milter door in the order of SMTP, read by match and meter.
 * Each accepted recipient counts: two RCPT commands are two copies at the
 * provider, however alike they look.  Only for unique-recipients is the same
 * address one.
 */
#ifndef TRANSACTION_H
#define TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailaddr.h"
#include "netaddr.h"

#define TXN_QUEUE_ID 64
#define TXN_MARK 36

/* Where a recipient's mail goes; each way includes those before it. */
enum txn_way {
	WAY_LOCAL,		/* stays in the office */
	WAY_EXTERNAL,		/* leaves it */
	WAY_ROUTED,		/* ... by a smarthost, if a rule names one */
	TXN_WAYS
};

/* Recipients that go at least so far. */
struct txn_rcpts {
	size_t count;		/* accepted, doubles included */
	size_t n, capacity;
	uint64_t *digest;	/* n of them: sorted, no two equal */
};

struct txn {
	struct netaddr client;		/* len 0: not known */
	char login[MAILADDR_MAX + 1];	/* canonical; "" if not logged in */
	struct mailaddr sender;		/* envelope sender, canonical */
	bool submitted;			/* handed in by sendmail(1) */
	bool relayed;			/* a stranger's that leaves the office */
	char queue_id[TXN_QUEUE_ID];	/* "" until the MTA tells it */
	bool by_id;			/* the MTA asks for routes by that */
	char mark[TXN_MARK];		/* what it and its clones bear, or "" */
	bool was_held;			/* and asks again: nobody is before it */
	uint64_t bytes;			/* of header and body: what MAIL's SIZE= */
					/* declared, at end of message as seen */
	struct txn_rcpts rcpts[TXN_WAYS];
	/* What txn_undo takes back: how far it went, where it was new. */
	enum txn_way last_way;
	uint64_t last;
	bool last_was_new[TXN_WAYS];
};

/* Starts over for the next message of the connection; client stays. */
void	txn_begin(struct txn *t);

/* Frees what the recipients took. */
void	txn_end(struct txn *t);

/*
 * Notes a recipient by the digest of its exact address.  -1: out of memory,
 * and nothing was noted.
 */
int	txn_add(struct txn *t, uint64_t digest, enum txn_way way);

/* Takes the last txn_add back: it was refused.  Once after each. */
void	txn_undo(struct txn *t);

/* How many recipients go at least so far, doubles included. */
size_t	txn_count(const struct txn *t, enum txn_way way);

#endif
