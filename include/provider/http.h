/*
 * http.h - one form to one server, over TLS that was verified.
 *
 * Only what links libcurl can use this.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stddef.h>

#include "why.h"

#define HTTP_TIMEOUT	20	/* seconds for the whole of it */

struct http_answer {
	char *p;		/* room for what comes back: the caller's */
	size_t size, len;	/* of p; what came, never more than size - 1 */
};

/*
 * POSTs the form to url (https only, no redirect is followed, no proxy of the
 * environment asked).  The HTTP status, or -1 and why none came: then nothing
 * of the form was given to anybody but the server that the certificate names.
 */
long	http_post(const char *url, const char *form, size_t len,
	    const char *ca_file, struct http_answer *answer, struct why *why);

#endif
