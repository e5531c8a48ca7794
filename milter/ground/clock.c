/*
 * clock.c - the only reader of the time.
 *
 * A wall clock that is set to next year for a moment would free every limit
 * and lock none too late.  The clock of the machine's uptime does not step, so
 * it is the witness: a leap that it did not see has to last before it counts.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"
#include "log.h"

#define STEP (2 * SECOND)  /* backwards: worth a line */
#define LEAP (5 * MINUTE)  /* forwards: not believed at once */
#define HOLD (60 * SECOND) /* but when it has lasted that long */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct clock_guard guard;
static atomic_int_fast64_t ahead; /* what guard holds, for readers in a hurry */
static atomic_bool known;

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec / 1000000;
}

enum clock_news
clock_believe(struct clock_guard *g, int64_t wall, int64_t up)
{
	const int64_t step = wall - up - g->ahead;
	const bool doubted = g->doubted;

	if (!g->known || step <= LEAP) {
		g->ahead = wall - up;
		g->known = true;
		g->doubted = false;
		return doubted        ? CLOCK_CAME_BACK
		       : step < -STEP ? CLOCK_WENT_BACK
				      : CLOCK_QUIET;
	}
	/* Another leap is another doubt. */
	if (!doubted || step > g->step + LEAP || step < g->step - LEAP) {
		g->doubted = true;
		g->step = step;
		g->since = up;
		return CLOCK_LEAPT;
	}
	if (up - g->since < HOLD)
		return CLOCK_QUIET;
	g->ahead = wall - up;
	g->doubted = false;
	return CLOCK_BELIEVED;
}

static void
tell(enum clock_news news, int64_t step)
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
		    step / SECOND, HOLD / SECOND);
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
	tell(news, step);
	return wall;
}

int64_t
clock_steady(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
