/*
 * clock.c - the only reader of the time.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct clock_guard guard;  /* guarded by lock */
static atomic_int_fast64_t ahead; /* what guard holds, for readers in a hurry */
static atomic_bool known;         /* the guard doubts nothing */

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec / 1000000;
}

int64_t
clock_now(void)
{
	int64_t up = read_clock(CLOCK_BOOTTIME);
	int64_t wall = read_clock(CLOCK_REALTIME), step;
	enum clock_news news;

	step = wall - up - atomic_load(&ahead);
	if (atomic_load(&known) && step <= SECOND && step >= -SECOND)
		return wall;
	pthread_mutex_lock(&lock);
	step = guard.known ? wall - up - guard.ahead : 0;
	news = clock_believe(&guard, wall, up);
	wall = up + guard.ahead;
	atomic_store(&ahead, guard.ahead);
	atomic_store(&known, !guard.doubted);
	pthread_mutex_unlock(&lock);
	clock_tell("the clock", news, step);
	return wall;
}

int64_t
clock_steady(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
