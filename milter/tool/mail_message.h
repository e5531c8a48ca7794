/*
 * mail_message.h - a mail of postmeter's own, and how it is handed in.
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include <stdio.h>

#include "why.h"

struct mail_message {
	const char *to;      /* one address */
	const char *subject; /* UTF-8; line ends in it do no harm */
	const char *text;    /* UTF-8 */
	const char *html;    /* NULL: there is only text */
};

/* As it goes over the wire, with \n. */
void mail_message_write(FILE *out, const struct mail_message *m);

/*
 * Through sendmail(1); directory is that of Postfix's main.cf, NULL: the mail
 * server's own.  Its sender is <>, and it says that a machine wrote it: nobody
 * answers to it and no bounce comes back, so it is never the begin of a loop.
 * 0, or -1 and why.
 */
int mail_message_send(
    const struct mail_message *m, const char *directory, struct why *why);

#endif
