/*
 * log_writer.c - a thread that writes the log, so that whoever reads it may be
 * slow, or stand still, and no answer to a mail server waits for that.
 *
 * Lines gather in one half of the buffer while the other is written.  The
 * thread waits a little before it takes them: one write then serves many lines.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log_writer.h"
#include "thread.h"

#define GATHER (5 * 1000 * 1000) /* ns from the first line to the write */

struct half {
	char bytes[LOGWRITER_ROOM];
	size_t len;
	unsigned long dropped; /* lines that came when it was full */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;  /* for the thread: there is something to write */
	pthread_cond_t done;  /* for the end: all is written */
	struct half half[2];  /* guarded by lock; the one that is not filling is
			       * the thread's own while it writes */
	unsigned filling;     /* guarded by lock: the half that takes lines */
	bool running, ending; /* guarded by lock */
	int fd;               /* set before the thread starts */
	const char *start;    /* the same: of a line of its own */
} w = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
};

static void
log_writer_write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return; /* nobody is left who could be told */
		bytes += n;
		len -= (size_t)n;
	}
}

static void
write_half(const struct half *h)
{
	char line[160];
	int n;

	log_writer_write_all(w.fd, h->bytes, h->len);
	if (h->dropped == 0)
		return;
	n = snprintf(line, sizeof(line),
	    "%s%lu lines of the log were dropped here: its reader did not keep up\n",
	    w.start, h->dropped);
	log_writer_write_all(w.fd, line, (size_t)n);
}

static void *
log_writer_run(void *arg)
{
	const struct timespec pause = { .tv_nsec = GATHER };

	(void)arg;
	pthread_mutex_lock(&w.lock);
	for (;;) {
		struct half *h = &w.half[w.filling];

		if (h->len == 0 && w.ending)
			break;
		if (h->len == 0) {
			pthread_cond_wait(&w.wake, &w.lock);
			continue;
		}
		if (!w.ending) {
			pthread_mutex_unlock(&w.lock);
			nanosleep(&pause, NULL);
			pthread_mutex_lock(&w.lock);
		}
		w.filling ^= 1;
		pthread_mutex_unlock(&w.lock);
		write_half(h);
		pthread_mutex_lock(&w.lock);
		h->len = 0;
		h->dropped = 0;
	}
	w.running = false;
	pthread_cond_signal(&w.done);
	pthread_mutex_unlock(&w.lock);
	return NULL;
}

int
log_writer_start(int fd, const char *start)
{
	pthread_t thread;
	int error;

	pthread_mutex_lock(&w.lock);
	cond_init(&w.done);
	w.fd = fd;
	w.start = start;
	w.ending = false;
	error = thread_start(&thread, log_writer_run, NULL);
	w.running = error == 0;
	pthread_mutex_unlock(&w.lock);
	if (error == 0)
		pthread_detach(thread);
	return error == 0 ? 0 : -1;
}

bool
log_writer_put(const char *line, size_t len)
{
	struct half *h;
	bool running;

	pthread_mutex_lock(&w.lock);
	h = &w.half[w.filling];
	running = w.running;
	if (running && h->dropped == 0 && h->len + len <= sizeof(h->bytes)) {
		if (h->len == 0)
			pthread_cond_signal(&w.wake);
		memcpy(h->bytes + h->len, line, len);
		h->len += len;
	} else if (running) {
		h->dropped++; /* and so is all that follows: order is kept */
	}
	pthread_mutex_unlock(&w.lock);
	return running;
}

bool
log_writer_end(int timeout)
{
	const int64_t deadline = cond_deadline(timeout);
	bool all;

	pthread_mutex_lock(&w.lock);
	w.ending = true;
	pthread_cond_signal(&w.wake);
	while (w.running && cond_wait(&w.done, &w.lock, deadline))
		;
	all = !w.running;
	pthread_mutex_unlock(&w.lock);
	return all;
}
