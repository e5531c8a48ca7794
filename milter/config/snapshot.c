/*
 * snapshot.c - the running configuration: published whole, held while used.
 *
 * Being the current one is a hold like any other (config_hold).  The lock makes
 * one step of reading which one is current and of holding it.
 */
#include <pthread.h>

#include "snapshot.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct config *current; /* guarded by lock */

void
snapshot_publish(struct config *conf)
{
	struct config *before;

	pthread_mutex_lock(&lock);
	before = current;
	current = conf;
	pthread_mutex_unlock(&lock);
	config_free(&before);
}

const struct config *
snapshot_hold(void)
{
	const struct config *conf;

	pthread_mutex_lock(&lock);
	conf = config_hold(current);
	pthread_mutex_unlock(&lock);
	return conf;
}

void
snapshot_release(const struct config **cp)
{
	config_release(cp);
}
