/*
 * negotiate.h - what a mail server is asked for, and what it grants.
 */
#ifndef NEGOTIATE_H
#define NEGOTIATE_H

#include <stdbool.h>

#include <libmilter/mfapi.h>

#include "config.h"

/* All that can ever be asked for.  A mark is a parameter of the sender. */
#define NEGOTIATE_RENAMES (SMFIF_CHGFROM | SMFIF_CHGHDRS | SMFIF_ADDHDRS)
#define NEGOTIATE_MARKS SMFIF_CHGFROM
#define NEGOTIATE_READDRESSES (SMFIF_DELRCPT | SMFIF_ADDRCPT_PAR)
#define NEGOTIATE_ACTIONS \
	(SMFIF_QUARANTINE | SMFIF_SETSYMLIST | NEGOTIATE_RENAMES | \
	    NEGOTIATE_READDRESSES)

struct negotiation {
	unsigned long actions, steps;	/* offered; then what is agreed on */
	bool quiet_connect, quiet_mail;	/* the step wants no reply */
	bool quiet_header, quiet_body;
	bool sees_body;
	bool can_rename;		/* sees headers, may change them */
	bool can_mark;
	bool can_readdress;		/* may take recipients out and in again */
};

/* As little as the configuration needs of what *n offers; asks for macros. */
void	negotiate(SMFICTX *ctx, const struct config *conf,
	    struct negotiation *n);

#endif
