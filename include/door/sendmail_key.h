/*
 * sendmail_key.h - what Sendmail asks on the map and auth sockets, and its answers.
 *
 * Sendmail asks by message, not by sender, and each answer is a piece of its
 * own rules: a mailer and host, a demand on a certificate, a list for AUTH.
 *
 * Pure: bytes in, spans and texts out.
 */
#ifndef SENDMAIL_KEY_H
#define SENDMAIL_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "config.h"
#include "why.h"

/*
 * A key in its parts: QUEUEID<sender><recipient>ENVID, or
 * QUEUEID<sender><server>ENVID, or QUEUEID<sender><server><recipient>ENVID.
 */
struct sendmail_key {
	struct bytes id;		/* may be empty, as in an address test */
	struct bytes sender;	/* as the client wrote it, without brackets */
	struct bytes about;	/* the recipient, or the server's name */
	struct bytes rcpt;	/* a recipient behind a server, or empty */
	struct bytes envid;	/* may be empty (RFC 3461 4.4) */
};

/*
 * Takes a key apart; what is quoted or escaped (RFC 5321 4.1.2) ends nothing.
 * False if it is no such key.
 */
bool	sendmail_parse(struct bytes key, struct sendmail_key *k_r);

/*
 * A clone of a message (an owner- alias makes one) and a part of it (a queue
 * group does) have queue ids of their own, but its envelope identifier.  So a
 * message that may become several is given one that nobody can guess, and is
 * bound by that: its mark.  No queue id looks like one.
 */
#define SENDMAIL_MARK	"pm-"
bool	sendmail_is_mark(struct bytes envid);

/* Sendmail's own notices have this sender, or none, when they wait. */
bool	sendmail_is_notice(struct bytes sender);

/* What a server is to a message that is about to be handed to it. */
enum sendmail_server {
	SENDMAIL_DUE,		/* the message's smarthost: it gets the password */
	SENDMAIL_OTHER,		/* none of our business: the stock rules */
	SENDMAIL_ASTRAY		/* the message must not go there: wait */
};

/*
 * sh is the smarthost of the message, NULL if it has none.  A message that
 * has one may meet no other server, but those inside the office: named in
 * or below local-domains, or with an address in networks.  No message may meet
 * the server of a smarthost that is not its own: it was not charged there.
 */
enum sendmail_server sendmail_server(const struct config *conf,
	    const struct smarthost *sh, struct bytes server);

/*
 * Can Sendmail reach this smarthost?  Not on a port with implicit TLS, and
 * only on a port that postmeter-b.m4 has a mailer for: an answer with any
 * other would bounce the mail.  If not, *why is a sentence with the remedy.
 */
bool	sendmail_can(const struct smarthost *sh, struct why *why);

/* Bytes of a user name or password: in base64 what a token of a rule holds. */
#define SENDMAIL_VALUE	189

/* The longest answer: three values in base64 and their frame. */
#define SENDMAIL_ANSWER (3 * (SENDMAIL_VALUE / 3 * 4) + 128)

/* "pm587:[smtp.example.com]".  -1 if size does not suffice. */
int	sendmail_route(const struct smarthost *sh, char *dst, size_t size);

/* "VERIFY:112+CN": chain and name; "ENCR:112": no more than a cipher. */
const char *sendmail_tls(const struct smarthost *sh);

/*
 * "U=..." "I=..." "P=..." "M:METHODS" with values in base64.  -1 if a
 * value is longer than SENDMAIL_VALUE or size does not suffice.  The caller
 * wipes dst.
 */
int	sendmail_auth(const char *user, const char *password,
	    const char *methods, char *dst, size_t size);

#endif
