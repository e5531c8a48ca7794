/*
 * clock.c - the only reader of the time.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"
#include "log.h"

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

static void
clock_tell(enum clock_news news, int64_t step)
{
	switch (news) {
	case CLOCK_QUIET:
		break;
	case CLOCK_WENT_BACK:
		log_warn("the clock went back by %" PRId64
			 " s: limits end at the times that they had",
		    -step / SECOND);
		break;
	case CLOCK_LEAPT:
		log_warn("the clock leapt forward by %" PRId64
			 " s: believed when that has lasted for %" PRId64 " s",
		    step / SECOND, CLOCK_HOLD / SECOND);
		break;
	case CLOCK_CAME_BACK:
		log_info("the clock came back, nothing has changed");
		break;
	case CLOCK_BELIEVED:
		log_warn("the clock stays %" PRId64 " s ahead: believed",
		    step / SECOND);
		break;
	}
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
	clock_tell(news, step);
	return wall;
}

int64_t
clock_steady(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
