/*
 * sendmail_mc.h - Sendmail's half of the wiring: sendmail.mc with our two
 * lines and without them.
 *
 * Pure but for memory.  What is added stands between comments that say whose
 * it is, so taking it out leaves every other byte as it was.
 */
#ifndef SENDMAIL_MC_H
#define SENDMAIL_MC_H

#include <jansson.h>

#include "config.h"
#include "why.h"

/*
 * mc with include lines for the two parts in dir: A in front of the mailers,
 * B at the end.  Lines from an earlier run move to where they belong now.
 * To be freed; NULL and *why (a sentence, or NULL if memory is out).
 */
char	*mc_with(const char *mc, const char *dir, struct why *why);

/* mc without them.  To be freed; NULL if memory is out. */
char	*mc_without(const char *mc);

/*
 * The text of the two m4 files for conf, which names the sockets.  To be
 * freed; NULL and *why as above.
 */
char	*mc_part_a(const struct config *conf, struct why *why);
char	*mc_part_b(void);

/*
 * A finding (ctl.h) in notes for each thing that only a person can decide
 * ("must": mail suffers as it is): what conf asks and Sendmail cannot
 * do, what sendmail.cf or the access table would spoil.  cf and access may be
 * NULL: not to be judged.
 */
void	mc_notes(const struct config *conf, const char *cf,
	    const char *access, json_t *notes);

/*
 * A finding for each way in which Sendmail, with this cf and access table
 * (may be NULL), would show the dialogue with a smarthost, and so its key, to
 * others than root.  None if cf asks postmeter for no keys.
 */
void	mc_shown(const char *cf, const char *access, json_t *notes);

/* A finding if the program at path runs with more rights than it may. */
void	mc_program(const char *path, json_t *notes);

/* Does cf ask postmeter for keys? */
bool	mc_has_credentials(const char *cf);

/* What sendmail.cf says, however it is written (ctl_cf.c). */
enum {
	CF_NOVERB = 1,		/* by itself, or by noexpn or goaway */
	CF_RESTRICTQRUN = 2,
	CF_RESTRICTEXPAND = 4,
};
unsigned cf_privacy(const char *cf);
bool	cf_verbose(const char *cf);

#endif
