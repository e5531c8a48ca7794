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

enum wal_record_kind { WAL_CHARGE = 1, WAL_LOCK, WAL_RESET, WAL_GRANT };

struct wal_record_line {
	const char *policy, *key;
	bool observed;			/* charge */
	uint64_t cost[DIM_COUNT];	/* charge; that of DIM_UNIQUE is 0 */
	const uint64_t *rcpt;		/* charge */
	size_t nrcpt;
	int64_t until;			/* lock */
};

struct wal_record {
	enum wal_record_kind kind;
	int64_t now;
	const char *bound, *smarthost;	/* charge: "" if nothing was bound */
	struct grant grant;
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
