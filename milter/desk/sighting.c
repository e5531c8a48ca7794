/*
 * sighting.c - the sender that is waited for, and how often it came.
 */
#include "sighting.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "mailaddr.h"

static atomic_bool waiting; /* somebody is expected */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char expected[MAILADDR_MAX + 1]; /* guarded by lock */
static unsigned seen;                   /* guarded by lock */

void
sighting_expect(const char *sender)
{
	pthread_mutex_lock(&lock);
	snprintf(expected, sizeof(expected), "%s", sender);
	seen = 0;
	atomic_store(&waiting, sender[0] != '\0');
	pthread_mutex_unlock(&lock);
}

void
sighting_note(const char *sender)
{
	if (!atomic_load(&waiting))
		return;
	pthread_mutex_lock(&lock);
	if (strcmp(expected, sender) == 0)
		seen++;
	pthread_mutex_unlock(&lock);
}

unsigned
sighting_count(const char *sender)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = strcmp(expected, sender) == 0 ? seen : 0;
	pthread_mutex_unlock(&lock);
	return n;
}
