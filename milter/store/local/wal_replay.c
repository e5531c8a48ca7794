/*
 * wal_replay.c - the chain is read after a crash, and whatever is not whole is
 * told apart: what a disk that lost its power never took, and damage.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "big_endian.h"
#include "wal_file.h"

struct replay {
	const char *base;
	const struct wal_numbers *list; /* the chain */
	size_t i;                       /* the file at hand */
	uint64_t seq;    /* frames up to here are in the database */
	uint64_t expect; /* the next frame; 0: the first decides */
	bool ended;      /* what follows is cut */
	wal_each_fn *each;
	void *arg;
	struct wal_end *end;
	struct why *why;
};

#define NEAR ((uint64_t)1 << 32) /* no chain is that long */

#define REMEDY                                                                 \
	"restore the database and its journal from one backup, or, to go on "  \
	"without what was spent since the last flush, move the journal away "  \
	"and: sqlite3 %s \"UPDATE meta SET value=0 WHERE name='journal'\""

static enum store_fault
wal_replay_refuse(
    struct replay *r, uint64_t number, const char *what, size_t at)
{
	why_set(r->why, "%s-journal.%08" PRIu64 ": %s at byte %zu: " REMEDY,
	    r->base, number, what, at, r->base);
	return STORE_DAMAGED;
}

/* A file in memory; NULL with *len_r 0 if it is empty, else NULL is failure. */
static uint8_t *
map_file(const char *base, uint64_t number, size_t *len_r)
{
	char *name = wal_file_name(base, number);
	int fd = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = NULL;

	free(name);
	*len_r = 1;
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0) {
		*len_r = (size_t)st.st_size;
		if (*len_r > 0)
			p = mmap(NULL, *len_r, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static enum store_fault
unreadable(struct replay *r, uint64_t number)
{
	why_set(r->why, "%s-journal.%08" PRIu64 ": %s", r->base, number,
	    strerror(errno));
	return STORE_INACCESSIBLE;
}

/* Bytes that follow the place where the chain broke. */
struct rest {
	uint64_t first, last; /* frame among them; 0: none */
	size_t n;
	bool lost; /* one of them was written when what broke was safe */
};

static void
look_for_frames(
    const struct replay *r, struct rest *rest, const uint8_t *p, size_t len)
{
	const uint8_t *payload;
	uint64_t seq;

	rest->n += len;
	for (size_t i = 0; i + WAL_FRAME < len; i++) {
		if (be64_get(p + i + 8) - r->seq + NEAR > 2 * NEAR ||
		    wal_take(p + i, len - i, &seq, &payload) <= 0)
			continue;
		if (rest->first == 0)
			rest->first = seq;
		rest->last = seq > rest->last ? seq : rest->last;
		if (wal_frame_synced(p + i, seq) >=
		    (r->expect > 0 ? r->expect : rest->first - 1))
			rest->lost = true;
	}
}

static int
look_in_files(struct replay *r, struct rest *rest, size_t from)
{
	for (size_t i = from; i < r->list->n; i++) {
		size_t n;
		uint8_t *p = map_file(r->base, r->list->v[i], &n);

		if (p == NULL && n > 0) {
			unreadable(r, r->list->v[i]);
			return -1;
		}
		if (n > WAL_HEADER)
			look_for_frames(
			    r, rest, p + WAL_HEADER, n - WAL_HEADER);
		if (p != NULL)
			munmap(p, n);
	}
	return 0;
}

/*
 * The chain cannot be followed beyond byte at.  A disk that lost its power
 * may have kept later writes and not earlier ones, as long as none of them was
 * synced: such an end is cut.  But a later frame that was written when the one
 * that broke was on the disk says that it was damaged since.
 */
static enum store_fault
wal_replay_broken(
    struct replay *r, const char *what, const uint8_t *p, size_t len, size_t at)
{
	struct rest rest = { 0 };

	look_for_frames(r, &rest, p + at, len - at);
	if (look_in_files(r, &rest, r->i + 1) == -1)
		return STORE_INACCESSIBLE;
	/* A header is safe before the first frame is written. */
	if (rest.lost || (at < WAL_HEADER && rest.first > 0))
		return wal_replay_refuse(r, r->list->v[r->i], what, at);
	r->end->torn = rest.n;
	r->ended = true;
	return STORE_OPENED;
}

static enum store_fault
replay_frame(struct replay *r, size_t at, uint64_t seq, const uint8_t *payload,
    size_t len)
{
	uint64_t number = r->list->v[r->i];
	struct why what = { "out of memory" };

	r->expect = seq + 1;
	r->end->seq = seq > r->end->seq ? seq : r->end->seq;
	if (seq <= r->seq || r->each(r->arg, seq, payload, len, &what))
		return STORE_OPENED;
	return wal_replay_refuse(r, number, what.text, at);
}

static enum store_fault
replay_bytes(struct replay *r, const uint8_t *p, size_t len)
{
	uint64_t number = r->list->v[r->i];
	uint8_t header[WAL_HEADER];
	const uint8_t *payload;
	uint64_t seq;
	size_t at = WAL_HEADER;
	enum store_fault fault = STORE_OPENED;

	wal_put_header(header, number);
	if (len < WAL_HEADER)
		return wal_replay_broken(r, "the header is cut off", p, len, 0);
	if (memcmp(p, header, 7) == 0 && p[7] != header[7])
		return wal_replay_refuse(r, number, "another version", 0);
	if (memcmp(p, header, WAL_HEADER) != 0)
		return wal_replay_broken(r, "the header is damaged", p, len, 0);
	while (fault == STORE_OPENED && at < len) {
		ssize_t n = wal_take(p + at, len - at, &seq, &payload);

		if (n <= 0)
			return wal_replay_broken(
			    r, "a damaged frame", p, len, at);
		if (r->expect == 0 ? seq > r->seq + 1 : seq > r->expect)
			return wal_replay_broken(
			    r, "frames are missing", p, len, at);
		if (r->expect > 0 && seq < r->expect)
			return wal_replay_refuse(
			    r, number, "a frame of old", at);
		fault =
		    replay_frame(r, at, seq, payload, (size_t)n - WAL_FRAME);
		at += (size_t)n;
	}
	return fault;
}

static enum store_fault
replay_file(struct replay *r)
{
	size_t len;
	uint8_t *p = map_file(r->base, r->list->v[r->i], &len);
	enum store_fault fault;

	if (p == NULL && len > 0)
		return unreadable(r, r->list->v[r->i]);
	fault = replay_bytes(r, p, len);
	if (p != NULL)
		munmap(p, len);
	return fault;
}

static enum store_fault
replay_list(struct replay *r, uint64_t first)
{
	const struct wal_numbers *list = r->list;
	enum store_fault fault = STORE_OPENED;

	while (r->i < list->n && list->v[r->i] < first)
		r->i++;
	if (r->i == list->n || list->v[r->i] != first)
		return wal_replay_refuse(r, first, "the file is missing,", 0);
	for (uint64_t want = first; r->i < list->n; r->i++, want++) {
		if (list->v[r->i] != want)
			return wal_replay_refuse(
			    r, want, "the file is missing,", 0);
		fault = replay_file(r);
		if (fault != STORE_OPENED || r->ended)
			break;
	}
	return fault;
}

/* An orderly end leaves no files, or some of which all is flushed. */
static enum store_fault
replay_nothing(struct replay *r)
{
	struct rest rest = { 0 };

	if (look_in_files(r, &rest, 0) == -1)
		return STORE_INACCESSIBLE;
	if (rest.last <= r->seq)
		return STORE_OPENED;
	return wal_replay_refuse(r, r->list->v[r->list->n - 1],
	    "operations that the database does not know of", 0);
}

enum store_fault
wal_replay(const char *base, const struct wal_start *from, wal_each_fn *each,
    void *arg, struct wal_end *end_r, struct why *why)
{
	struct wal_numbers list = { 0 };
	struct replay r = { .base = base,
		.list = &list,
		.seq = from->seq,
		.each = each,
		.arg = arg,
		.end = end_r,
		.why = why };
	enum store_fault fault = STORE_OPENED;

	*end_r = (struct wal_end){ .seq = from->seq };
	if (wal_list_files(base, &list) == -1) {
		why_set(why, "%s: the directory cannot be read: %s", base,
		    strerror(errno));
		fault = STORE_INACCESSIBLE;
	} else {
		if (list.n > 0)
			end_r->number = list.v[list.n - 1];
		fault = from->first > 0 ? replay_list(&r, from->first)
					: replay_nothing(&r);
	}
	free(list.v);
	return fault;
}
