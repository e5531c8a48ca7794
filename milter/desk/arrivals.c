/*
 * arrivals.c - queue ids of messages that are being submitted now.
 *
 * As many as there are sessions, so a list will do; the nodes are theirs, and
 * nothing is allocated for a message.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "arrivals.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* guarded by lock, with the links of all that hang in it */
static struct arrival arrivals = { .next = &arrivals, .prev = &arrivals };

void
arrivals_remove(struct arrival *a)
{
	pthread_mutex_lock(&lock);
	if (a->next != NULL) {
		a->next->prev = a->prev;
		a->prev->next = a->next;
		a->next = a->prev = NULL;
	}
	pthread_mutex_unlock(&lock);
}

void
arrivals_add(struct arrival *a, const char *id, const struct mailaddr *sender)
{
	arrivals_remove(a);
	pthread_mutex_lock(&lock);
	snprintf(a->id, sizeof(a->id), "%s", id);
	a->sender = *sender;
	a->next = arrivals.next;
	a->prev = &arrivals;
	a->next->prev = a;
	arrivals.next = a;
	pthread_mutex_unlock(&lock);
}

bool
arrivals_has(const char *id, struct mailaddr *sender_r)
{
	const struct arrival *a;

	pthread_mutex_lock(&lock);
	for (a = arrivals.next; a != &arrivals; a = a->next)
		if (strcmp(a->id, id) == 0)
			break;
	if (a != &arrivals)
		*sender_r = a->sender;
	pthread_mutex_unlock(&lock);
	return a != &arrivals;
}
