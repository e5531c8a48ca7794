/*
 * credentials.h - which password opens which smarthost, and who may ask for it.
 *
 * The desk behind the auth socket.  It answers the exact nexthop of the very
 * smarthost that the map is named after, to an allowed peer, and nothing else
 * to anybody.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "config.h"
#include "secrets.h"
#include "why.h"


/*
 * The user and group that the daemon is to run as.  0, or -1 and one line in
 * errors if there is no such user.
 */
int	credentials_user(const struct config *conf, uid_t *uid_r, gid_t *gid_r,
	    FILE *errors);

/*
 * Reads the secrets that smarthosts and store name, into *secrets_r (NULL if
 * they name none).  0, or -1 and a line with its remedy in errors for each
 * that is missing and each mistake in the file.
 */
int	credentials_load(const struct config *conf, uid_t uid, gid_t gid,
	    FILE *errors, struct secrets **secrets_r);

/*
 * Takes secrets over as the current ones (NULL: none could be read; then
 * every answer is "could not know").
 */
void	credentials_publish(struct secrets *secrets);

/* May this user ask?  uid 65534 (nobody) never may. */
bool	credentials_peer_allowed(const struct config *conf, uid_t uid);

/*
 * The answer for smarthost map and lookup key "[host]:port": 1 and "user:password"
 * in dst (which the caller wipes), 0 if there is none for that key, -1 if it
 * could not be known; why then says why, without any secret.
 */
int	credentials_lookup(const struct config *conf, const char *map,
	    const char *key, char *dst, size_t size, struct why *why);

/*
 * The secret of that name, for a part of the daemon itself (the store); its
 * length, or -1 if it is not there or does not fit.  The caller wipes dst.
 */
ssize_t	credentials_secret(const char *name, char *dst, size_t size);

#endif
