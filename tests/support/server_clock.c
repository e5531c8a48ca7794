/*
 * server_clock.c - a server whose wall clock the test owns (LD_PRELOAD): it
 * stands at the milliseconds that the file SERVER_CLOCK holds.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *now;

__attribute__((constructor)) static void
find_clock(void)
{
	const char *path = getenv("SERVER_CLOCK");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *p = fd == -1
		      ? MAP_FAILED
		      : mmap(NULL, sizeof(*now), PROT_READ, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED)
		now = p;
	if (fd != -1)
		close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_REALTIME || now == NULL)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(*now / 1000);
	ts->tv_nsec = (long)(*now % 1000) * 1000000;
	return 0;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *t)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}
