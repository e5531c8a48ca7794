/*
 * store.h - where counts live: one contract, several backends.
 *
 * An answer is yes, no, or could-not-know; the last is never taken for one
 * of the others.  The store runs the pure policy (quota.h) over its counters
 * and makes the result last; it gives it no meaning of its own.
 *
 * Every function may be called from any thread.  why, where given, gets one
 * sentence for the log when the answer is STORE_FAILED or STORE_UNCERTAIN.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "quota.h"
#include "why.h"

struct store;

enum store_answer {
	STORE_OK,		/* done; what was asked is in the result */
	STORE_NONE,		/* there is no such thing */
	STORE_FAILED,		/* could not know; nothing was changed */
	STORE_UNCERTAIN		/* could not know; it may have been changed */
};

/* Of what kind a store's refusal to open is; a main says what it ends with. */
enum store_fault {
	STORE_OPENED,
	STORE_DAMAGED,		/* damaged, newer, or not ours */
	STORE_NO_RESOURCES,	/* memory, threads */
	STORE_INACCESSIBLE,	/* a file cannot be created, read or written */
	STORE_BUSY,		/* another daemon holds it */
	STORE_MISCONFIGURED
};

#define STORE_TEXT 160	/* of a block: what its operator said of it */

/* What a store needs of the program that opens it; it outlives the store. */
struct store_env {
	/*
	 * Called, from a thread of the store, when it cannot go on (a failed sync
	 * must not be retried); it gets a sentence and must end the process.
	 */
	void (*fatal)(const char *why);
	/*
	 * Writes the password of that name into dst; its length, or -1: there is
	 * none.  The caller wipes it.  NULL: no store has a password.
	 */
	ssize_t (*password)(const char *secret, char *dst, size_t size);
	int timeout;	/* ms that a charge waits for a server; 0: 200 */
};

/*
 * Opens what conf->store names ("sqlite:PATH", "redis://...", "memory:").
 * Call after privileges are dropped: its files belong to the user.  On failure
 * returns NULL, a sentence in why, and in *fault_r of what kind it is.
 * The store holds conf until it is given another one or closed.
 */
struct store *store_open(const struct config *conf, const struct store_env *env,
	    struct why *why, enum store_fault *fault_r);

/* Writes all that is not yet written, then frees.  No call may be under way. */
void	store_close(struct store **sp);

/* "sqlite", "redis", "memory". */
const char *store_kind(const struct store *s);

/*
 * The one place that spends.  Decides the bill and, if it fits, spends it on
 * all its counters or on none and binds bound (see below; a choice may name
 * another one) to the chosen smarthost, in one step.  A bill that does not
 * fit starts the lockouts of the limits it would pass.  STORE_OK: *d_r holds
 * the decision.
 */
enum store_answer store_charge(struct store *s, const struct bill *bill,
	    const char *bound, struct decision *d_r, struct why *why);

/* The same question, nothing changed. */
enum store_answer store_preview(struct store *s, const struct bill *bill,
	    struct decision *d_r, struct why *why);

/*
 * Bindings: which smarthost a sender's (or a queue id's) mail was given to.
 * smarthost_r holds at least STORE_NAME bytes.
 */
#define STORE_NAME 64
enum store_answer store_bound(struct store *s, const char *bound, int64_t now,
	    char *smarthost_r, struct why *why);

/*
 * Leases: what an exit was given before a delivery and may give back after it.
 * A lease survives restarts and expires with the longest window of its bill.
 */
#define LEASE_OWNER 64
struct lease {
	uint64_t id;		/* made by the store, never 0, never used twice */
	int64_t when;		/* ms: time of the charge, names the buckets */
	char smarthost[STORE_NAME];
	char owner[LEASE_OWNER]; /* who may settle it; the store gives it no meaning */
	char sender[MAILADDR_MAX + 1]; /* "": not known */
	uint64_t messages, recipients, bytes; /* what was charged */
};

/* What really left. */
struct settlement {
	uint64_t messages, recipients, bytes;
};

/*
 * Decides the bill, which offers no choice.  If it fits, spends it and keeps
 * the lease, in one step, in the journal before it returns: lease->id and
 * lease->when are filled in.  A bill that does not fit leaves what a refused
 * charge leaves, and lease->id is 0.
 */
enum store_answer store_lease(struct store *s, const struct bill *bill,
	    struct lease *lease, struct decision *d_r, struct why *why);

/*
 * Ends the lease of that id.  bill holds the same lines, bill->now is the time
 * of settlement; its costs do not matter.  What was leased is given back to the
 * buckets of lease->when, and what left is charged now, limit or not: it left
 * between the two.  STORE_NONE: no such lease, it was settled already or has expired.
 */
enum store_answer store_settle(struct store *s, const struct bill *bill,
	    const struct lease *lease, const struct settlement *left,
	    struct why *why);

/*
 * Calls each for every open lease, the oldest first; each returns false to
 * stop, and may call the store.  One made or settled meanwhile may be missed.
 */
typedef bool store_lease_fn(void *arg, const struct lease *l);
enum store_answer store_leases(struct store *s, store_lease_fn *each,
	    void *arg, struct why *why);

/*
 * Operator's commands.  Each leaves an event.
 * STORE_NONE: nothing to reset, no room for one more grant, no such block.
 */
struct audit {
	int64_t now;
	const char *actor, *text;	/* who, and what he said of it: "" */
};
enum store_answer store_reset(struct store *s, const struct policy *policy,
	    const char *key, const struct audit *by, struct why *why);
enum store_answer store_grant(struct store *s, const struct policy *policy,
	    const char *key, const struct grant *g, const struct audit *by,
	    struct why *why);
/* by->text is what who is told. */
enum store_answer store_block(struct store *s, const char *who, int64_t until,
	    const struct audit *by, struct why *why);
enum store_answer store_unblock(struct store *s, const char *who,
	    const struct audit *by, struct why *why);

/* STORE_OK: who is blocked at now; text_r (STORE_TEXT bytes) says why. */
enum store_answer store_blocked(struct store *s, const char *who, int64_t now,
	    char *text_r, struct why *why);

/* An event to keep for the operator: a warning, a lockout, a command. */
struct store_event {
	int64_t when;
	char kind[16];		/* warn, over, lockout, grant, reset ... */
	char policy[STORE_NAME];
	char key[MAILADDR_MAX + 1];
	char actor[STORE_NAME];	/* "" if the daemon itself */
	char text[200];
};

/*
 * Kept soon, not at once: never blocks a callback.  A full queue drops it and
 * counts that (stats).
 */
void	store_note(struct store *s, const struct store_event *e);

/*
 * A copy of one counter, to be freed with counter_free.  It fits policy (its
 * slots are in the order of policy->limit).  STORE_NONE: never used.
 */
enum store_answer store_read(struct store *s, const struct policy *policy,
	    const char *key, int64_t now, struct counter **c_r, struct why *why);

/*
 * Calls each for every counter that is not idle at now; each returns false to
 * stop.  policy is a name: the counter may be of one that is gone.  Order is
 * not defined; a counter that changes meanwhile may be seen before or after.
 */
typedef bool store_each_fn(void *arg, const char *policy, const char *key,
	    const struct counter *c);
enum store_answer store_walk(struct store *s, int64_t now,
	    store_each_fn *each, void *arg, struct why *why);

/* The newest events first, at most n; key may be NULL for all. */
typedef bool store_event_fn(void *arg, const struct store_event *e);
enum store_answer store_events(struct store *s, const char *key, size_t n,
	    store_event_fn *each, void *arg, struct why *why);

/* The blocks in force at now. */
typedef bool store_block_fn(void *arg, const char *who, int64_t until,
	    const char *text);
enum store_answer store_blocks(struct store *s, int64_t now,
	    store_block_fn *each, void *arg, struct why *why);

struct store_stats {
	uint64_t charged, declined, failed;	/* since start */
	bool has_counters, has_journal;	/* it has those that follow */
	uint64_t counters;		/* in memory */
	uint64_t journal_bytes;		/* not yet flushed */
	uint64_t flushes;		/* completed since start */
	int64_t flushed;		/* ms: when last, 0 never */
	uint64_t events_dropped;
	bool healthy;
	struct why trouble;	/* "" if healthy */
};
void	store_stats(struct store *s, struct store_stats *st_r);

/* After a reload: counters take the form of the new policies when next used. */
void	store_reconfigure(struct store *s, const struct config *conf);

/* Flushes now, and returns when it is done: for a reader of the database. */
enum store_answer store_flush(struct store *s, struct why *why);

#endif
