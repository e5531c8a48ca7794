/*
 * core.c - what the operations of the embedded store stand on: an item is
 * found, its counter opened, an operation journaled, an item changed.
 */
#include <stdlib.h>
#include <string.h>

#include "big_endian.h"
#include "core.h"

/* Items that are evicted in one step, so that no charge waits for many. */
#define EVICT_STEP 8

/* A counter that knows more recipients than this stays unpacked. */
#define PACKED_RECIPIENTS 64

/* --- items ---------------------------------------------------------------- */

static enum store_answer
read_row(struct local *l, const char *policy, const char *key, struct row *row,
    struct why *why)
{
	if (policy[0] == '\0')
		return db_binding(l->db, key, row, why);
	return db_counter(l->db, policy, key, row, why);
}

/* A row becomes an item. */
static enum store_answer
core_adopt(struct local *l, const char *policy, const char *key,
    struct row *row, struct item **i_r, struct why *why)
{
	*i_r = cache_add(l->table, policy, key);
	if (*i_r != NULL && policy[0] == '\0' &&
	    !local_bind(l, *i_r, row->smarthost, row->updated)) {
		cache_remove(l->table, *i_r);
		*i_r = NULL;
	}
	if (*i_r == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	(*i_r)->seq = row->seq;
	if (policy[0] != '\0') {
		cache_set_bytes(l->table, *i_r, row->bytes, row->len);
		row->bytes = NULL;
	}
	return STORE_OK;
}

enum store_answer
local_fetch(struct local *l, const char *policy, const char *key, bool hold,
    struct item **i_r, struct why *why)
{
	enum store_answer a = STORE_NONE;
	uint64_t generation;
	struct row row;

	if ((*i_r = cache_find(l->table, policy, key)) != NULL)
		return STORE_OK;
	/* With the lock: whoever evicts says so under it. */
	if (l->db == NULL || (l->was_empty && cache_is_complete(l->table)) ||
	    cache_is_absent(l->table, policy, key))
		return STORE_NONE;
	if (!hold) {
		generation = cache_generation(l->table, policy, key);
		pthread_mutex_unlock(&l->lock);
		a = read_row(l, policy, key, &row, why);
		pthread_mutex_lock(&l->lock);
		*i_r = cache_find(l->table, policy, key);
		hold = cache_generation(l->table, policy, key) != generation;
		if (*i_r == NULL && hold)
			row_free(&row);
	}
	if (*i_r == NULL && hold)
		a = read_row(l, policy, key, &row, why);
	if (*i_r != NULL)
		a = STORE_OK;
	else if (a == STORE_OK)
		a = core_adopt(l, policy, key, &row, i_r, why);
	else if (a == STORE_NONE)
		cache_note_absent(l->table, policy, key);
	row_free(&row);
	return a;
}

/* --- counters ------------------------------------------------------------- */

enum store_answer
local_open(struct local *l, const struct item *item,
    const struct policy *policy, int64_t now, struct counter **c_r,
    struct why *why)
{
	const struct zone *zone = l->conf->zone;
	struct why reason = { "out of memory" };

	*c_r = item->live;
	if (item->live != NULL &&
	    (policy == NULL || counter_fits(item->live, policy)))
		return STORE_OK;
	*c_r = item->live != NULL
		   ? counter_copy(item->live)
		   : counter_unpack(item->bytes, item->len, &reason);
	if (*c_r != NULL &&
	    (policy == NULL || counter_adapt(c_r, policy, now, zone) == 0))
		return STORE_OK;
	why_set(why, "counter of policy %s: %s", item->policy, reason.text);
	local_shut(item, c_r);
	return STORE_FAILED;
}

void
local_shut(const struct item *item, struct counter **cp)
{
	if (item == NULL || *cp != item->live)
		counter_free(cp);
	*cp = NULL;
}

static bool
is_large(const struct counter *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i].dim == DIM_UNIQUE)
			n += c->slot[i].uniq.used;
	return n > PACKED_RECIPIENTS;
}

/* It stays as it is if there is no memory. */
static void
pack_item(struct local *l, struct item *item)
{
	size_t len = counter_pack(item->live, NULL, 0);
	uint8_t *bytes = malloc(len);

	if (bytes == NULL)
		return;
	counter_pack(item->live, bytes, len);
	cache_set_bytes(l->table, item, bytes, len);
}

void
local_put(struct local *l, struct item *item, struct counter **cp)
{
	cache_set_live(l->table, item, *cp);
	*cp = NULL;
	local_changed(l, item);
}

void
local_used(struct local *l, struct item *item)
{
	struct item *before;

	if (item->live == NULL || is_large(item->live))
		return;
	before = cache_keep_live(l->table, item);
	if (before != NULL && !is_large(before->live))
		pack_item(l, before);
}

/* --- bindings: when (8 bytes, big endian), the smarthost and its NUL -------
 */

bool
local_bind(
    struct local *l, struct item *item, const char *smarthost, int64_t when)
{
	size_t n = strlen(smarthost) + 1;
	uint8_t *bytes = malloc(sizeof(when) + n);

	if (bytes == NULL)
		return false;
	be64_put(bytes, (uint64_t)when);
	memcpy(bytes + sizeof(when), smarthost, n);
	cache_set_bytes(l->table, item, bytes, sizeof(when) + n);
	return true;
}

const char *
local_binding(const struct item *item, int64_t *when_r)
{
	*when_r = (int64_t)be64_get(item->bytes);
	return (const char *)item->bytes + sizeof(*when_r);
}

/* --- operations ----------------------------------------------------------- */

int64_t
local_time(struct local *l, int64_t clock)
{
	time_floor_look(&l->time, clock);
	return time_floor_at(&l->time, clock);
}

int64_t
local_pass(struct local *l, int64_t clock)
{
	time_floor_raise(&l->time, clock);
	return l->time.highest;
}

enum store_answer
local_record(struct local *l, const struct wal_record *rec, struct why *why)
{
	size_t n;

	if (l->journal != NULL) {
		n = wal_record_pack(rec, wal_payload(l->journal), WAL_PAYLOAD);
		if (n == 0) {
			why_set(why, "a journal record is too long");
			return STORE_FAILED;
		}
		if (wal_append(l->journal, n, &l->seq, why) == -1)
			return STORE_FAILED;
		l->unflushed += n + WAL_FRAME;
		if (l->unflushed >= FLUSH_BYTES)
			pthread_cond_signal(&l->wake);
	} else {
		l->seq++;
	}
	return STORE_OK;
}

enum store_answer
local_leave(struct local *l, enum store_answer a, uint64_t seq, struct why *why)
{
	if (l->db != NULL)
		cache_evict(l->table, EVICT_STEP);
	pthread_mutex_unlock(&l->lock);
	if (a != STORE_OK || l->journal == NULL || wal_wait(l->journal, seq))
		return a;
	why_set(why, "the disk has not answered for 2 s");
	return STORE_UNCERTAIN;
}

void
local_changed(struct local *l, struct item *item)
{
	item->seq = l->seq;
	cache_dirty(l->table, item);
}
