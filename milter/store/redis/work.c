/*
 * work.c - records in hand: as they were seen, as they shall be.
 *
 * A record is a version of eight bytes, drawn at random whenever it is
 * written, and what it holds.  So two records of one version are one, even if
 * one of them expired in between.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define VERSION 8
#define TIME_STEP SECOND /* the highest time is written once in that */

void
work_begin(struct redis_work *w, struct redis_store *s)
{
	*w = (struct redis_work){ .store = s };
}

static void
drop_changes(struct redis_record *r)
{
	counter_free(&r->counter);
	free(r->fresh);
	r->fresh = NULL;
	r->nfresh = 0;
	r->changed = false;
}

void
work_again(struct redis_work *w)
{
	for (size_t i = 0; i < w->nrecord; i++)
		drop_changes(w->record[i]);
	while (w->nword > 0)
		free(w->word[--w->nword].own);
	w->top = w->top_clock = 0;
	w->nchange = 0;
	w->writes = false;
}

void
work_end(struct redis_work *w)
{
	work_again(w);
	for (size_t i = 0; i < w->nrecord; i++) {
		free(w->record[i]->key);
		free(w->record[i]->bytes);
		free(w->record[i]);
	}
	free(w->record);
	free(w->slot);
	free(w->word);
	work_begin(w, w->store);
}

/* --- records by key ----------------------------------------------------- */

/* Where key stands in the index, or would. */
static uint32_t *
redis_work_slot_of(const struct redis_work *w, const char *key)
{
	uint32_t h = 2166136261;

	for (const char *p = key; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619;
	h ^= h >> 15;
	for (;; h++) {
		uint32_t *slot = &w->slot[h & (w->nslot - 1)];

		if (*slot == 0 || strcmp(w->record[*slot - 1]->key, key) == 0)
			return slot;
	}
}

/* Room for one record more. */
static bool
redis_work_grow(struct redis_work *w)
{
	size_t capacity = w->capacity == 0 ? 16 : 2 * w->capacity;
	struct redis_record **record;
	uint32_t *slot;

	if (w->nrecord < w->capacity)
		return true;
	record = reallocarray(w->record, capacity, sizeof(record[0]));
	if (record == NULL)
		return false;
	w->record = record;
	if ((slot = calloc(2 * capacity, sizeof(slot[0]))) == NULL)
		return false;
	free(w->slot);
	w->slot = slot;
	w->nslot = 2 * capacity;
	w->capacity = capacity;
	for (size_t i = 0; i < w->nrecord; i++)
		*redis_work_slot_of(w, w->record[i]->key) = (uint32_t)i + 1;
	return true;
}

struct redis_record *
work_record(struct redis_work *w, const char *key)
{
	uint32_t *slot = w->nslot == 0 ? NULL : redis_work_slot_of(w, key);
	struct redis_record *r;

	if (slot != NULL && *slot != 0)
		return w->record[*slot - 1];
	if (!redis_work_grow(w) || (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	if ((r->key = strdup(key)) == NULL) {
		free(r);
		return NULL;
	}
	if (!seen_get(w->store->seen, key, &r->bytes, &r->len, &r->at))
		r->at = NEVER;
	w->record[w->nrecord++] = r;
	*redis_work_slot_of(w, key) = (uint32_t)w->nrecord;
	return r;
}

const char *
work_content(const struct redis_record *r, size_t *len_r)
{
	*len_r = r->len > VERSION ? r->len - VERSION : 0;
	return r->len == 0 ? NULL : (const char *)r->bytes + VERSION;
}

/* --- counters ----------------------------------------------------------- */

const char *
work_counter_key(char *dst, const char *policy, const char *key)
{
	char *p = stpcpy(stpcpy(dst, REDIS_COUNTERS), policy);

	*p++ = ':';
	strcpy(p, key); /* the bounds of both were checked by store.c */
	return dst;
}

enum store_answer
work_counter(struct redis_work *w, const struct policy *policy, const char *key,
    struct redis_record **r_r, struct why *why)
{
	char name[REDIS_KEY];
	const char *bytes;
	struct why wrong = { "out of memory" };
	struct redis_record *r;
	size_t len;

	r = work_record(w, work_counter_key(name, policy->name, key));
	if (r == NULL)
		goto fail;
	*r_r = r;
	if (r->counter == NULL && (bytes = work_content(r, &len)) != NULL &&
	    (r->counter = counter_unpack(
		 (const uint8_t *)bytes, len, &wrong)) == NULL)
		goto fail;
	return r->counter == NULL ? STORE_NONE : STORE_OK;
fail:
	why_set(why, "counter of policy %s: %s", policy->name, wrong.text);
	return STORE_FAILED;
}

enum store_answer
work_adapt(struct redis_record *r, const struct policy *policy, int64_t now,
    const struct zone *zone, struct why *why)
{
	if (r->counter == NULL)
		return STORE_NONE;
	if (counter_adapt(&r->counter, policy, now, zone) == 0)
		return STORE_OK;
	why_set(why, "counter of policy %s: out of memory", policy->name);
	return STORE_FAILED;
}

/* --- what shall be ------------------------------------------------------ */

/* Version and content; the version is drawn later, for all at once. */
static bool
put_fresh(struct redis_record *r, const void *content, size_t len)
{
	uint8_t *bytes = malloc(VERSION + len);

	if (bytes == NULL)
		return false;
	if (content != NULL)
		memcpy(bytes + VERSION, content, len);
	free(r->fresh);
	r->fresh = bytes;
	r->nfresh = VERSION + len;
	r->changed = true;
	return true;
}

void
work_changed(struct redis_work *w, struct redis_record *r)
{
	r->changed = true;
	w->nchange++;
}

bool
work_set(struct redis_work *w, const char *key, const void *content, size_t len)
{
	struct redis_record *r = work_record(w, key);

	if (r == NULL || !put_fresh(r, content, len))
		return false;
	w->nchange++;
	return true;
}

bool
work_delete(struct redis_work *w, const char *key)
{
	struct redis_record *r = work_record(w, key);

	if (r == NULL)
		return false;
	drop_changes(r);
	work_changed(w, r);
	return true;
}

static bool
add_word(struct redis_work *w, const void *bytes, size_t len)
{
	void *own;

	if (w->nword == w->word_capacity) {
		size_t capacity =
		    w->word_capacity == 0 ? 64 : 2 * w->word_capacity;
		struct redis_word *more =
		    reallocarray(w->word, capacity, sizeof(more[0]));

		if (more == NULL)
			return false;
		w->word = more;
		w->word_capacity = capacity;
	}
	if ((own = malloc(len + 1)) == NULL)
		return false;
	memcpy(own, bytes, len);
	w->word[w->nword++] = (struct redis_word){ own, len, own };
	return true;
}

bool
work_command(struct redis_work *w, size_t n, const struct redis_word *words)
{
	size_t before = w->nword;
	char count[16];
	bool good;

	snprintf(count, sizeof(count), "%zu", n);
	good = add_word(w, count, strlen(count));
	for (size_t i = 0; good && i < n; i++)
		good = add_word(w, words[i].bytes, words[i].len);
	while (!good && w->nword > before)
		free(w->word[--w->nword].own);
	w->nchange++;
	return good;
}

/* --- the highest time, on the server ------------------------------------ */

/* The highest time that was written down. */
static int64_t
written_time(const struct redis_record *r)
{
	char digits[24] = "";
	size_t len;
	const char *text = work_content(r, &len);

	if (text != NULL && len < sizeof(digits))
		memcpy(digits, text, len);
	return strtoll(digits, NULL, 10);
}

/* It is written once a second at the most, and looked at as often. */
int64_t
work_now(struct redis_work *w, int64_t now)
{
	int64_t at = atomic_load(&w->store->heard_at);

	w->clock = now;
	if (at == 0 || clock_steady() - at >= TIME_STEP)
		w->time = work_record(w, REDIS_TIME);
	if (w->time != NULL)
		redis_time_heard(w->store, now, written_time(w->time));
	return redis_time(w->store, now);
}

void
work_time(struct redis_work *w, int64_t now)
{
	w->top = now > w->top ? now : w->top;
	w->top_clock = w->clock > w->top_clock ? w->clock : w->top_clock;
}

static bool
write_time(struct redis_work *w, int64_t time)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, time);
	return work_set(w, REDIS_TIME, digits, strlen(digits));
}

static bool
pack_time(struct redis_work *w)
{
	return w->time == NULL || w->top < written_time(w->time) + TIME_STEP ||
	       write_time(w, w->top);
}

static void
settle_time(struct redis_work *w, int64_t at)
{
	if (w->time != NULL)
		atomic_store(&w->store->heard_at, at);
	if (w->top > 0)
		redis_time_raise(w->store, w->top_clock);
}

bool
work_keep_time(struct redis_work *w, int64_t time)
{
	const struct redis_record *r = work_record(w, REDIS_TIME);

	return r != NULL && (time <= written_time(r) || write_time(w, time));
}

/* --- swapping ----------------------------------------------------------- */

static bool
pack_counter(struct redis_record *r)
{
	size_t n = counter_pack(r->counter, NULL, 0);

	if (!put_fresh(r, NULL, n))
		return false;
	counter_pack(r->counter, r->fresh + VERSION, n);
	return true;
}

/* Never the same twice: a bijection of a count that begins at random. */
static void
draw_version(struct redis_store *s, uint8_t version[VERSION])
{
	uint64_t n = atomic_fetch_add(&s->versions, 1);

	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	n ^= n >> 31;
	memcpy(version, &n, VERSION);
}

enum store_answer
work_pack(struct redis_work *w, struct why *why)
{
	bool good = pack_time(w);

	for (size_t i = 0; good && i < w->nrecord; i++) {
		struct redis_record *r = w->record[i];

		if (!r->changed)
			continue;
		w->writes = true;
		good = r->counter == NULL || pack_counter(r);
		if (good && r->fresh != NULL)
			draw_version(w->store, r->fresh);
	}
	if (good)
		return STORE_OK;
	why_set(why, "out of memory");
	return STORE_FAILED;
}

bool
work_writes(const struct redis_work *w)
{
	return w->writes || w->nword > 0;
}

/* What the server said of a record. */
static bool
learn(struct redis_work *w, struct redis_record *r, const redisReply *now,
    int64_t at)
{
	uint8_t *bytes = NULL;

	if (now->type == REDIS_REPLY_STRING && now->len >= VERSION) {
		if ((bytes = malloc((size_t)now->len)) == NULL)
			return false;
		memcpy(bytes, now->str, (size_t)now->len);
	} else if (now->type != REDIS_REPLY_NIL) {
		return false;
	}
	free(r->bytes);
	r->told = true;
	r->bytes = bytes;
	r->len = bytes == NULL ? 0 : (size_t)now->len;
	seen_put(w->store->seen, r->key, r->bytes, r->len, at);
	return true;
}

static bool
read_changes(struct redis_work *w, const redisReply *reply, int64_t at)
{
	for (size_t i = 1; i + 1 < reply->elements; i += 2) {
		const redisReply *n = reply->element[i];

		if (n->type != REDIS_REPLY_INTEGER || n->integer < 0 ||
		    (size_t)n->integer >= w->nrecord ||
		    !learn(w, w->record[n->integer], reply->element[i + 1], at))
			return false;
	}
	return true;
}

/* All is as it was seen, and what was changed is as it shall be. */
static void
settle_records(struct redis_work *w, int64_t at)
{
	settle_time(w, at);
	for (size_t i = 0; i < w->nrecord; i++) {
		struct redis_record *r = w->record[i];

		r->at = at;
		if (r->changed)
			seen_put(
			    w->store->seen, r->key, r->fresh, r->nfresh, at);
		else
			seen_put(w->store->seen, r->key, r->bytes, r->len, at);
	}
}

void
work_alone(struct redis_work *w)
{
	settle_time(w, clock_steady());
}

static bool
is_word(const redisReply *r, const char *word)
{
	return r->elements > 0 && r->element[0]->type == REDIS_REPLY_STRING &&
	       strcmp(r->element[0]->str, word) == 0;
}

/* EVALSHA, digest, number of keys, turn, keys, who, how, records, commands. */
static enum store_answer
redis_work_run(struct redis_work *w, enum work_how how, int timeout,
    redisReply **r_r, struct why *why)
{
	static const char *const hows[] = { [WORK_FIRST] = "first",
		[WORK_AGAIN] = "again",
		[WORK_AT_ONCE] = "now" };
	const char *mode = work_writes(w) ? hows[how] : "look";
	size_t most = 6 + 3 * w->nrecord + w->nword, n = 2;
	const char **argv = calloc(most, sizeof(argv[0]));
	size_t *len = calloc(most, sizeof(len[0]));
	enum store_answer a = STORE_FAILED;
	char nkeys[24];

	snprintf(nkeys, sizeof(nkeys), "%zu", w->nrecord + 1);
	if (argv != NULL && len != NULL) {
		argv[n] = nkeys;
		len[n++] = strlen(nkeys);
		argv[n] = REDIS_TURN;
		len[n++] = strlen(REDIS_TURN);
		for (size_t i = 0; i < w->nrecord; i++) {
			argv[n] = w->record[i]->key;
			len[n++] = strlen(w->record[i]->key);
		}
		argv[n] = w->store->name;
		len[n++] = strlen(w->store->name);
		argv[n] = mode;
		len[n++] = strlen(mode);
		for (size_t i = 0; i < w->nrecord; i++) {
			struct redis_record *rec = w->record[i];
			bool seen = rec->len > 0, fresh = rec->fresh != NULL;

			argv[n] = seen ? (char *)rec->bytes : "";
			len[n++] = seen ? VERSION : 0;
			argv[n] = fresh          ? (char *)rec->fresh
				  : rec->changed ? "-"
						 : "";
			len[n++] = fresh ? rec->nfresh : rec->changed;
		}
		for (size_t i = 0; i < w->nword; i++) {
			argv[n] = w->word[i].bytes;
			len[n++] = w->word[i].len;
		}
		a = redis_pool_run(w->store->pool, timeout,
		    &(struct redis_command){ (int)n, argv, len }, r_r, why);
	} else {
		why_set(why, "out of memory");
	}
	free(argv);
	free(len);
	return a;
}

enum store_answer
work_swap(struct redis_work *w, enum work_how how, int timeout,
    enum work_outcome *o_r, struct why *why)
{
	int64_t at = clock_steady(); /* it may be so old when it is read */
	redisReply *r = NULL;
	enum store_answer a;

	for (size_t i = 0; i < w->nrecord; i++)
		w->record[i]->told = false;
	a = redis_work_run(w, how, timeout, &r, why);
	if (a != STORE_OK)
		return a;
	if (is_word(r, "done")) {
		*o_r = WORK_DONE;
		settle_records(w, at);
	} else if (is_word(r, "wait")) {
		*o_r = WORK_WAIT;
	} else if (is_word(r, "changed") && read_changes(w, r, at)) {
		*o_r = WORK_CHANGED;
	} else {
		why_set(why, "the shared store holds what is no record");
		a = STORE_FAILED;
	}
	freeReplyObject(r);
	return a;
}

enum store_answer
work_was_done(const struct redis_work *w)
{
	for (size_t i = 0; i < w->nrecord; i++) {
		const struct redis_record *r = w->record[i];

		if (!r->changed)
			continue;
		if (!r->told) /* it is as it was before */
			return STORE_NONE;
		if (r->fresh != NULL && r->len > 0 &&
		    memcmp(r->bytes, r->fresh, VERSION) == 0)
			return STORE_OK;
	}
	return STORE_UNCERTAIN;
}
