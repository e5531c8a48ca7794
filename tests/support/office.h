/*
 * office.h - an office with its mail server in a few lines: what a test says
 * over SMTP reaches the real milter callbacks, with a store in memory behind.
 *
 * For a test program that links the milter door.
 */
#ifndef OFFICE_H
#define OFFICE_H

#include "fake_smfi.h"
#include "house.h"
#include "milter.h"
#include "why.h"

extern struct store *store;
extern SMFICTX server;
extern struct health *health;	/* NULL until a test wants some */

void	open_office(const char *text);

void	close_office(void);

void	connect_from(const char *ip);

void	hang_up(void);

void	mail(const char *sender);	/* parameters may follow a blank */

sfsistat rcpt(const char *recipient);	/* parameters may follow a blank */

sfsistat eom(void);

void	rset(void);

/* One message to one recipient, from MAIL to its end. */
sfsistat send_one(const char *sender, const char *recipient);

unsigned send_many(const char *sender, const char *recipient, unsigned n);

void	hand_in(const char *sender);	/* as sendmail(1) does */

#endif
