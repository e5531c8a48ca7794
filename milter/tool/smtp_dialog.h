/*
 * smtp_dialog.h - an SMTP server, spoken to line by line as a client would,
 * with TLS if it has it.  Nothing is sent by it: no DATA.
 */
#ifndef SMTP_DIALOG_H
#define SMTP_DIALOG_H

#include <stdbool.h>
#include <stddef.h>

struct smtp_dialog;

/*
 * Connects, greets, and starts TLS if it is offered (wrapped: before all
 * else); the certificate is not looked at, for nothing secret is said.  NULL,
 * and why in dst.
 */
struct smtp_dialog *smtp_dialog_open(const char *host, const char *port,
	    bool wrapped, char *dst, size_t size);

/* The code of the reply to a command, its last line in dst; -1: it hung up. */
int	smtp_dialog_say(struct smtp_dialog *d, const char *command, char *dst,
	    size_t size);

/* QUIT, and the end. */
void	smtp_dialog_close(struct smtp_dialog **dp);

#endif
