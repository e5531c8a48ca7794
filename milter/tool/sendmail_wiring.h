/*
 * sendmail_wiring.h - what a sendmail.cf in force does with postmeter's maps,
 * mailers, filter and rules, and who may pass it by.
 *
 * Pure but for memory.
 */
#ifndef SENDMAIL_WIRING_H
#define SENDMAIL_WIRING_H

#include <jansson.h>

#include "config.h"

struct wiring {
	const struct config *conf;
	const char *cf;		/* sendmail.cf */
	const char *access;	/* the access table, NULL: there is none */
	const char *relay;	/* relay-domains, NULL: there is none */
	const char *aliases;	/* the alias file, NULL: there is none */
	const char *apply;	/* the command that writes our part anew */
};

/*
 * A finding in notes for each way in which that sendmail.cf would let mail by
 * the meter, send it with the wrong login, or let it wait for ever.  None if it
 * does not know postmeter: that is for mc_notes to say.
 */
void	wiring_notes(const struct wiring *w, json_t *notes);

#endif
