/*
 * event_queue.h - events that wait to be written, the oldest first.
 *
 * Not locked: whoever owns it does that.  Only event_queue_drop makes places
 * free, so who writes may read those that it has seen without the lock.
 */
#ifndef EVENT_QUEUE_H
#define EVENT_QUEUE_H

#include "store.h"

#define EVENT_QUEUE 1024	/* places */

struct event_queue {
	struct store_event *v;	/* a ring */
	size_t first, n;
};

/* False: out of memory, and there is nothing to free. */
bool	event_queue_new(struct event_queue *q);
void	event_queue_free(struct event_queue *q);

/* False: it is full. */
bool	event_queue_add(struct event_queue *q, const struct store_event *e);

/* The i-th, from the oldest. */
const struct store_event *event_queue_at(const struct event_queue *q,
	    size_t i);

/* The n oldest are no longer there. */
void	event_queue_drop(struct event_queue *q, size_t n);

#endif
