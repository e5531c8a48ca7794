/*
 * recipient_set.h - how many different recipients inside a window of time, exactly.
 *
 * A table of digests with the time of the last mail to each.  A recipient
 * counts while that time is inside the window.  Space is bounded by the
 * limit in use: the owner gives the remaining, and a full table takes no more.
 *
 * Pure but for its remaining, which recipient_set_reserve allocates beforehand.
 */
#ifndef RECIPIENT_SET_H
#define RECIPIENT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "window.h"

struct recipient_slot {
	uint64_t digest;
	int64_t last;		/* ms; RECIPIENT_SET_FREE marks an empty slot */
};
#define RECIPIENT_SET_FREE INT64_MIN

struct recipient_set {
	struct window_spec spec;
	int64_t end;		/* calendar: of the period in the table */
	int64_t oldest;		/* no entry is older: no need to sweep before */
	int64_t newest;		/* no entry is newer */
	size_t used, size;	/* entries; slots, a power of two or 0 */
	struct recipient_slot *slot;
};

void	recipient_set_init(struct recipient_set *u, const struct window_spec *spec);
void	recipient_set_free(struct recipient_set *u);

/* Makes room for more entries beyond those present.  -1: out of memory. */
int	recipient_set_reserve(struct recipient_set *u, size_t more, int64_t now);

/* How many different recipients count at time now. */
uint64_t recipient_set_used(const struct recipient_set *u, int64_t now);

/* How many of the n digests (no two equal) would be new at time now. */
uint64_t recipient_set_new(const struct recipient_set *u, const uint64_t *digest, size_t n,
	    int64_t now);

/*
 * Forgets who has left, then counts the n digests at time now (or the latest
 * that it knows, if the clock stepped back); room was made before.
 */
void	recipient_set_add(struct recipient_set *u, const uint64_t *digest, size_t n, int64_t now,
	    const struct zone *zone);

/* Puts back an entry read from the disk.  False if it was there, or no room. */
bool	recipient_set_restore(struct recipient_set *u, uint64_t digest, int64_t last);

/*
 * The first time, not before now, at which no more than remaining count beside
 * the n digests: so that these n would fit into remaining + n.
 */
int64_t	recipient_set_fits_at(const struct recipient_set *u, const uint64_t *digest, size_t n,
	    uint64_t remaining, int64_t now);

/*
 * Adds what another one of the same counter knows, whatever its window, each
 * recipient at the later of its two times, as far as it still matters.  -1: out
 * of memory.
 */
int	recipient_set_inherit(struct recipient_set *u, const struct recipient_set *from, int64_t now,
	    const struct zone *zone);

/*
 * Counts in u whom another one of the same form knows, each recipient at the
 * later of its two times.  -1: out of memory.
 */
int	recipient_set_merge(struct recipient_set *u,
	    const struct recipient_set *from, int64_t now);

#endif
