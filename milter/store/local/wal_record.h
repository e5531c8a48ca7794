/*
 * wal_record.h - one applied operation as bytes: what the journal remembers.
 *
 * A record holds what was done and when, not what came of it: the same policy
 * run over the same records makes the same counters again.
 *
 * Pure.  Packed by hand, big endian, so that a journal can be read on another
 * machine.
 */
#ifndef WAL_RECORD_H
#define WAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter.h"
#include "quota.h"
#include "store.h"

enum wal_record_kind {
	WAL_CHARGE = 1,
	WAL_LOCK,
	WAL_RESET,
	WAL_GRANT,
	WAL_LEASE,	/* a charge that made a lease: its id is the frame's */
	WAL_SETTLE	/* a lease ended; lines are charged what exceeded it */
};

struct wal_record_line {
	const char *policy, *key;
	/* Of charge, lease and settle: */
	bool observed;
	uint64_t cost[DIM_COUNT];	/* that of DIM_UNIQUE is 0 */
	const uint64_t *rcpt;
	size_t nrcpt;
	int64_t until;			/* lock */
};

struct wal_record {
	enum wal_record_kind kind;
	int64_t now;
	const char *bound, *smarthost;	/* charge: "" if nothing was bound */
	struct grant grant;
	struct lease lease;		/* settle: id and when only */
	int64_t lease_until;		/* lease */
	uint64_t returned[DIM_COUNT];	/* settle: to the buckets of lease.when */
	size_t nline;
	struct wal_record_line line[BILL_LINES];
};

/* The bytes written, or 0 if size does not suffice. */
size_t	wal_record_pack(const struct wal_record *rec, uint8_t *dst, size_t size);

/*
 * True if src is one whole record.  Its texts point into src; its digests are
 * written to digest, which has room for len / 8 of them.
 */
bool	wal_record_unpack(struct wal_record *rec_r, const uint8_t *src, size_t len,
	    uint64_t *digest);

#endif
