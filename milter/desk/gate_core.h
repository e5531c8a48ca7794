/*
 * gate_core.h - what the gate remembers, for the files that are the gate.
 *
 * Not guarded: the gate's lock is.
 */
#ifndef GATE_CORE_H
#define GATE_CORE_H

#include <pthread.h>

#include "breaker.h"
#include "delivery.h"
#include "gate.h"
#include "holds.h"

/* An owner and its delivery. */
struct visitor {
	struct visitor *next;
	bool adopted; /* from before a restart: it may have told already */
	struct delivery delivery;
	char owner[LEASE_OWNER];
};

struct account {
	struct account *next;
	struct breaker breaker;
	struct why why; /* of the last failure */
	char name[STORE_NAME];
};

/* What was taken for one delivery of a message. */
struct taken {
	struct lease lease, sender_lease;
	uint64_t rcpts; /* so far */
	uint64_t first; /* digest of its first recipient */
	int64_t since;
	char process[LEASE_OWNER];
};

/* A message of a mail server that tells no outcome. */
struct message {
	struct message *next;
	struct taken now, before; /* its last delivery, and the one before */
	int64_t when;             /* last asked about */
	char account[STORE_NAME];
	char sender[MAILADDR_MAX + 1];
	char id[LEASE_OWNER];
	/* Whoever is about to log in for it, and where; "": nobody. */
	char asker[LEASE_OWNER], due[STORE_NAME];
};

struct gate {
	pthread_mutex_t lock;
	struct visitor *visitor; /* guarded by lock, each with its list */
	struct message *message; /* guarded by lock */
	struct account *account; /* guarded by lock */
	struct holds holds;	 /* guarded by lock */
};

/*
 * Is the account shut at now, by its breaker or by a hold?  take: a delivery is
 * about to begin, as holds_shut says.  True, and why with the time.
 */
bool	gate_is_shut(const struct desk *d, const char *account, bool take,
	    int64_t now, struct why *why);

/* The owner ended: where it was to log in, and named no recipient, it was
 * refused. */
void	gate_messages_end(const struct desk *d, const char *owner, int64_t now);

/* What the outcome of a delivery says of its account; told when it turns. */
void	gate_learn(const struct desk *d, const struct delivery *del,
	    int64_t now);

#endif
