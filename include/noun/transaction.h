/*
 * transaction.h - one mail transaction, as the mail server told it.
 *
 * Filled by the milter door in the order of SMTP, read by match and meter.
 * A recipient costs 16 bytes, so 10,000 of them are no matter.
 */
#ifndef TRANSACTION_H
#define TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailaddr.h"
#include "netaddr.h"

#define TXN_QUEUE_ID 64

struct txn_rcpt {
	uint64_t digest;	/* of the canonical address, tags kept */
	bool external;
};

struct txn {
	struct netaddr client;		/* len 0: not known */
	char login[MAILADDR_MAX + 1];	/* canonical; "" if not logged in */
	struct mailaddr sender;		/* envelope sender, canonical */
	bool submitted;			/* handed in by sendmail(1) */
	char queue_id[TXN_QUEUE_ID];	/* "" until the MTA tells it */
	bool by_id;			/* the MTA asks for routes by that */
	uint64_t bytes;			/* of header and body, as far as seen */
	struct txn_rcpt *rcpt;		/* no two with the same digest */
	size_t nrcpt, room;
	size_t nexternal;
};

/* Starts over for the next message of the connection; client stays. */
void	txn_begin(struct txn *t);

/* Frees what the recipients took. */
void	txn_end(struct txn *t);

/*
 * Notes an accepted recipient.  The same one twice is one.  -1: out of memory.
 */
int	txn_add(struct txn *t, uint64_t digest, bool external);

/* True if the recipient is among those noted. */
bool	txn_has(const struct txn *t, uint64_t digest);

#endif
