/*
 * grammar.c - what a configuration file says, by recursive descent.
 *
 * Always one token ahead.  Each function returns -1 when no sense can be made
 * of the rest; what was wrong is told by then.
 */
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "grammar.h"
#include "suggest.h"

#define NAME_TEXT 80   /* a name in a message */
#define NAMES_MOST 128 /* in one table */

struct grammar {
	struct scanner scanner;
	struct token t; /* the next one */
	const cfg_opt_t *root;
	struct conf_items *items;
	unsigned open; /* line of the brace that is open */
	struct diag *m;
};

/* The names known at one place, and which of them were given there. */
struct scope {
	const cfg_opt_t *opts; /* NULL: of a section that is unknown itself */
	bool given[NAMES_MOST];
};

/* --- mistakes ------------------------------------------------------------ */

static char *
name_text(char dst[NAME_TEXT], const struct token *t)
{
	return escape(dst, NAME_TEXT, t->p, t->len);
}

static int
grammar_wrong(struct grammar *g, const char *what)
{
	diag_error(g->m, g->t.line, "%s", what);
	return -1;
}

/* pasted - what a sign is that no keyboard types; NULL: it is none of them */
static const char *
pasted(const char *p, size_t len)
{
	static const struct {
		const char *bytes, *what;
	} signs[] = {
		{ "\xef\xbb\xbf",
		    "a byte order mark: save the file as UTF-8 without one" },
		{ "\xe2\x80\x9c", "a curly quote: type a straight one (\")" },
		{ "\xe2\x80\x9d", "a curly quote: type a straight one (\")" },
		{ "\xe2\x80\x9e", "a curly quote: type a straight one (\")" },
		{ "\xe2\x80\x98", "a curly quote: type a straight one (\")" },
		{ "\xe2\x80\x99", "a curly quote: type a straight one (\")" },
		{ "\xc2\xa0", "a no-break space: type a common one" },
		{ "\xe2\x80\x8b",
		    "a blank without width, not to be seen: type the line anew" },
		{ ";", "a setting ends without a sign: leave out the ;" },
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		const size_t n = strlen(signs[i].bytes);

		if (len >= n && memcmp(p, signs[i].bytes, n) == 0)
			return signs[i].what;
	}
	return NULL;
}

static int
wrong_token(struct grammar *g)
{
	const char *what = NULL;
	const char quote = *g->t.p;
	char sign[8];

	switch (g->t.kind) {
	case TOKEN_BAD_SIGN:
		what = pasted(g->t.p, (size_t)(g->scanner.end - g->t.p));
		if (what != NULL)
			return grammar_wrong(g, what);
		diag_error(g->m, g->t.line,
		    "\"%s\" has no meaning here: put text into quotes",
		    g->m->discreet ? "a sign"
				   : escape(sign, sizeof(sign), g->t.p, 1));
		return -1;
	case TOKEN_BAD_STRING:
		diag_error(g->m, g->t.line,
		    "a string without its end: close it with %c", quote);
		return -1;
	case TOKEN_BAD_LINE:
		diag_error(g->m, g->t.line,
		    "a string without its end: close it with %c on the same line",
		    quote);
		return -1;
	case TOKEN_BAD_CONTROL:
		diag_error(g->m, g->t.line,
		    "a control character in a string: take it out before the %c",
		    quote);
		return -1;
	case TOKEN_BAD_ESCAPE:
		return grammar_wrong(g,
		    "a backslash inside \"...\": write \\\\ for it, or use '...', where it stands for itself");
	case TOKEN_BAD_COMMENT:
		return grammar_wrong(
		    g, "a comment without its end: close it with */");
	case TOKEN_END:
	case TOKEN_WORD:
	case TOKEN_STRING:
	case TOKEN_OPEN:
	case TOKEN_CLOSE:
	case TOKEN_EQUAL:
	case TOKEN_COMMA:
		break;
	}
	return 0;
}

static void
unknown(struct grammar *g, const cfg_opt_t *known, const char *what,
    const struct token *name)
{
	struct suggest near;
	char text[NAME_TEXT];

	if (g->m->discreet) {
		diag_error(g->m, name->line,
		    "unknown %s here: this file has secret \"NAME\" { password = \"...\" } and nothing else",
		    what);
		return;
	}
	if (token_is(name, "password") || token_is(name, "secret")) {
		diag_error(g->m, name->line,
		    "a password does not belong here: write secret = \"NAME\", then `postmeterctl secret set NAME`");
		return;
	}
	suggest_init(&near, name_text(text, name));
	for (const cfg_opt_t *o = known; o->name != NULL; o++)
		suggest_add(&near, o->name);
	if (suggest_best(&near) != NULL)
		diag_error(g->m, name->line,
		    "unknown %s \"%s\", did you mean \"%s\"?", what, text,
		    suggest_best(&near));
	else
		diag_error(g->m, name->line,
		    "unknown %s \"%s\", see postmeter.conf(5) for those there are",
		    what, text);
}

/* --- pieces -------------------------------------------------------------- */

static int
grammar_advance(struct grammar *g)
{
	g->t = scanner_next(&g->scanner);
	return wrong_token(g);
}

static int
grammar_add(struct grammar *g, const struct conf_item *item)
{
	struct conf_items *all = g->items;
	struct conf_item *grown;

	/* Its capacity doubles at each power of two. */
	if ((all->n & (all->n - 1)) == 0) {
		grown = realloc(
		    all->v, (all->n == 0 ? 1 : 2 * all->n) * sizeof(*grown));
		if (grown == NULL)
			return grammar_wrong(g, "out of memory");
		all->v = grown;
	}
	all->v[all->n++] = *item;
	return 0;
}

static const cfg_opt_t *
grammar_find(const cfg_opt_t *opts, const struct token *name)
{
	for (; opts != NULL && opts->name != NULL; opts++)
		if (token_is(name, opts->name))
			return opts;
	return NULL;
}

static int
syntax(struct grammar *g, unsigned line)
{
	diag_error(g->m, line, GRAMMAR_SYNTAX);
	return -1;
}

static int
one_too_deep(struct grammar *g)
{
	diag_error(g->m, g->t.line,
	    "a { inside a section or list: close the one of line %u with } first",
	    g->open);
	return -1;
}

static int
ends_too_soon(struct grammar *g)
{
	return grammar_wrong(
	    g, "the file ends too soon: a value or a } is missing");
}

/* --- options ------------------------------------------------------------- */

/* read_value - one value; heard: of an option that is known */
static int
read_value(struct grammar *g, bool heard)
{
	const struct conf_item item = { .kind = CONF_VALUE, .value = g->t };

	if (g->t.kind == TOKEN_END)
		return ends_too_soon(g);
	if (g->t.kind == TOKEN_OPEN)
		return one_too_deep(g);
	if (g->t.kind != TOKEN_STRING && g->t.kind != TOKEN_WORD)
		return syntax(g, g->t.line);
	if (heard && grammar_add(g, &item) == -1)
		return -1;
	return grammar_advance(g);
}

/* read_list - behind its brace */
static int
read_list(struct grammar *g, bool heard)
{
	const unsigned around = g->open;

	g->open = g->t.line;
	while (g->t.kind != TOKEN_CLOSE) {
		if (read_value(g, heard) == -1)
			return -1;
		if (g->t.kind == TOKEN_END)
			return ends_too_soon(g);
		if (g->t.kind == TOKEN_OPEN)
			return one_too_deep(g);
		if (g->t.kind == TOKEN_COMMA) {
			if (grammar_advance(g) == -1)
				return -1;
		} else if (g->t.kind != TOKEN_CLOSE) {
			return syntax(g, g->t.line);
		}
	}
	g->open = around;
	return grammar_advance(g);
}

/* read_option - behind its name; at "=" */
static int
read_option(struct grammar *g, struct scope *scope, const struct token *name)
{
	const struct conf_item item = { .kind = CONF_OPTION,
		.name = *name,
		.opt = grammar_find(scope->opts, name) };
	char text[NAME_TEXT];

	if (item.opt == NULL && scope->opts != NULL)
		unknown(g, scope->opts, "option", name);
	if (item.opt != NULL && item.opt->type == CFGT_SEC) {
		diag_error(g->m, g->t.line, "missing title for section '%s'",
		    item.opt->name);
		return -1;
	}
	if (item.opt != NULL) {
		bool *given = &scope->given[item.opt - scope->opts];

		if (*given)
			diag_error(g->m, name->line,
			    "\"%s\" is given a second time here: write it once",
			    name_text(text, name));
		*given = true;
		if (grammar_add(g, &item) == -1)
			return -1;
	}
	if (grammar_advance(g) == -1)
		return -1;
	if (g->t.kind != TOKEN_OPEN)
		return read_value(g, item.opt != NULL);
	if (item.opt != NULL && (item.opt->flags & CFGF_LIST) == 0)
		return syntax(g, g->t.line);
	return grammar_advance(g) == -1 ? -1 : read_list(g, item.opt != NULL);
}

/* --- sections ------------------------------------------------------------ */

/* read_inside - one option of a section */
static int
read_inside(struct grammar *g, struct scope *scope)
{
	const struct token name = g->t;
	const cfg_opt_t *opt;

	if (name.kind == TOKEN_OPEN)
		return one_too_deep(g);
	if (name.kind != TOKEN_WORD)
		return syntax(g, name.line);
	if (grammar_advance(g) == -1)
		return -1;
	if (g->t.kind == TOKEN_EQUAL)
		return read_option(g, scope, &name);
	if (g->t.kind == TOKEN_STRING) { /* another section? */
		if (grammar_advance(g) == -1)
			return -1;
		opt = grammar_find(scope->opts, &name);
		if (g->t.kind != TOKEN_OPEN && opt != NULL) {
			diag_error(g->m, name.line,
			    "missing equal sign after option '%s'", opt->name);
			return -1;
		}
	}
	return g->t.kind == TOKEN_OPEN ? one_too_deep(g) : syntax(g, name.line);
}

/* open_section - behind its name: its title, up to its brace */
static int
open_section(struct grammar *g, struct conf_item *section)
{
	if (section->opt == NULL) {
		unknown(g, g->root, "section", &section->name);
	} else if (section->opt->type != CFGT_SEC) {
		diag_error(g->m, g->t.line,
		    "missing equal sign after option '%s'", section->opt->name);
		return -1;
	} else if (g->t.kind != TOKEN_STRING) {
		diag_error(g->m, g->t.line, "missing title for section '%s'",
		    section->opt->name);
		return -1;
	}
	section->value = g->t;
	if (g->t.kind == TOKEN_STRING && grammar_advance(g) == -1)
		return -1;
	if (g->t.kind != TOKEN_OPEN)
		return syntax(g, g->t.line);
	return section->opt == NULL ? 0 : grammar_add(g, section);
}

/* read_section - behind its name */
static int
read_section(struct grammar *g, const struct token *name)
{
	struct conf_item section = { .kind = CONF_SECTION_BEGINS,
		.name = *name,
		.opt = grammar_find(g->root, name) };
	const struct conf_item end = { .kind = CONF_SECTION_ENDS };
	struct scope scope = { .opts = NULL };
	unsigned begin;

	if (open_section(g, &section) == -1)
		return -1;
	if (section.opt != NULL)
		scope.opts = section.opt->subopts;
	g->open = begin = g->t.line;
	if (grammar_advance(g) == -1)
		return -1;
	while (g->t.kind != TOKEN_CLOSE) {
		if (g->t.kind == TOKEN_END) {
			diag_error(g->m, begin,
			    "this section has no end: close it with }");
			return -1;
		}
		if (read_inside(g, &scope) == -1)
			return -1;
	}
	if (section.opt != NULL && grammar_add(g, &end) == -1)
		return -1;
	return grammar_advance(g);
}

static int
grammar_read_file(struct grammar *g, struct scope *scope)
{
	while (g->t.kind != TOKEN_END) {
		const struct token name = g->t;

		if (name.kind == TOKEN_CLOSE)
			return grammar_wrong(g, "unexpected closing brace");
		if (name.kind != TOKEN_WORD)
			return syntax(g, name.line);
		if (grammar_advance(g) == -1)
			return -1;
		if (g->t.kind == TOKEN_EQUAL) {
			if (read_option(g, scope, &name) == -1)
				return -1;
		} else if (g->t.kind == TOKEN_STRING ||
			   g->t.kind == TOKEN_OPEN) {
			if (read_section(g, &name) == -1)
				return -1;
		} else {
			return syntax(g, name.line);
		}
	}
	return 0;
}

int
grammar_read(struct conf_items *items_r, const char *text, size_t len,
    const cfg_opt_t *opts, struct diag *m)
{
	struct grammar g = { .root = opts, .items = items_r, .m = m };
	struct scope scope = { .opts = opts };

	*items_r = (struct conf_items){ .n = 0 };
	scanner_init(&g.scanner, text, len);
	return grammar_advance(&g) == -1 ? -1 : grammar_read_file(&g, &scope);
}

void
grammar_free(struct conf_items *items)
{
	free(items->v);
	*items = (struct conf_items){ .n = 0 };
}
