/*
 * grammar.h - what a configuration file may say, and what it says.
 *
 *	file	= { option | section }
 *	section	= NAME "TITLE" "{" { option } "}"
 *	option	= NAME "=" ( value | "{" [ value { "," value } [","] ] "}" )
 *	value	= string | word
 *
 * Names are those of a table of libconfuse; an unknown one and an option that
 * is given twice are mistakes, and the rest is still read.
 */
#ifndef GRAMMAR_H
#define GRAMMAR_H

#include <confuse.h>
#include <stddef.h>

#include "diag.h"
#include "scanner.h"

/* For all that a grammar can only frown at. */
#define GRAMMAR_SYNTAX "not understood: write name = \"value\", " \
	"name = {\"a\", \"b\"} or section \"name\" { ... }"

/* What was said, in the order of the text; tokens are spans of it. */
struct conf_item {
	enum {
		CONF_SECTION_BEGINS,	/* name, and value: its title */
		CONF_SECTION_ENDS,
		CONF_OPTION,		/* name; a value or more may follow */
		CONF_VALUE		/* value, of the option before */
	} kind;
	struct token name, value;
	const cfg_opt_t *opt;	/* of a section or an option: its row */
};

struct conf_items {
	size_t n;
	struct conf_item *v;
};

/*
 * Reads the text by the names in opts.  -1 if no sense can be made of it; else
 * 0, and m->n may have grown as well.  To be freed in both cases.
 */
int	grammar_read(struct conf_items *items_r, const char *text, size_t len,
	    const cfg_opt_t *opts, struct diag *m);
void	grammar_free(struct conf_items *items);

#endif
