/*
 * desk.h - what every question at the desk needs: the configuration as it is
 * while the question lasts, the store, and what is known of the accounts.
 */
#ifndef DESK_H
#define DESK_H

#include "config.h"
#include "smarthost_health.h"
#include "store.h"

struct gate;

struct desk {
	const struct config *conf;	/* held by who asks */
	struct store *store;
	struct health *health;		/* NULL: nobody looks at smarthosts */
	struct gate *gate;		/* NULL: no exit is metered here */
};

#endif
