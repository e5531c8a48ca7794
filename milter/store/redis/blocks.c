/*
 * blocks.c - who is blocked: one record, "UNTIL NUL WHO NUL TEXT NUL" for each.
 *
 * Each message asks for up to four names, twice, and nearly always nobody is
 * blocked: so the record is seen again and again by the thread that nobody
 * waits for, which costs little while it stays the same, and no message makes
 * a journey of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

/* --- the record --------------------------------------------------------- */

struct block {
	int64_t until;
	const char *who, *text;
};

/* The next of the texts between *p and end, or NULL. */
static const char *
redis_blocks_next_text(const char **p, const char *end)
{
	const char *text = *p;
	size_t left = (size_t)(end - text), n = strnlen(text, left);

	if (n == left)
		return NULL;
	*p = text + n + 1;
	return text;
}

static bool
redis_blocks_next_block(const char **p, const char *end, struct block *b)
{
	const char *until = redis_blocks_next_text(p, end);

	b->who = until == NULL ? NULL : redis_blocks_next_text(p, end);
	b->text = b->who == NULL ? NULL : redis_blocks_next_text(p, end);
	if (b->text == NULL)
		return false;
	b->until = strtoll(until, NULL, 10);
	return true;
}

static void
put_block(FILE *f, const struct block *b)
{
	fprintf(f, "%" PRId64 "%c%s%c%s%c", b->until, 0, b->who, 0, b->text, 0);
}

/* --- changing it -------------------------------------------------------- */

struct block_change {
	struct block block;
	bool lifts;
	int64_t now;
	struct store_event event;
};

/* The record without who and without what has ended, to be freed. */
static bool
others(const struct redis_record *r, const struct block_change *c, FILE *f)
{
	size_t len;
	const char *p = work_content(r, &len), *end = p + len;
	bool found = false;
	struct block b;

	while (p != NULL && redis_blocks_next_block(&p, end, &b)) {
		if (strcmp(b.who, c->block.who) == 0)
			found |= b.until > c->now;
		else if (b.until > c->now)
			put_block(f, &b);
	}
	return found;
}

static enum store_answer
change_blocks(struct redis_work *w, void *arg, struct why *why)
{
	const struct block_change *c = arg;
	struct redis_record *r = work_record(w, REDIS_BLOCKS);
	char *bytes = NULL;
	size_t len = 0;
	FILE *f = r == NULL ? NULL : open_memstream(&bytes, &len);
	bool found = false, good = f != NULL;

	if (good) {
		found = others(r, c, f);
		if (!c->lifts)
			put_block(f, &c->block);
		good = fclose(f) == 0;
	}
	if (good && (found || !c->lifts))
		good = redis_tell_event(w, &c->event) &&
		       work_set(w, REDIS_BLOCKS, bytes, len);
	free(bytes);
	if (!good) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	return found || !c->lifts ? STORE_OK : STORE_NONE;
}

enum store_answer
redis_block(struct store *st, const char *who, int64_t until,
    const struct audit *by, struct why *why)
{
	struct block_change c = { { until, who, by->text }, false, by->now,
		store_event_of("block", "", who, by) };

	return redis_call(redis_of(st), change_blocks, &c, REDIS_PATIENCE, why);
}

enum store_answer
redis_unblock(
    struct store *st, const char *who, const struct audit *by, struct why *why)
{
	struct block_change c = { { 0, who, "" }, true, by->now,
		store_event_of("unblock", "", who, by) };

	return redis_call(redis_of(st), change_blocks, &c, REDIS_PATIENCE, why);
}

/* --- asking ------------------------------------------------------------- */

/* A copy of the record. */
struct blocks {
	char *bytes;
	size_t len;
};

static enum store_answer
copy_blocks(struct redis_work *w, void *arg, struct why *why)
{
	struct blocks *b = arg;
	struct redis_record *r = work_record(w, REDIS_BLOCKS);
	const char *content;

	free(b->bytes);
	b->bytes = NULL;
	if (r != NULL) {
		content = work_content(r, &b->len);
		if ((b->bytes = malloc(b->len + 1)) != NULL) {
			if (b->len > 0)
				memcpy(b->bytes, content, b->len);
			return STORE_OK;
		}
	}
	why_set(why, "out of memory");
	return STORE_FAILED;
}

void
redis_see_blocks(struct redis_store *s)
{
	struct blocks b = { NULL, 0 };
	struct why why;

	(void)redis_call(s, copy_blocks, &b, REDIS_PATIENCE, &why);
	free(b.bytes);
}

/* What was last seen holds while the server is out. */
enum store_answer
redis_blocked(struct store *st, const char *who, int64_t now, char *text_r,
    struct why *why)
{
	struct redis_store *s = redis_of(st);
	struct blocks b = { NULL, 0 };
	enum store_answer a = STORE_NONE;
	const char *p, *end;
	struct block block;

	if (!redis_answer_seen(s, copy_blocks, &b, REDIS_FRESH)) {
		a = redis_call(s, copy_blocks, &b, s->timeout, why);
		if (a != STORE_OK &&
		    redis_answer_seen(s, copy_blocks, &b, NEVER))
			a = STORE_OK;
		if (a != STORE_OK) {
			free(b.bytes);
			return a;
		}
		a = STORE_NONE;
	}
	p = b.bytes;
	end = p + b.len;
	while (a == STORE_NONE && redis_blocks_next_block(&p, end, &block))
		if (block.until > now && strcmp(block.who, who) == 0) {
			snprintf(text_r, STORE_TEXT, "%s", block.text);
			a = STORE_OK;
		}
	free(b.bytes);
	return a;
}

enum store_answer
redis_blocks(struct store *st, int64_t now, store_block_fn *each, void *arg,
    struct why *why)
{
	struct blocks b = { NULL, 0 };
	enum store_answer a =
	    redis_call(redis_of(st), copy_blocks, &b, REDIS_PATIENCE, why);
	const char *p = b.bytes, *end = p + b.len;
	struct block block;

	while (a == STORE_OK && redis_blocks_next_block(&p, end, &block))
		if (block.until > now &&
		    !each(arg, block.who, block.until, block.text))
			break;
	free(b.bytes);
	return a;
}
