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

void	condition_init(pthread_cond_t *c);

/* The moment in so many ms, for condition_wait only; NEVER stays NEVER. */
int64_t	condition_deadline(int64_t ms);

/*
 * Waits, lock held, until c is signalled (true, which may also come early) or
 * the deadline is over (false).
 */
bool	condition_wait(pthread_cond_t *c, pthread_mutex_t *lock,
	    int64_t deadline);

#endif
