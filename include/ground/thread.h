/*
 * thread.h - threads that leave signals to main, and conditions that wait by
 * the clock that never steps.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts run(arg), every signal blocked.  0, or what pthread_create says. */
int	thread_start(pthread_t *t_r, void *(*run)(void *), void *arg);

/*
 * For a main that waits for its end in a poll: SIGTERM and SIGINT no longer end
 * the process but can be read from the descriptor (signalfd(2)) that is
 * returned, SIGPIPE is ignored.  -1 and errno.  Call before the first thread.
 */
int	thread_end_signals(void);

void	cond_init(pthread_cond_t *c);

/* The time in so many ms, for cond_wait only; NEVER stays NEVER. */
int64_t	cond_deadline(int64_t ms);

/*
 * Waits, lock held, until c is signalled (true, which may also come early) or
 * the deadline is over (false).
 */
bool	cond_wait(pthread_cond_t *c, pthread_mutex_t *lock,
	    int64_t deadline);

#endif
