/*
 * flush.c - from memory into the database, behind the back of the mail.
 *
 * Items are copied a few at a time under the lock and written without it, so
 * no charge waits for the disk.  Each row stores the sequence number of the
 * last operation in it, and a replay applies a record to a row only if its
 * number is higher: so rows may be copied at different times.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core.h"
#include "log.h"
#include "thread.h"

#define TICK (5 * SECOND)
#define LOOK_TICKS 2  /* ticks: are the files in their place */
#define SWEEP_TICKS 6 /* ticks: is something idle, though nothing changed */
#define BATCH 64      /* items copied under one lock */
#define SWEEP_STEP 64 /* rows looked at beyond as many as were made */
#define BYTES_MIN ((size_t)1 << 20)

/* --- one batch ----------------------------------------------------------- */

struct batch {
	size_t n, used;
	struct item *item[BATCH]; /* flushing, so they stay */
	struct {
		size_t at, len;
		uint64_t seq;
		int64_t when;
	} copy[BATCH];
};

static size_t
pack(const struct item *item, uint8_t *dst, size_t size)
{
	if (item->live != NULL)
		return counter_pack(item->live, dst, size);
	if (size >= item->len)
		memcpy(dst, item->bytes, item->len);
	return item->len;
}

/* Copies what waits, at most left items; the size of one that did not fit. */
static size_t
copy_batch(struct local *l, struct batch *b, size_t left)
{
	size_t len = 0;

	b->n = b->used = 0;
	pthread_mutex_lock(&l->lock);
	while (b->n < BATCH && b->n < left) {
		struct item *item = cache_next_dirty(l->table);

		if (item == NULL)
			break;
		len = pack(item, l->bytes + b->used, l->size - b->used);
		if (len > l->size - b->used)
			break;
		b->item[b->n] = item;
		b->copy[b->n].at = b->used;
		b->copy[b->n].len = len;
		b->copy[b->n].seq = item->seq;
		b->copy[b->n].when = l->time.highest;
		if (item->policy[0] == '\0')
			(void)local_binding(item, &b->copy[b->n].when);
		b->used += len;
		b->n++;
		cache_begin_flush(l->table, item);
	}
	pthread_mutex_unlock(&l->lock);
	return len;
}

static enum store_answer
write_batch(struct local *l, const struct batch *b, struct why *why)
{
	enum store_answer a = STORE_OK;

	for (size_t i = 0; a == STORE_OK && i < b->n; i++) {
		const struct item *item = b->item[i];
		uint8_t *bytes = l->bytes + b->copy[i].at;

		if (item->policy[0] == '\0')
			a = db_put_binding(l->db, item->key,
			    (const char *)bytes + sizeof(uint64_t),
			    b->copy[i].when, why);
		else
			a = db_put_counter(l->db, item->policy, item->key,
			    &(struct row){ .bytes = bytes,
				.len = b->copy[i].len,
				.seq = b->copy[i].seq,
				.updated = b->copy[i].when },
			    why);
	}
	return a;
}

static enum store_answer
grow(struct local *l, size_t size, struct why *why)
{
	size_t want = size < BYTES_MIN ? BYTES_MIN : size;
	uint8_t *bytes = realloc(l->bytes, want);

	if (bytes == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	l->bytes = bytes;
	l->size = want;
	return STORE_OK;
}

/* All that were dirty when the flush began; they wait in that order. */
static enum store_answer
write_items(struct local *l, size_t left, struct why *why)
{
	enum store_answer a = STORE_OK;
	struct batch b;

	if (l->bytes == NULL)
		a = grow(l, BYTES_MIN, why);
	while (a == STORE_OK && left > 0) {
		size_t len = copy_batch(l, &b, left);

		if (b.n == 0 && len <= l->size)
			break;
		a = b.n == 0 ? grow(l, len * 2, why) : write_batch(l, &b, why);
		left -= b.n;
	}
	return a;
}

/* --- what nobody needs any more ------------------------------------------ */

struct sweep {
	struct local *l;
	int64_t now;
	enum store_answer answer;
	struct why *why;
};

/* May the row go?  Takes the item out of memory if it may. */
static bool
is_idle(struct sweep *w, const char *policy, const char *key,
    const uint8_t *bytes, size_t len)
{
	struct cache *t = w->l->table;
	struct counter *c;
	struct item *item;
	struct why reason;
	bool idle = false;

	pthread_mutex_lock(&w->l->lock);
	item = cache_peek(t, policy, key);
	if (item == NULL)
		c = counter_unpack(bytes, len, &reason);
	else if (item->state != ITEM_CLEAN ||
		 local_open(w->l, item, NULL, w->now, &c, &reason) != STORE_OK)
		c = NULL;
	idle = c != NULL && counter_disposable(c, w->now);
	if (c != NULL)
		local_shut(item, &c);
	if (idle && item != NULL)
		cache_remove(t, item);
	pthread_mutex_unlock(&w->l->lock);
	return idle;
}

static bool
sweep_row(void *arg, const char *policy, const char *key, const uint8_t *bytes,
    size_t len)
{
	struct sweep *w = arg;

	if (is_idle(w, policy, key, bytes, len))
		w->answer = db_drop_counter(w->l->db, policy, key, w->why);
	return w->answer == STORE_OK;
}

static enum store_answer
flush_sweep(struct local *l, size_t n, int64_t now, struct why *why)
{
	struct sweep w = { l, now, STORE_OK, why };
	enum store_answer a;

	if (now == 0)
		return STORE_OK;
	a = db_counters(l->db, &l->cursor, n, sweep_row, &w, why);
	if (a == STORE_NONE)
		l->cursor = (struct db_cursor){ 0 };
	if (a == STORE_FAILED || w.answer != STORE_OK)
		return STORE_FAILED;
	return db_tidy(l->db, now - BINDING_LIFE, n, EVENT_KEEP, why);
}

/* --- one flush ------------------------------------------------------------ */

/* The n oldest stay until they are written. */
static enum store_answer
write_events(struct local *l, size_t n, struct why *why)
{
	enum store_answer a = STORE_OK;

	for (size_t i = 0; a == STORE_OK && i < n; i++)
		a = db_put_event(l->db, event_queue_at(&l->events, i), why);
	return a;
}

/* What there was when the flush began. */
struct start {
	uint64_t seq, unflushed;
	size_t ndirty, born, nevent;
	int64_t now;
};

static enum store_answer
write_meta(struct local *l, const struct start *st, bool last, struct why *why)
{
	struct db_meta meta = { .flushed = st->seq, .now = st->now };

	pthread_mutex_lock(&l->lock);
	meta.seq = l->seq;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		meta.journal = wal_number(l->journal);
	if (memcmp(&meta, &l->meta, sizeof(meta)) == 0)
		return STORE_OK;
	l->meta = meta;
	return db_put_meta(l->db, &meta, why);
}

static enum store_answer
write_changes(
    struct local *l, const struct start *st, bool last, struct why *why)
{
	enum store_answer a = db_begin(l->db, why);

	if (a == STORE_OK)
		a = write_items(l, st->ndirty, why);
	if (a == STORE_OK)
		a = local_flush_leases(l, why);
	if (a == STORE_OK)
		a = write_events(l, st->nevent, why);
	if (a == STORE_OK)
		a = flush_sweep(l, st->born + SWEEP_STEP, st->now, why);
	if (a == STORE_OK)
		a = write_meta(l, st, last, why);
	if (a == STORE_OK)
		a = db_commit(l->db, why);
	if (a != STORE_OK)
		db_rollback(l->db);
	return a;
}

static void
settle(struct local *l, enum item_state state)
{
	bool more = true;

	while (more) {
		pthread_mutex_lock(&l->lock);
		more = cache_end_flush(l->table, state, BATCH);
		pthread_mutex_unlock(&l->lock);
	}
}

static struct start
flush_begin(struct local *l)
{
	struct start st;

	pthread_mutex_lock(&l->lock);
	wal_turn(l->journal);
	st = (struct start){
		.seq = l->seq,
		.unflushed = l->unflushed,
		.ndirty = cache_ndirty(l->table),
		.born = l->born,
		.nevent = l->events.n,
		.now = l->time.highest,
	};
	pthread_mutex_unlock(&l->lock);
	return st;
}

static void
flushed(struct local *l, const struct start *st)
{
	settle(l, ITEM_CLEAN);
	pthread_mutex_lock(&l->lock);
	lease_table_flushed(l->lease, true);
	l->unflushed -= st->unflushed;
	l->born -= st->born;
	event_queue_drop(&l->events, st->nevent);
	l->stats.flushes++;
	l->stats.flushed = clock_now();
	pthread_mutex_unlock(&l->lock);
}

static void
flush_failed(struct local *l, struct why *why)
{
	memset(&l->meta, 0, sizeof(l->meta));
	settle(l, ITEM_DIRTY);
	pthread_mutex_lock(&l->lock);
	lease_table_flushed(l->lease, false);
	pthread_mutex_unlock(&l->lock);
	if (db_unsynced(l->db))
		l->fatal(why->text);
}

static void
flush_tell(struct local *l, const char *trouble)
{
	bool news;

	pthread_mutex_lock(&l->lock);
	news = strcmp(l->stats.trouble.text, trouble) != 0;
	why_set(&l->stats.trouble, "%s", trouble);
	pthread_mutex_unlock(&l->lock);
	if (news && trouble[0] == '\0')
		log_info("store: works again");
	else if (news)
		log_warn("store: %s", trouble);
}

/* Nothing is written to a file that is no longer ours. */
static bool
is_gone(struct local *l, struct why *why)
{
	bool gone;

	pthread_mutex_lock(&l->lock);
	gone = l->gone.text[0] != '\0';
	if (gone)
		*why = l->gone;
	pthread_mutex_unlock(&l->lock);
	return gone;
}

/* What the commit covers is not needed any more. */
static void
drop_journal(struct local *l)
{
	if (l->oldest == l->meta.journal)
		return;
	wal_remove(l->path, l->meta.journal);
	l->oldest = l->meta.journal;
}

enum store_answer
local_flush(struct local *l, bool last, struct why *why)
{
	enum store_answer a = STORE_FAILED;
	struct why trouble = WHY_NONE;
	struct start st;

	if (l->db == NULL)
		return STORE_OK;
	pthread_mutex_lock(&l->flushing);
	if (!is_gone(l, why)) {
		wal_prepare(l->journal, &trouble);
		st = flush_begin(l);
		a = write_changes(l, &st, last, why);
		if (a == STORE_OK)
			flushed(l, &st);
		else
			flush_failed(l, why);
		if (a == STORE_OK && !last)
			drop_journal(l);
	}
	flush_tell(l, a == STORE_OK ? trouble.text : why->text);
	pthread_mutex_unlock(&l->flushing);
	return a;
}

/* --- the thread ---------------------------------------------------------- */

/* Files that were moved away or replaced take nothing more. */
static void
flush_look(struct local *l)
{
	struct why why = WHY_NONE;

	pthread_mutex_lock(&l->flushing);
	if (db_in_place(l->db, &why))
		wal_in_place(l->journal, &why);
	pthread_mutex_lock(&l->lock);
	l->gone = why;
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_unlock(&l->flushing);
}

/* Is there so much to flush that it must not wait for the tick? */
static bool
is_much(const struct local *l)
{
	return l->stats.trouble.text[0] == '\0' &&
	       (l->unflushed >= FLUSH_BYTES || l->events.n >= EVENT_QUEUE / 2);
}

/* Waits for the next tick, or until there is much; false when it is to end. */
static bool
tick(struct local *l, bool *much_r, bool *dirty_r)
{
	const int64_t next = cond_deadline(TICK);
	bool ending;

	pthread_mutex_lock(&l->lock);
	while (!l->ending && !is_much(l) && cond_wait(&l->wake, &l->lock, next))
		;
	ending = l->ending;
	*much_r = is_much(l);
	*dirty_r = cache_ndirty(l->table) > 0 || l->events.n > 0;
	pthread_mutex_unlock(&l->lock);
	return !ending;
}

void *
local_flush_run(void *local)
{
	struct local *l = local;
	struct why why;
	bool much, dirty;
	size_t n = 0;

	while (tick(l, &much, &dirty)) {
		bool aged = !much && ++n % (FLUSH_AGE / TICK) == 0;

		if (!much && n % LOOK_TICKS == 0)
			flush_look(l);
		if (much || (aged && dirty) || (!much && n % SWEEP_TICKS == 0))
			local_flush(l, false, &why);
	}
	return NULL;
}
