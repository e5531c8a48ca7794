/*
 * sendmail_queue.h - the mail that is held in Sendmail, as its own program
 * tells it, and how root lets it go.
 */
#ifndef SENDMAIL_QUEUE_H
#define SENDMAIL_QUEUE_H

#include "postfix_queue.h"

/*
 * Calls each for every quarantined message ("hold"; arrival 0: Sendmail uses
 * no id again).  directory is that of sendmail.cf, NULL: Sendmail's own.
 * 0, or -1 and why.
 */
int	sendmail_queue(const char *directory, queued_fn *each, void *arg,
	    struct why *why);

/* Lifts the quarantine, and tries a delivery in the background. */
int	sendmail_release(const char *directory, const char *id,
	    struct why *why);

#endif
