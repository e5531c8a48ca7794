/*
 * web.h - a request as it came over the wire, and what is answered.
 */
#ifndef WEB_H
#define WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "form.h"
#include "html.h"

#define WEB_NAME 256	/* of whoever is logged in, NUL included */

/* Who stands before the door says who is there. */
enum web_door {
	WEB_PROXY,	/* a UNIX socket: the proxy, by X-Remote-User */
	WEB_LOOPBACK	/* a cookie that a one-time token was changed for */
};

/* A header field: how often it came, and the first of them. */
struct field {
	unsigned n;
	const char *text;	/* NULL if n is 0 */
};

enum web_field {
	WEB_HOST, WEB_ORIGIN, WEB_FETCH_SITE, WEB_COOKIE, WEB_IF_NONE_MATCH,
	WEB_REMOTE_USER, WEB_CONTENT_TYPE, WEB_CONTENT_LENGTH,
	WEB_TRANSFER_ENCODING, WEB_ACCEPT, WEB_FIELDS
};

extern const char *const web_field_names[WEB_FIELDS];

struct web_request {
	const char *method;
	const char *target;	/* path and query, as sent */
	struct field field[WEB_FIELDS];
	const char *body;	/* body_len bytes */
	size_t body_len;
	bool body_too_long;
};

/* What the site is; who may do what comes from the configuration. */
struct web_rules {
	enum web_door door;
	unsigned port;		/* of WEB_LOOPBACK */
};

#define WEB_TAG		40	/* of an entity tag, NUL included */

struct web_response {
	unsigned status;
	const char *type;
	struct html body;
	char tag[WEB_TAG];	/* ETag; "" if there is none */
	char location[640];	/* of 303; "" if there is none */
	char cookie[256];	/* Set-Cookie; "" if there is none */
	bool lasting;		/* may be kept by the browser */
};

#endif
