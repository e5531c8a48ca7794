/*
 * scanner.h - the text of a configuration file, one token after the other.
 *
 * The one tokenizer of postmeter.conf, providers.conf, refusals.conf and
 * secrets.conf.  It copies nothing and changes nothing: tokens are spans of the
 * text, so a password that it met lies where it lay.  Pure.
 *
 *	blank	space, tab, CR, newline; # ... and // ... to the end of the
 *		line; slash-star ... star-slash
 *	word	letters, digits and - _ . : @ % /
 *	string	"..." where \" and \\ stand for " and \, or '...' where all
 *		stands for itself; it ends on its line and holds no control
 *		character
 *	sign	{ } = ,
 */
#ifndef SCANNER_H
#define SCANNER_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_EQUAL,
	TOKEN_COMMA,
	/* No sense can be made of what follows. */
	TOKEN_BAD_SIGN,		/* p: a byte that has no meaning */
	TOKEN_BAD_STRING,	/* p: its quote; the file ends in it */
	TOKEN_BAD_LINE,		/* the same; its line ends in it */
	TOKEN_BAD_CONTROL,	/* p: its quote; a control character in it */
	TOKEN_BAD_ESCAPE,	/* p: its quote; an unknown escape in it */
	TOKEN_BAD_COMMENT	/* p: its beginning; the file ends in it */
};

struct token {
	enum token_kind kind;
	const char *p;		/* as it is written, quotes included */
	size_t len;
	unsigned line;		/* where it begins, from 1 */
};

struct scanner {
	const char *p, *end;
	unsigned line;
};

void	scanner_init(struct scanner *s, const char *text, size_t len);

/* The next token; after TOKEN_END and the bad ones the same again. */
struct token scanner_next(struct scanner *s);

/*
 * What a word or a string means, not terminated, in dst, which holds t->len
 * bytes and may be where t->p is.  Returns its length.
 */
size_t	token_value(const struct token *t, char *dst);

bool	token_is(const struct token *t, const char *word);

#endif
