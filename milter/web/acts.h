/*
 * acts.h - a form that was sent, as a request to the daemon.
 */
#ifndef ACTS_H
#define ACTS_H

#include <jansson.h>

#include "form.h"

/*
 * The daemon's object for the form, in the name of by; a new reference.  NULL
 * if it is no act, and *wrong_r says so.
 */
json_t	*acts_request(const struct form *f, const char *by,
	    const char **wrong_r);

#endif
