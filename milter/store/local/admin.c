/*
 * admin.c - what an operator does to the embedded store, and what is
 * kept to be told.
 *
 * A command on a counter is an operation like a charge, so it is journaled and
 * comes in its place when the journal is replayed.  A block is no counter: it
 * is a row at once, and a line in a list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* --- events -------------------------------------------------------------- */

void
local_note(struct store *s, const struct store_event *e)
{
	struct local *l = local_of(s);

	pthread_mutex_lock(&l->lock);
	if (l->events.n == EVENT_QUEUE && l->db == NULL)
		event_queue_drop(&l->events, 1);
	if (!event_queue_add(&l->events, e))
		l->stats.events_dropped++;
	pthread_mutex_unlock(&l->lock);
}

/*
 * A command is told as done when it and its event are in the database; while
 * the database takes nothing it holds by the journal alone, and that is said.
 */
static enum store_answer
admin_event(struct local *l, const char *kind, const char *policy,
    const char *key, const struct audit *by, struct why *why)
{
	const struct store_event e = store_event_of(kind, policy, key, by);
	struct why reason;

	local_note(&l->store, &e);
	if (local_flush(l, false, &reason) == STORE_OK)
		return STORE_OK;
	why_set(why, "%s holds by the journal, but is not in the database: %s",
	    kind, reason.text);
	return STORE_UNCERTAIN;
}

/* The newest first, from the queue: all that "memory:" has. */
static enum store_answer
queued_events(
    struct local *l, const char *key, size_t n, store_event_fn *each, void *arg)
{
	bool more = true;

	for (size_t i = 0; more && n > 0; i++) {
		struct store_event e;

		pthread_mutex_lock(&l->lock);
		more = i < l->events.n;
		if (more)
			e = *event_queue_at(&l->events, l->events.n - 1 - i);
		pthread_mutex_unlock(&l->lock);
		if (!more || (key != NULL && strcmp(key, e.key) != 0))
			continue;
		more = each(arg, &e);
		n--;
	}
	return STORE_OK;
}

enum store_answer
local_events(struct store *s, const char *key, size_t n, store_event_fn *each,
    void *arg, struct why *why)
{
	struct local *l = local_of(s);

	if (l->db == NULL)
		return queued_events(l, key, n, each, arg);
	if (local_flush(l, false, why) == STORE_FAILED)
		return STORE_FAILED;
	return db_events(l->db, key, n, each, arg, why);
}

/* --- commands on a counter ---------------------------------------------------
 */

/* An item, and its counter in the form of a policy: see local_open. */
struct opened {
	struct item *item;
	struct counter *c;
};

/* STORE_NONE: never used. */
static enum store_answer
open_item(struct local *l, const struct policy *policy, const char *key,
    int64_t now, struct opened *o_r, struct why *why)
{
	enum store_answer a;

	*o_r = (struct opened){ NULL, NULL };
	if (l->gone.text[0] != '\0') {
		*why = l->gone;
		return STORE_FAILED;
	}
	a = local_fetch(l, policy->name, key, false, &o_r->item, why);
	return a == STORE_OK
		   ? local_open(l, o_r->item, policy, now, &o_r->c, why)
		   : a;
}

enum store_answer
local_reset(struct store *s, const struct policy *policy, const char *key,
    const struct audit *by, struct why *why)
{
	struct local *l = local_of(s);
	struct wal_record rec = { .kind = WAL_RESET,
		.nline = 1,
		.line = { { .policy = policy->name, .key = key } } };
	struct opened o;
	enum store_answer a;

	pthread_mutex_lock(&l->lock);
	rec.now = local_pass(l, by->now);
	a = open_item(l, policy, key, rec.now, &o, why);
	if (a == STORE_OK && counter_idle(o.c, rec.now))
		a = STORE_NONE;
	if (a == STORE_OK)
		a = local_record(l, &rec, why);
	if (a == STORE_OK) {
		counter_reset(o.c, rec.now);
		local_put(l, o.item, &o.c);
		local_used(l, o.item);
	}
	local_shut(o.item, &o.c);
	a = local_leave(l, a, l->seq, why);
	return a == STORE_OK
		   ? admin_event(l, "reset", policy->name, key, by, why)
		   : a;
}

static bool
has_room(const struct counter *c, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < c->ngrant; i++)
		n += c->grant[i].until > now;
	return n < COUNTER_GRANTS;
}

/* A counter that was never used begins with its grant. */
static enum store_answer
make_item(struct local *l, const struct policy *policy, const char *key,
    struct item **i_r, struct counter **c_r, struct why *why)
{
	*c_r = counter_new(policy);
	*i_r = *c_r == NULL ? NULL : cache_add(l->table, policy->name, key);
	if (*i_r != NULL)
		return STORE_OK;
	why_set(why, "out of memory");
	return STORE_FAILED;
}

enum store_answer
local_grant(struct store *s, const struct policy *policy, const char *key,
    const struct grant *g, const struct audit *by, struct why *why)
{
	struct local *l = local_of(s);
	struct wal_record rec = { .kind = WAL_GRANT,
		.grant = *g,
		.nline = 1,
		.line = { { .policy = policy->name, .key = key } } };
	struct opened o;
	enum store_answer a;
	bool made;

	pthread_mutex_lock(&l->lock);
	rec.now = local_pass(l, by->now);
	rec.grant.until += rec.now - by->now; /* it lasts as long as was said */
	a = open_item(l, policy, key, rec.now, &o, why);
	made = a == STORE_NONE;
	if (made)
		a = make_item(l, policy, key, &o.item, &o.c, why);
	else if (a == STORE_OK && g->extra > 0 && !has_room(o.c, rec.now))
		a = STORE_NONE;
	if (a == STORE_OK && (a = local_record(l, &rec, why)) == STORE_OK) {
		counter_grant(o.c, &rec.grant, rec.now);
		local_put(l, o.item, &o.c);
		local_used(l, o.item);
		made = false;
	}
	local_shut(o.item, &o.c);
	if (made && o.item != NULL)
		cache_remove(l->table, o.item);
	a = local_leave(l, a, l->seq, why);
	return a == STORE_OK
		   ? admin_event(l, "grant", policy->name, key, by, why)
		   : a;
}

/* --- blocks -------------------------------------------------------------- */

/* Where who is in the list, or would be. */
static size_t
block_place(const struct local *l, const char *who)
{
	size_t low = 0, high = l->nblock;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(l->block[mid].who, who) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
block_is_at(const struct local *l, size_t i, const char *who)
{
	return i < l->nblock && strcmp(l->block[i].who, who) == 0;
}

static void
list_drop(struct local *l, const char *who)
{
	size_t i = block_place(l, who);

	if (!block_is_at(l, i, who))
		return;
	free(l->block[i].who);
	free(l->block[i].text);
	l->nblock--;
	memmove(&l->block[i], &l->block[i + 1],
	    (l->nblock - i) * sizeof(l->block[0]));
}

/* Rows that ended go with the bindings, when they are as old. */
static void
list_tidy(struct local *l, int64_t now)
{
	for (size_t i = l->nblock; i > 0; i--)
		if (l->block[i - 1].until <= now)
			list_drop(l, l->block[i - 1].who);
}

/* Takes b over.  -1: out of memory, and b is still the caller's. */
static int
list_put(struct local *l, const struct block *b)
{
	struct block *list;
	size_t i;

	list = reallocarray(l->block, l->nblock + 2, sizeof(*list));
	if (list == NULL)
		return -1;
	l->block = list;
	list_drop(l, b->who);
	i = block_place(l, b->who);
	memmove(&list[i + 1], &list[i], (l->nblock - i) * sizeof(list[0]));
	list[i] = *b;
	l->nblock++;
	atomic_store(&l->any_block, true);
	return 0;
}

static bool
block_make(struct block *b, const char *who, int64_t until, const char *text)
{
	*b = (struct block){ strdup(who), strdup(text), until };
	if (b->who != NULL && b->text != NULL)
		return true;
	free(b->who);
	free(b->text);
	return false;
}

static bool
load_block(void *arg, const char *who, int64_t until, const char *text)
{
	struct block b;

	if (!block_make(&b, who, until, text))
		return false;
	if (list_put(arg, &b) == 0)
		return true;
	free(b.who);
	free(b.text);
	return false;
}

enum store_answer
local_load_blocks(struct local *l, struct why *why)
{
	return db_blocks(l->db, load_block, l, why);
}

void
local_free_blocks(struct local *l)
{
	while (l->nblock > 0)
		list_drop(l, l->block[l->nblock - 1].who);
	free(l->block);
}

/* The row of who, put (b) or dropped (NULL). */
static enum store_answer
write_block(struct local *l, const char *who, const struct block *b,
    const char *actor, struct why *why)
{
	enum store_answer a;

	if (l->db == NULL)
		return STORE_OK;
	pthread_mutex_lock(&l->flushing);
	a = db_begin(l->db, why);
	if (a == STORE_OK)
		a = b != NULL ? db_put_block(
				    l->db, who, b->until, actor, b->text, why)
			      : db_drop_block(l->db, who, why);
	if (a == STORE_OK)
		a = db_commit(l->db, why);
	if (a != STORE_OK)
		db_rollback(l->db);
	pthread_mutex_unlock(&l->flushing);
	return a;
}

enum store_answer
local_block(struct store *s, const char *who, int64_t until,
    const struct audit *by, struct why *why)
{
	struct local *l = local_of(s);
	enum store_answer a;
	struct block b;

	if (!block_make(&b, who, until, by->text)) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	a = write_block(l, who, &b, by->actor, why);
	if (a == STORE_OK) {
		pthread_mutex_lock(&l->lock);
		list_tidy(l, by->now);
		if (list_put(l, &b) == 0)
			b = (struct block){ 0 };
		else
			a = STORE_UNCERTAIN;
		pthread_mutex_unlock(&l->lock);
	}
	if (a == STORE_UNCERTAIN)
		why_set(why, "out of memory; it holds after the next start");
	free(b.who);
	free(b.text);
	if (a == STORE_OK)
		(void)admin_event(l, "block", "", who, by, why);
	return a;
}

enum store_answer
local_unblock(
    struct store *s, const char *who, const struct audit *by, struct why *why)
{
	struct local *l = local_of(s);
	enum store_answer a;
	bool is_there;

	pthread_mutex_lock(&l->lock);
	is_there = block_is_at(l, block_place(l, who), who);
	pthread_mutex_unlock(&l->lock);
	if (!is_there)
		return STORE_NONE;
	a = write_block(l, who, NULL, by->actor, why);
	if (a != STORE_OK)
		return a;
	pthread_mutex_lock(&l->lock);
	list_drop(l, who);
	atomic_store(&l->any_block, l->nblock > 0);
	pthread_mutex_unlock(&l->lock);
	(void)admin_event(l, "unblock", "", who, by, why);
	return STORE_OK;
}

enum store_answer
local_blocked(struct store *s, const char *who, int64_t now, char *text_r,
    struct why *why)
{
	struct local *l = local_of(s);
	enum store_answer a = STORE_NONE;
	size_t i;

	(void)why;
	if (!atomic_load(&l->any_block)) /* as nearly always */
		return STORE_NONE;
	pthread_mutex_lock(&l->lock);
	i = block_place(l, who);
	if (block_is_at(l, i, who) && l->block[i].until > now) {
		snprintf(text_r, STORE_TEXT, "%s", l->block[i].text);
		a = STORE_OK;
	}
	pthread_mutex_unlock(&l->lock);
	return a;
}

/* The first block that is not before who; who becomes the one after it. */
static bool
next_block(struct local *l, char who[MAILADDR_MAX + 2], int64_t *until_r,
    char text_r[STORE_TEXT])
{
	bool is_there;
	size_t i;

	pthread_mutex_lock(&l->lock);
	i = block_place(l, who);
	is_there = i < l->nblock;
	if (is_there) {
		snprintf(who, MAILADDR_MAX + 1, "%s", l->block[i].who);
		snprintf(text_r, STORE_TEXT, "%s", l->block[i].text);
		*until_r = l->block[i].until;
	}
	pthread_mutex_unlock(&l->lock);
	return is_there;
}

enum store_answer
local_blocks(struct store *s, int64_t now, store_block_fn *each, void *arg,
    struct why *why)
{
	char who[MAILADDR_MAX + 2] = "", text[STORE_TEXT];
	bool more = true;
	int64_t until;

	(void)why;
	while (more && next_block(local_of(s), who, &until, text)) {
		more = until <= now || each(arg, who, until, text);
		strcat(who, "\1");
	}
	return STORE_OK;
}
