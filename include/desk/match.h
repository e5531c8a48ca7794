/*
 * match.h - which rule speaks for a transaction: the first that matches.
 *
 * Pure.  All conditions of a rule must hold; a list holds if one entry does.
 */
#ifndef MATCH_H
#define MATCH_H

#include <stdbool.h>

#include "config.h"
#include "transaction.h"

/* The first rule that matches, or NULL. */
const struct rule *match_rule(const struct config *conf,
	    const struct txn *t);

/*
 * The rule for mail of this sender when login and client are not known, as
 * when a queue manager asks: the first that depends on neither, else the
 * first that could match and has a route, else NULL.  *sure_r is false if a
 * rule before it depends on what is not known.
 */
const struct rule *match_sender(const struct config *conf,
	    const struct mailaddr *sender, bool *sure_r);

/* Is it outgoing: logged in, from networks, or handed in by sendmail(1)? */
bool	match_outgoing(const struct config *conf, const struct txn *t);

/*
 * Does a recipient leave the office?  Not if its domain is in local-domains,
 * nor if the MTA will deliver it itself; mailer is what {rcpt_mailer} says,
 * NULL if it does not.
 */
bool	match_external(const struct config *conf, const struct mailaddr *rcpt,
	    const char *mailer);

#endif
