/*
 * sendmail_maps.h - Sendmail's three questions, answered whole.
 *
 * The desk behind the maps route, tls and sendmail.  Each writes one answer
 * of the socketmap protocol: "OK data", "NOTFOUND " when the stock rules may
 * go on, "TEMP why" when the message must wait.
 */
#ifndef SENDMAIL_MAPS_H
#define SENDMAIL_MAPS_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "desk.h"

/* Which mailer and host for this recipient?  Map "route". */
void	sendmail_map_route(const struct desk *desk, struct bytes key, int64_t now, char *dst,
	    size_t size);

/* How safe must this server be?  Map "tls". */
void	sendmail_map_tls(const struct desk *desk, struct bytes key, int64_t now, char *dst,
	    size_t size);

/* Which login for this server?  Map "sendmail".  The caller wipes dst. */
/*
 * The token of the smarthost that key names, for the plugin that was given a
 * handle of it.  Whoever asks is root.
 */
void	sendmail_map_token(const struct desk *desk, struct bytes key,
	    int64_t now, char *dst, size_t size);

void	sendmail_map_auth(const struct desk *desk, struct bytes key, int64_t now, char *dst,
	    size_t size);

#endif
