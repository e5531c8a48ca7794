/*
 * lease_table.h - the open leases, in order of id.
 *
 * Ids are sequence numbers of the operations that made them, so a new one
 * always goes to the end of an array and any is found by bisection.  An entry
 * whose lease ended stays until the database has forgotten it too.  The caller
 * holds a lock.
 */
#ifndef LEASE_TABLE_H
#define LEASE_TABLE_H

#include "store.h"

struct lease_table;

struct lease_table *lease_table_new(void); /* NULL: out of memory */
void	lease_table_free(struct lease_table **tp);

/*
 * Keeps a copy of l, whose id is above all others, until that time (ms).
 * stored: the database has it.  -1: out of memory.
 */
int	lease_table_add(struct lease_table *t, const struct lease *l,
	    int64_t until, bool stored);

/* The open lease of that id, if it has not expired. */
bool	lease_table_get(const struct lease_table *t, uint64_t id, int64_t now,
	    struct lease *l_r);

/* The first open lease above that id which has not expired. */
bool	lease_table_next(const struct lease_table *t, uint64_t id, int64_t now,
	    struct lease *l_r);

void	lease_table_end(struct lease_table *t, uint64_t id);

/* Looks at the next two entries in turn and ends those that have expired. */
void	lease_table_sweep(struct lease_table *t, int64_t now);

/* What a flush has to write: a row to put, or (drop) one to remove. */
struct lease_change {
	struct lease lease;
	int64_t until;
	bool drop;
};

/* The first change above that id, which is being written from now on. */
bool	lease_table_flush(struct lease_table *t, uint64_t id,
	    struct lease_change *c_r);

/* What was being written is, or is not, in the database now. */
void	lease_table_flushed(struct lease_table *t, bool written);

#endif
