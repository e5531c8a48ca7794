/*
 * wal.c - what was promised, on the disk before the promise is spoken.
 *
 * A write into the page cache survives the end of the process, costs a few
 * microseconds and never waits for a checkpoint, which a transaction does.
 * A sync is done by a thread of our own: one for all that wait.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "thread.h"
#include "wal.h"

#define MAGIC "pmjrnl\0\2" /* the last byte is the version */
#define NAME_MAX_DIGITS 20
#define TURN_AT ((off_t)1 << 18) /* bytes: some thousand records to replay */
#define WAIT_MAX (2 * SECOND)    /* the longest that a callback may take */

struct wal {
	char *base;
	bool power;
	void (*fatal)(const char *);
	uint8_t *frame;
	pthread_t thread;
	pthread_mutex_t lock; /* for all that follows */
	pthread_cond_t wake;  /* the thread has something to do */
	pthread_cond_t safe;  /* synced went up */
	bool ending;
	int fd;      /* the file in use */
	int old;     /* the one before, to be synced and closed; -1 */
	int next;    /* the one made ready; -1 */
	bool ragged; /* bytes of a failed write may follow end */
	off_t end;   /* where the next frame goes */
	uint64_t number;
	uint64_t seq; /* written */
	uint64_t synced;
};

/* --- frames --------------------------------------------------------------- */

static void
put_be(uint8_t *dst, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static uint64_t
get_be(const uint8_t *src, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | src[i];
	return v;
}

ssize_t
wal_take(
    const uint8_t *buf, size_t len, uint64_t *seq_r, const uint8_t **payload_r)
{
	size_t n;

	if (len < 4)
		return 0;
	n = (size_t)get_be(buf, 4);
	if (n == 0 || n > WAL_PAYLOAD)
		return -1;
	n += WAL_FRAME;
	if (len < n)
		return 0;
	if (get_be(buf + n - 8, 8) != digest64(buf, n - 8))
		return -1;
	*seq_r = get_be(buf + 8, 8);
	*payload_r = buf + 16;
	return (ssize_t)n;
}

static void
put_frame(uint8_t *dst, size_t len, uint64_t seq, uint64_t synced)
{
	uint64_t ahead = seq - synced;

	put_be(dst, len, 4);
	put_be(dst + 4, ahead < UINT32_MAX ? ahead : UINT32_MAX, 4);
	put_be(dst + 8, seq, 8);
	put_be(dst + 16 + len, digest64(dst, 16 + len), 8);
}

/* All up to here was on the disk when this frame was written. */
static uint64_t
frame_synced(const uint8_t *frame, uint64_t seq)
{
	return seq - get_be(frame + 4, 4);
}

static void
put_header(uint8_t dst[WAL_HEADER], uint64_t number)
{
	memcpy(dst, MAGIC, 8);
	put_be(dst + 8, number, 8);
}

/* --- files ---------------------------------------------------------------- */

/* The name of a file of the chain, to be freed; NULL if out of memory. */
static char *
file_name(const char *base, uint64_t number)
{
	char *name;

	if (asprintf(&name, "%s-journal.%08" PRIu64, base, number) == -1)
		return NULL;
	return name;
}

/* The number of a file of the chain, 0 if the name is none. */
static uint64_t
file_number(const char *name, const char *stem)
{
	size_t n = strlen(stem);
	const char *digits = name + n;

	if (strncmp(name, stem, n) != 0 || strlen(digits) < 8 ||
	    strlen(digits) >= NAME_MAX_DIGITS ||
	    digits[strspn(digits, "0123456789")] != '\0')
		return 0;
	return strtoull(digits, NULL, 10);
}

struct numbers {
	uint64_t *v;
	size_t n, capacity;
};

static int
numbers_add(struct numbers *list, uint64_t number)
{
	if (list->n == list->capacity) {
		size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
		uint64_t *v = realloc(list->v, capacity * sizeof(*v));

		if (v == NULL)
			return -1;
		list->v = v;
		list->capacity = capacity;
	}
	list->v[list->n++] = number;
	return 0;
}

static int
number_order(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* The directory of base, to be freed; *stem_r is how file names begin. */
static char *
split(const char *base, char **stem_r)
{
	const char *slash = strrchr(base, '/');
	char *dir = slash == NULL   ? strdup(".")
		    : slash == base ? strdup("/")
				    : strndup(base, (size_t)(slash - base));

	if (asprintf(stem_r, "%s-journal.", slash == NULL ? base : slash + 1) ==
	    -1)
		*stem_r = NULL;
	if (dir == NULL || *stem_r == NULL) {
		free(dir);
		free(*stem_r);
		return NULL;
	}
	return dir;
}

/* The numbers of all files, ascending.  -1 and errno. */
static int
list_files(const char *base, struct numbers *list)
{
	char *stem, *dir = split(base, &stem);
	DIR *d = dir == NULL ? NULL : opendir(dir);
	struct dirent *e;
	int rc = d == NULL ? -1 : 0;

	while (rc == 0 && (e = readdir(d)) != NULL) {
		uint64_t number = file_number(e->d_name, stem);

		if (number > 0)
			rc = numbers_add(list, number);
	}
	if (d != NULL)
		closedir(d);
	if (dir != NULL) {
		free(stem);
		free(dir);
	}
	if (rc == 0 && list->n > 1)
		qsort(list->v, list->n, sizeof(list->v[0]), number_order);
	return rc;
}

static int
sync_directory(const char *base)
{
	char *stem, *dir = split(base, &stem);
	int fd, rc;

	if (dir == NULL)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd == -1 ? -1 : fsync(fd);
	if (fd != -1)
		close(fd);
	free(stem);
	free(dir);
	return rc;
}

static int
write_all(int fd, const uint8_t *src, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, src, len, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		src += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* A new file with nothing but its header, safe on the disk; -1 and errno. */
static int
create_file(const char *base, uint64_t number)
{
	uint8_t header[WAL_HEADER];
	char *name = file_name(base, number);
	int fd = -1, error;

	if (name == NULL)
		return -1;
	put_header(header, number);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd != -1 && (write_all(fd, header, sizeof(header), 0) == -1 ||
			    fsync(fd) == -1 || sync_directory(base) == -1)) {
		error = errno;
		close(fd);
		unlink(name);
		errno = error;
		fd = -1;
	}
	free(name);
	return fd;
}

void
wal_remove(const char *base, uint64_t number)
{
	struct numbers list = { 0 };

	if (list_files(base, &list) == 0) {
		for (size_t i = 0; i < list.n && list.v[i] < number; i++) {
			char *name = file_name(base, list.v[i]);

			if (name != NULL)
				unlink(name);
			free(name);
		}
	}
	free(list.v);
}

/* --- replay --------------------------------------------------------------- */

struct replay {
	const char *base;
	const struct numbers *list; /* the chain */
	size_t i;                   /* the file at hand */
	uint64_t seq;               /* frames up to here are in the database */
	uint64_t expect;            /* the next frame; 0: the first decides */
	bool ended;                 /* what follows is cut */
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
refuse(struct replay *r, uint64_t number, const char *what, size_t at)
{
	why_set(r->why, "%s-journal.%08" PRIu64 ": %s at byte %zu: " REMEDY,
	    r->base, number, what, at, r->base);
	return STORE_DAMAGED;
}

/* A file in memory; NULL with *len_r 0 if it is empty, else NULL is failure. */
static uint8_t *
map_file(const char *base, uint64_t number, size_t *len_r)
{
	char *name = file_name(base, number);
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
		if (get_be(p + i + 8, 8) - r->seq + NEAR > 2 * NEAR ||
		    wal_take(p + i, len - i, &seq, &payload) <= 0)
			continue;
		if (rest->first == 0)
			rest->first = seq;
		rest->last = seq > rest->last ? seq : rest->last;
		if (frame_synced(p + i, seq) >=
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
broken(
    struct replay *r, const char *what, const uint8_t *p, size_t len, size_t at)
{
	struct rest rest = { 0 };

	look_for_frames(r, &rest, p + at, len - at);
	if (look_in_files(r, &rest, r->i + 1) == -1)
		return STORE_INACCESSIBLE;
	/* A header is safe before the first frame is written. */
	if (rest.lost || (at < WAL_HEADER && rest.first > 0))
		return refuse(r, r->list->v[r->i], what, at);
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
	return refuse(r, number, what.text, at);
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

	put_header(header, number);
	if (len < WAL_HEADER)
		return broken(r, "the header is cut off", p, len, 0);
	if (memcmp(p, header, 7) == 0 && p[7] != header[7])
		return refuse(r, number, "another version", 0);
	if (memcmp(p, header, WAL_HEADER) != 0)
		return broken(r, "the header is damaged", p, len, 0);
	while (fault == STORE_OPENED && at < len) {
		ssize_t n = wal_take(p + at, len - at, &seq, &payload);

		if (n <= 0)
			return broken(r, "a damaged frame", p, len, at);
		if (r->expect == 0 ? seq > r->seq + 1 : seq > r->expect)
			return broken(r, "frames are missing", p, len, at);
		if (r->expect > 0 && seq < r->expect)
			return refuse(r, number, "a frame of old", at);
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
	const struct numbers *list = r->list;
	enum store_fault fault = STORE_OPENED;

	while (r->i < list->n && list->v[r->i] < first)
		r->i++;
	if (r->i == list->n || list->v[r->i] != first)
		return refuse(r, first, "the file is missing,", 0);
	for (uint64_t want = first; r->i < list->n; r->i++, want++) {
		if (list->v[r->i] != want)
			return refuse(r, want, "the file is missing,", 0);
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
	return refuse(r, r->list->v[r->list->n - 1],
	    "operations that the database does not know of", 0);
}

enum store_fault
wal_replay(const char *base, uint64_t first, uint64_t seq, wal_each_fn *each,
    void *arg, struct wal_end *end_r, struct why *why)
{
	struct numbers list = { 0 };
	struct replay r = { .base = base,
		.list = &list,
		.seq = seq,
		.each = each,
		.arg = arg,
		.end = end_r,
		.why = why };
	enum store_fault fault = STORE_OPENED;

	*end_r = (struct wal_end){ .seq = seq };
	if (list_files(base, &list) == -1) {
		why_set(why, "%s: the directory cannot be read: %s", base,
		    strerror(errno));
		fault = STORE_INACCESSIBLE;
	} else {
		if (list.n > 0)
			end_r->number = list.v[list.n - 1];
		fault = first > 0 ? replay_list(&r, first) : replay_nothing(&r);
	}
	free(list.v);
	return fault;
}

/* --- the thread that syncs ------------------------------------------------ */

/* Waits until there is something to sync; false when that is over. */
static bool
await_work(struct wal *j)
{
	int64_t tick = cond_deadline(SECOND);

	while (!j->ending && j->old == -1) {
		if (j->power && j->synced < j->seq)
			return true;
		if (cond_wait(&j->wake, &j->lock, tick))
			continue;
		if (j->synced < j->seq)
			return true;
		tick = cond_deadline(SECOND);
	}
	return j->old != -1 || j->synced < j->seq;
}

/* Syncs what was written until now; lock is held, but not meanwhile. */
static int
sync_once(struct wal *j)
{
	uint64_t seq = j->seq;
	int old = j->old, fd = j->fd, rc = 0;

	pthread_mutex_unlock(&j->lock);
	if (old != -1)
		rc = fdatasync(old);
	if (rc == 0)
		rc = fdatasync(fd);
	pthread_mutex_lock(&j->lock);
	if (rc == -1)
		return -1;
	if (old != -1) {
		close(old);
		j->old = -1;
	}
	j->synced = seq;
	pthread_cond_broadcast(&j->safe);
	return 0;
}

static void *
sync_run(void *arg)
{
	struct wal *j = arg;
	int rc = 0;

	pthread_mutex_lock(&j->lock);
	while (rc == 0 && await_work(j))
		rc = sync_once(j);
	pthread_mutex_unlock(&j->lock);
	if (rc == -1) {
		struct why why;

		why_set(&why,
		    "%s-journal: the disk did not take what was written: %s",
		    j->base, strerror(errno));
		j->fatal(why.text);
	}
	return NULL;
}

bool
wal_wait(struct wal *j, uint64_t seq)
{
	const int64_t deadline = cond_deadline(WAIT_MAX);
	bool safe;

	if (!j->power)
		return true;
	pthread_mutex_lock(&j->lock);
	while (j->synced < seq && cond_wait(&j->safe, &j->lock, deadline))
		;
	safe = j->synced >= seq;
	pthread_mutex_unlock(&j->lock);
	return safe;
}

/* --- writing -------------------------------------------------------------- */

struct wal *
wal_begin(const char *base, uint64_t number, uint64_t seq, bool power,
    void (*fatal)(const char *), struct why *why)
{
	struct wal *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		why_set(why, "out of memory");
		return NULL;
	}
	*j = (struct wal){ .power = power,
		.fatal = fatal,
		.old = -1,
		.next = -1,
		.end = WAL_HEADER,
		.number = number,
		.seq = seq,
		.synced = seq };
	pthread_mutex_init(&j->lock, NULL);
	cond_init(&j->wake);
	cond_init(&j->safe);
	j->base = strdup(base);
	j->frame = malloc(WAL_PAYLOAD + WAL_FRAME);
	j->fd = j->base == NULL || j->frame == NULL ? -1
						    : create_file(base, number);
	if (j->fd != -1 && (errno = thread_start(&j->thread, sync_run, j)) == 0)
		return j;
	why_set(why, "%s-journal.%08" PRIu64 ": cannot create: %s", base,
	    number, strerror(errno));
	if (j->fd != -1)
		close(j->fd);
	pthread_cond_destroy(&j->safe);
	pthread_cond_destroy(&j->wake);
	pthread_mutex_destroy(&j->lock);
	free(j->frame);
	free(j->base);
	free(j);
	return NULL;
}

void
wal_end(struct wal **jp)
{
	struct wal *j = *jp;

	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->ending = true;
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	close(j->fd);
	if (j->next != -1)
		close(j->next);
	pthread_cond_destroy(&j->safe);
	pthread_cond_destroy(&j->wake);
	pthread_mutex_destroy(&j->lock);
	free(j->frame);
	free(j->base);
	free(j);
	*jp = NULL;
}

uint8_t *
wal_payload(struct wal *j)
{
	return j->frame + 16;
}

/* What a failed write left behind must not stand between two frames. */
static int
trim_file(struct wal *j)
{
	if (j->ragged && ftruncate(j->fd, j->end) == 0)
		j->ragged = false;
	return j->ragged ? -1 : 0;
}

int
wal_append(struct wal *j, size_t len, uint64_t *seq_r, struct why *why)
{
	size_t n = len + WAL_FRAME;
	int rc;

	pthread_mutex_lock(&j->lock);
	put_frame(j->frame, len, j->seq + 1, j->synced);
	rc = write_all(j->fd, j->frame, n, j->end);
	if (rc == 0) {
		j->end += (off_t)n;
		*seq_r = ++j->seq;
		if (j->power)
			pthread_cond_signal(&j->wake);
	} else {
		why_set(why, "%s-journal.%08" PRIu64 ": %s", j->base, j->number,
		    strerror(errno));
		j->ragged = true;
		trim_file(j);
	}
	pthread_mutex_unlock(&j->lock);
	return rc;
}

int
wal_prepare(struct wal *j, struct why *why)
{
	uint64_t number;
	bool wanted;
	int fd;

	pthread_mutex_lock(&j->lock);
	wanted = j->next == -1 && j->old == -1 && j->end >= TURN_AT;
	number = j->number + 1;
	pthread_mutex_unlock(&j->lock);
	if (!wanted)
		return 0;
	fd = create_file(j->base, number);
	if (fd == -1) {
		why_set(why, "%s-journal.%08" PRIu64 ": %s", j->base, number,
		    strerror(errno));
		return -1;
	}
	pthread_mutex_lock(&j->lock);
	j->next = fd;
	pthread_mutex_unlock(&j->lock);
	return 0;
}

void
wal_turn(struct wal *j)
{
	pthread_mutex_lock(&j->lock);
	if (j->next != -1 && j->old == -1 && trim_file(j) == 0) {
		j->old = j->fd;
		j->fd = j->next;
		j->next = -1;
		j->number++;
		j->end = WAL_HEADER;
		pthread_cond_signal(&j->wake);
	}
	pthread_mutex_unlock(&j->lock);
}

uint64_t
wal_number(struct wal *j)
{
	uint64_t number;

	pthread_mutex_lock(&j->lock);
	number = j->number;
	pthread_mutex_unlock(&j->lock);
	return number;
}

bool
wal_in_place(struct wal *j, struct why *why)
{
	char *name = file_name(j->base, wal_number(j));
	struct stat there, ours;
	bool same;

	if (name == NULL)
		return true;
	same = fstat(j->fd, &ours) == 0 && stat(name, &there) == 0 &&
	       there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
	if (!same)
		why_set(why,
		    "%s was removed or replaced: stop postmeter, put it back and start again",
		    name);
	free(name);
	return same;
}
