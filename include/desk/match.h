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

/*
 * Is it outgoing: logged in, from networks, handed in by sendmail(1), or a
 * stranger's that the mail server relays by a smarthost?
 */
bool	match_outgoing(const struct config *conf, const struct txn *t);

/* What the mail server says of a recipient; NULL where it says nothing. */
struct rcpt_word {
	const char *mailer;	/* {rcpt_mailer}: a transport of Postfix, a */
				/* mailer of Sendmail */
	const char *addr;	/* {rcpt_addr}: as it resolved the address */
};

/*
 * How far does a recipient's mail go?  The mail server's word goes first: what
 * it delivers itself stays, what it hands to another host leaves, unless the
 * domain is in local-domains.  What cannot be told leaves.
 */
enum txn_way match_recipient(const struct config *conf, const char *raw,
	    const struct rcpt_word *word);

/*
 * The envelope sender: as the mail server completed it ({mail_addr}) where
 * that can be read without doubt, else as the client wrote it.  Whom Sendmail
 * knows as a user of the machine ({mail_addr} without a domain), under a name
 * that is not among local-domains, is who he is when he logs in.
 */
void	match_envelope_sender(const struct config *conf, const char *raw,
	    const char *mail_addr, struct mailaddr *a_r);

#endif
