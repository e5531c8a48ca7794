/*
 * lease.c - leases of the embedded store: when they end, who sees them, how
 * they get into the database and back.
 *
 * What makes and settles one is a charge, and is done there (charge.c).
 */
#include "core.h"

enum store_answer
local_leases(struct store *s, store_lease_fn *each, void *arg, struct why *why)
{
	struct local *l = (struct local *)s;
	struct lease lease = { 0 };
	bool more = true;

	(void)why;
	while (more) {
		pthread_mutex_lock(&l->lock);
		more = lease_table_next(
		    l->lease, lease.id, l->time.highest, &lease);
		pthread_mutex_unlock(&l->lock);
		more = more && each(arg, &lease);
	}
	return STORE_OK;
}

static bool
load_lease(void *arg, const struct lease *l, int64_t until)
{
	return lease_table_add(((struct local *)arg)->lease, l, until, true) ==
	       0;
}

enum store_answer
local_load_leases(struct local *l, struct why *why)
{
	enum store_answer a = db_leases(l->db, load_lease, l, why);

	if (a == STORE_NONE)
		why_set(why, "out of memory");
	return a == STORE_OK ? STORE_OK : STORE_FAILED;
}

enum store_answer
local_flush_leases(struct local *l, struct why *why)
{
	struct lease_change c = { 0 };
	enum store_answer a = STORE_OK;
	bool more = true;

	while (more && a == STORE_OK) {
		pthread_mutex_lock(&l->lock);
		more = lease_table_flush(l->lease, c.lease.id, &c);
		pthread_mutex_unlock(&l->lock);
		if (!more)
			break;
		a = c.drop ? db_drop_lease(l->db, c.lease.id, why)
			   : db_put_lease(l->db, &c.lease, c.until, why);
	}
	return a;
}
