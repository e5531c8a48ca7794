/*
 * early_route.h - recipients whose route Sendmail asked for at RCPT.
 *
 * Which account pays is known at the end of the message.  If its server is
 * another than the one that was answered at RCPT, the message would be taken
 * to the wrong server and wait there for a queue run.  Sendmail parses a
 * recipient that is taken out and put in again anew, and asks anew.
 *
 * A list belongs to one session; no function locks.
 */
#ifndef EARLY_ROUTE_H
#define EARLY_ROUTE_H

#include <libmilter/mfapi.h>

#include "config.h"

struct early_route;

/*
 * Notes an accepted recipient: argv of its RCPT (RFC 3461 parameters behind the
 * address), {rcpt_mailer} and {rcpt_host}.  Those of other mailers than ours,
 * and NULL, are none of our routes and not noted.  -1: out of memory.
 */
int	early_route_note(struct early_route **list, char **argv,
	    const char *mailer, const char *host);

/*
 * At the end of the message: has those asked about again that were sent
 * elsewhere than to sh.  -1 if one was taken out and could not be put in again:
 * the message must not be accepted.
 */
int	early_route_correct(SMFICTX *ctx, struct early_route *list,
	    const struct smarthost *sh);

void	early_route_forget(struct early_route **list);

#endif
