/*
 * admin.h - a form that was sent, as an admin command for the daemon.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include <jansson.h>

#include "form.h"

/*
 * The daemon's object for the form, in the name of by; a new reference.  NULL
 * if it is no command of the page, and *wrong_r says so.
 */
json_t	*admin_request(const struct form *f, const char *by,
	    const char **wrong_r);

#endif
