/*
 * sendmail_maps.h - Sendmail's questions, answered whole.
 *
 * The desk behind the maps route, tls, login, sendmail, leave and refused.  Each
 * writes one answer of the socketmap protocol: "OK data", "NOTFOUND " when the
 * stock rules may go on, "TEMP why" when the message must wait.
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

/*
 * The token of the smarthost that key names, for the plugin that was given a
 * handle of it.  Whoever asks is root.
 */
void	sendmail_map_token(const struct desk *desk, struct bytes key,
	    int64_t now, char *dst, size_t size);

/*
 * Is a login due there?  "OK due", "OK none".  Map "login"; it costs nothing.
 * An account whose login was refused waits here, before a provider that offers
 * none could refuse MAIL.
 */
void	sendmail_map_login(const struct desk *desk, const char *process,
	    struct bytes key, int64_t now, char *dst, size_t size);

/* May one more recipient leave there?  Map "leave": each is metered. */
void	sendmail_map_leave(const struct desk *desk, const char *process,
	    struct bytes key, int64_t now, char *dst, size_t size);

/*
 * The login that was due there was not made, and no recipient leaves.  Map
 * "refused".
 */
void	sendmail_map_refused(const struct desk *desk, const char *process,
	    struct bytes key, int64_t now, char *dst, size_t size);

/*
 * Which login for this server?  Map "sendmail": a delivery is metered.  The
 * caller wipes dst.
 */
void	sendmail_map_auth(const struct desk *desk, const char *process,
	    struct bytes key, int64_t now, char *dst, size_t size);

#endif
