/*
 * conftext.h - a configuration file as the tree that libconfuse makes of it.
 *
 * libconfuse reads what the grammar understood, written so that it can mean
 * one thing only; our own reader of an option keeps each value with the line
 * it stands on.
 */
#ifndef CONFTEXT_H
#define CONFTEXT_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>

#include "diag.h"

struct conf_value {
	const char *text;	/* terminated, decoded, without NUL inside */
	size_t len;
	unsigned line;
};

/* The readers of an option: what libconfuse keeps is a struct conf_value. */
int	conf_value_read(cfg_t *sec, cfg_opt_t *opt, const char *text, void *v_r);
void	conf_value_free(void *v);

/* The names a file may use: an array of these, closed by CFG_END(). */
#define CONF_ONE(name) \
	CFG_PTR_CB(name, NULL, CFGF_NODEFAULT, conf_value_read, conf_value_free)
#define CONF_LIST(name) \
	CFG_PTR_LIST_CB(name, NULL, CFGF_NODEFAULT, conf_value_read, \
	    conf_value_free)
#define CONF_SECTION(name, opts) CFG_SEC(name, opts, CFGF_MULTI | CFGF_TITLE)

struct scanned_text {
	cfg_t *tree;
};

/*
 * Reads len bytes at text.  Unknown names and options given twice are
 * mistakes, too.  Returns -1 if there is no tree; 0 otherwise, and then m->n
 * may have grown as well.
 */
int	conftext_parse(struct scanned_text *t_r, const char *text, size_t len,
	    cfg_opt_t *opts, struct diag *m);
void	conftext_free(struct scanned_text *t);

/* True if the file gives the option, be it an empty list. */
bool	conftext_given(cfg_t *sec, const char *name);

/* How many values it has; 0 if it is not given. */
size_t	conftext_size(cfg_t *sec, const char *name);

/* Value i of it; NULL if there is none. */
const struct conf_value *conftext_value(cfg_t *sec, const char *name,
	    size_t i);

/* The name in quotes behind the section's kind; as long as the tree is there. */
struct conf_value conftext_title(cfg_t *sec);

#endif
