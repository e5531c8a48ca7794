/*
 * snapshot.c - the running configuration: published whole, held while used.
 */
#include <pthread.h>
#include <stdlib.h>

#include "snapshot.h"

/* A configuration and how many hold it; being the current one is a hold. */
struct held {
	struct config *conf;
	unsigned holders;
	struct held *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *all, *current;

/* let_go - returns the configuration if that was its last holder */
static struct config *
let_go(struct held *h)
{
	struct config *conf = NULL;

	if (--h->holders > 0)
		return NULL;
	for (struct held **p = &all; *p != NULL; p = &(*p)->next) {
		if (*p == h) {
			*p = h->next;
			break;
		}
	}
	conf = h->conf;
	free(h);
	return conf;
}

int
snapshot_publish(struct config *conf)
{
	struct held *h = malloc(sizeof(*h));
	struct config *gone = NULL;

	if (h == NULL)
		return -1;
	pthread_mutex_lock(&lock);
	*h = (struct held){ conf, 1, all };
	all = h;
	if (current != NULL)
		gone = let_go(current);
	current = h;
	pthread_mutex_unlock(&lock);
	config_free(&gone);
	return 0;
}

const struct config *
snapshot_hold(void)
{
	const struct config *conf;

	pthread_mutex_lock(&lock);
	current->holders++;
	conf = current->conf;
	pthread_mutex_unlock(&lock);
	return conf;
}

void
snapshot_release(const struct config **cp)
{
	struct config *gone = NULL;

	pthread_mutex_lock(&lock);
	for (struct held *h = all; h != NULL; h = h->next) {
		if (h->conf == *cp) {
			gone = let_go(h);
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	*cp = NULL;
	config_free(&gone);
}
