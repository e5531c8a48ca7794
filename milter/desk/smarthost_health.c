/*
 * smarthost_health.c - which smarthosts are unhealthy, as far as anybody
 * looked.
 *
 * Kept by name: a reload may reorder, add and remove smarthosts, and the one
 * that was unhealthy before is so after it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smarthost_health.h"

struct entry {
	struct entry *next;
	struct breaker breaker;
	int64_t seen;
	struct why why;
	char name[];
};

struct health {
	pthread_mutex_t lock;
	struct entry *first; /* guarded by lock, with the whole list */
};

struct health *
health_new(void)
{
	struct health *h = calloc(1, sizeof(*h));

	if (h != NULL && pthread_mutex_init(&h->lock, NULL) != 0) {
		free(h);
		h = NULL;
	}
	return h;
}

void
health_forget(struct health *h)
{
	struct entry *p;

	pthread_mutex_lock(&h->lock);
	while ((p = h->first) != NULL) {
		h->first = p->next;
		free(p);
	}
	pthread_mutex_unlock(&h->lock);
}

void
health_free(struct health **hp)
{
	struct health *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	health_forget(h);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static struct entry *
find(const struct health *h, const char *name)
{
	struct entry *p = h->first;

	while (p != NULL && strcmp(p->name, name) != 0)
		p = p->next;
	return p;
}

static struct entry *
find_or_add(struct health *h, const char *name)
{
	struct entry *p = find(h, name);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p) + strlen(name) + 1);
	if (p == NULL)
		return NULL;
	strcpy(p->name, name);
	p->next = h->first;
	h->first = p;
	return p;
}

bool
health_tell(struct health *h, const char *smarthost, bool good, const char *why,
    int64_t now)
{
	bool was = false, is = false;
	struct entry *p;

	pthread_mutex_lock(&h->lock);
	p = find_or_add(h, smarthost);
	if (p != NULL) {
		was = p->breaker.pause > 0;
		if (good)
			breaker_good(&p->breaker);
		else
			breaker_bad(
			    &p->breaker, HEALTH_PAUSE, HEALTH_LONGEST, now);
		is = p->breaker.pause > 0;
		p->seen = now;
		why_set(&p->why, "%s", good ? "" : why);
	}
	pthread_mutex_unlock(&h->lock);
	return was != is;
}

bool
health_is_unhealthy(struct health *h, const char *smarthost)
{
	const struct entry *p;
	bool unhealthy;

	if (h == NULL)
		return false;
	pthread_mutex_lock(&h->lock);
	p = find(h, smarthost);
	unhealthy = p != NULL && p->breaker.pause > 0;
	pthread_mutex_unlock(&h->lock);
	return unhealthy;
}

bool
health_ask(struct health *h, const char *smarthost, int64_t now,
    struct health_report *r_r)
{
	const struct entry *p;

	if (h == NULL)
		return false;
	pthread_mutex_lock(&h->lock);
	p = find(h, smarthost);
	if (p != NULL) {
		r_r->state = breaker_state(&p->breaker, now);
		r_r->seen = p->seen;
		r_r->until = r_r->state == BREAKER_OPEN ? p->breaker.until : 0;
		r_r->why = p->why;
	}
	pthread_mutex_unlock(&h->lock);
	return p != NULL;
}

int64_t
health_next(struct health *h, const char *smarthost, int64_t every, int64_t now)
{
	struct health_report r;

	if (!health_ask(h, smarthost, now, &r) || r.state == BREAKER_CLOSED)
		return every;
	return r.state == BREAKER_OPEN ? r.until - now : 1;
}
