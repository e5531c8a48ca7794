/*
 * event_queue.c - events that wait to be written, the oldest first.
 */
#include <stdlib.h>

#include "event_queue.h"

bool
event_queue_new(struct event_queue *q)
{
	*q = (struct event_queue){ .v = calloc(EVENT_QUEUE, sizeof(q->v[0])) };
	return q->v != NULL;
}

void
event_queue_free(struct event_queue *q)
{
	free(q->v);
	*q = (struct event_queue){ .v = NULL };
}

bool
event_queue_add(struct event_queue *q, const struct store_event *e)
{
	if (q->n == EVENT_QUEUE)
		return false;
	q->v[(q->first + q->n++) % EVENT_QUEUE] = *e;
	return true;
}

const struct store_event *
event_queue_at(const struct event_queue *q, size_t i)
{
	return &q->v[(q->first + i) % EVENT_QUEUE];
}

void
event_queue_drop(struct event_queue *q, size_t n)
{
	q->first = (q->first + n) % EVENT_QUEUE;
	q->n -= n;
}
