/*
 * wal.c - what was promised, on the disk before the promise is spoken.
 *
 * A write into the page cache survives the end of the process, costs a few
 * microseconds and never waits for a checkpoint, which a transaction does.
 * A sync is done by a thread of our own: one for all that wait.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "thread.h"
#include "wal_file.h"

#define TURN_AT ((off_t)1 << 18) /* bytes: some thousand records to replay */
#define WAIT_MAX (2 * SECOND)    /* the longest that a callback may take */

struct wal {
	char *base;
	bool power;
	void (*fatal)(const char *);
	uint8_t *frame; /* whoever appends holds the store's lock */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* the thread has something to do */
	pthread_cond_t safe; /* synced went up */
	bool ending;         /* guarded by lock */
	int fd;              /* guarded by lock: the file in use */
	int old;             /* guarded by lock: to be synced and closed; -1 */
	int next;            /* guarded by lock: the one made ready; -1 */
	bool ragged; /* guarded by lock: a failed write left bytes behind end */
	off_t end;   /* guarded by lock: where the next frame goes */
	uint64_t number; /* guarded by lock: of the file in use */
	uint64_t seq;    /* guarded by lock: written */
	uint64_t synced; /* guarded by lock */
};

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

/* No thread is there any more, or was. */
static void
wal_free(struct wal *j)
{
	if (j->fd != -1)
		close(j->fd);
	if (j->next != -1)
		close(j->next);
	pthread_cond_destroy(&j->safe);
	pthread_cond_destroy(&j->wake);
	pthread_mutex_destroy(&j->lock);
	free(j->frame);
	free(j->base);
	free(j);
}

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
	j->fd = j->base == NULL || j->frame == NULL
		    ? -1
		    : wal_create_file(base, number);
	if (j->fd != -1 && (errno = thread_start(&j->thread, sync_run, j)) == 0)
		return j;
	why_set(why, "%s-journal.%08" PRIu64 ": cannot create: %s", base,
	    number, strerror(errno));
	wal_free(j);
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
	wal_free(j);
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
	wal_put_frame(j->frame, len, j->seq + 1, j->synced);
	rc = wal_write_all(j->fd, j->frame, n, j->end);
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
	fd = wal_create_file(j->base, number);
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
	char *name = wal_file_name(j->base, wal_number(j));
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
