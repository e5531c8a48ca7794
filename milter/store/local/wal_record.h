/*
 * record.h - one applied operation as bytes: what the journal remembers.
 *
 * A record holds what was done and when, not what came of it: the same policy
 * run over the same records makes the same counters again.
 *
 * Pure.  Packed by hand, big endian, so that a journal can be read on another
 * machine.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter.h"
#include "quota.h"

enum record_kind { RECORD_CHARGE = 1, RECORD_LOCK, RECORD_RESET, RECORD_GRANT };

struct record_line {
	const char *policy, *key;
	bool observed;			/* charge */
	uint64_t cost[DIM_COUNT];	/* charge; that of DIM_UNIQUE is 0 */
	const uint64_t *rcpt;		/* charge */
	size_t nrcpt;
	int64_t until;			/* lock */
};

struct record {
	enum record_kind kind;
	int64_t now;
	const char *bound, *smarthost;	/* charge: "" if nothing was bound */
	struct grant grant;
	size_t nline;
	struct record_line line[BILL_LINES];
};

/* The bytes written, or 0 if size does not suffice. */
size_t	record_pack(const struct record *rec, uint8_t *dst, size_t size);

/*
 * True if src is one whole record.  Its texts point into src; its digests are
 * written to digest, which has room for len / 8 of them.
 */
bool	record_unpack(struct record *rec_r, const uint8_t *src, size_t len,
	    uint64_t *digest);

#endif
