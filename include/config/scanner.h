/*
 * scanner.h - the text of a configuration file, read as it is written.
 *
 * libconfuse makes the tree; what the administrator typed between quotes
 * never reaches it.  Each value goes to libconfuse as a ticket, a number that
 * stands for the text and the line it stood on.  So every message has its
 * line, nothing is expanded from the environment, and a password is never
 * copied into memory that nobody wipes.
 */
#ifndef SCANNER_H
#define SCANNER_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>

#include "diag.h"

/* The names a file may use: an array of these, closed by CFG_END(). */
#define CONF_ONE(name)		CFG_INT(name, 0, CFGF_NODEFAULT)
#define CONF_LIST(name)		CFG_INT_LIST(name, NULL, CFGF_NODEFAULT)
#define CONF_SECTION(name, opts) CFG_SEC(name, opts, CFGF_MULTI | CFGF_TITLE)

struct conf_value {
	const char *text;	/* terminated, decoded, without NUL inside */
	size_t len;
	unsigned line;
};

struct scanned_text {
	cfg_t *tree;
	size_t n;
	struct conf_value *value;	/* by ticket */
};

/*
 * Reads len bytes at text, which are changed: values are decoded in place and
 * point into it.  Unknown names and options given twice are mistakes, too.
 * Returns -1 if there is no tree; 0 otherwise, and then m->n may have grown
 * as well.
 */
int	conftext_parse(struct scanned_text *t_r, char *text, size_t len,
	    cfg_opt_t *opts, struct diag *m);
void	conftext_free(struct scanned_text *t);

/* True if the file gives the option, be it an empty list. */
bool	conftext_given(cfg_t *sec, const char *name);

/* How many values it has; 0 if it is not given. */
size_t	conftext_size(cfg_t *sec, const char *name);

/* Value i of it; NULL if there is none. */
const struct conf_value *conftext_value(const struct scanned_text *t, cfg_t *sec,
	    const char *name, size_t i);

/* The name in quotes behind the section's kind. */
const struct conf_value *conftext_title(const struct scanned_text *t, cfg_t *sec);

#endif
