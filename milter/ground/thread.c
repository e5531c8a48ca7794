/*
 * thread.c - threads that leave signals to main, and conditions that wait by
 * the clock that never steps.
 */
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include "clock.h"
#include "thread.h"

int
thread_start(pthread_t *t_r, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(t_r, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int
thread_end_signals(void)
{
	sigset_t ends;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	if (sigprocmask(SIG_BLOCK, &ends, NULL) == -1)
		return -1;
	return signalfd(-1, &ends, SFD_CLOEXEC);
}

void
cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

int64_t
cond_deadline(int64_t ms)
{
	struct timespec now;

	if (ms == NEVER)
		return NEVER;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return ms + now.tv_sec * SECOND + now.tv_nsec / 1000000;
}

bool
cond_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t deadline)
{
	const struct timespec until = {
		.tv_sec = (time_t)(deadline / SECOND),
		.tv_nsec = (long)(deadline % SECOND) * 1000000,
	};

	if (deadline == NEVER)
		return pthread_cond_wait(c, lock) == 0;
	return pthread_cond_timedwait(c, lock, &until) == 0;
}
