/*
 * conftree.h - libconfuse, one caller at a time.
 *
 * Only conftext.c uses it, for text that it has tamed.
 */
#ifndef CONFTREE_H
#define CONFTREE_H

#include <confuse.h>

#include "scanner.h"

/* For all that a grammar can only frown at. */
#define CONFTREE_SYNTAX "not understood: write name = \"value\", " \
	"name = {\"a\", \"b\"} or section \"name\" { ... }"

/* The tree of text, or NULL and a mistake. */
cfg_t	*conftree_make(const char *text, cfg_opt_t *opts, struct diag *m);
void	conftree_free(cfg_t *tree);

#endif
