/*
 * scanner.c - the text of a configuration file, read as it is written.
 *
 * libconfuse expands ${NAME} from the environment inside double quotes, knows
 * a dozen escapes, drops characters that it does not know, counts a comment
 * as three lines, lets a later assignment silently win, and after a string
 * without an end it still waits for that end when the next file is read.
 * Here all that is met before it: what is left for it is names, braces and
 * tickets.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conftree.h"
#include "escape.h"
#include "scanner.h"
#include "suggest.h"

#define NAME_TEXT 80 /* a name in a message */

struct token {
	char *p;
	size_t len;
	unsigned line;
};

struct scanner {
	char *p, *end;
	unsigned line;
	FILE *out;                     /* what libconfuse will read */
	const cfg_opt_t *root, *scope; /* names known here; NULL: not asked */
	const cfg_opt_t *inner;        /* the scope of the section to come */
	uint64_t seen[2];  /* options given: outside, in this section */
	struct token name; /* read, but what it names is not known yet */
	unsigned section;  /* the line of its {; 0: outside of any */
	bool value, list;  /* behind "=", inside its braces */
	/* What is not known is not passed on, so that the rest is still read.
	 */
	enum { HEARD, MUTE_OPTION, MUTE_SECTION } mute;
	struct scanned_text *t;
	struct diag *m;
};

/* --- names --------------------------------------------------------------- */

static char *
token_text(char dst[NAME_TEXT], const struct token *t)
{
	return escape(dst, NAME_TEXT, t->p, t->len);
}

/* known - the index of a name among opts, or -1 */
static int
known(const cfg_opt_t *opts, const struct token *name)
{
	for (int i = 0; opts[i].name != NULL; i++)
		if (strlen(opts[i].name) == name->len &&
		    memcmp(opts[i].name, name->p, name->len) == 0)
			return i;
	return -1;
}

static void
unknown(struct scanner *s, const char *what)
{
	struct suggest near;
	char text[NAME_TEXT];

	if (s->m->discreet) {
		diag_error(s->m, s->name.line,
		    "unknown %s here, see postmeter.conf(5) for those there are",
		    what);
		return;
	}
	suggest_init(&near, token_text(text, &s->name));
	for (const cfg_opt_t *o = s->scope; o->name != NULL; o++)
		suggest_add(&near, o->name);
	if (suggest_best(&near) != NULL)
		diag_error(s->m, s->name.line,
		    "unknown %s \"%s\", did you mean \"%s\"?", what, text,
		    suggest_best(&near));
	else
		diag_error(s->m, s->name.line,
		    "unknown %s \"%s\", see postmeter.conf(5) for those there are",
		    what, text);
}

static void
emit(struct scanner *s, const char *p, size_t len)
{
	if (s->mute != HEARD)
		return;
	fwrite(p, 1, len, s->out);
	fputc(' ', s->out);
}

/* pass_name - the name that was held back goes on to libconfuse */
static void
pass_name(struct scanner *s)
{
	if (s->name.p != NULL)
		emit(s, s->name.p, s->name.len);
	s->name.p = NULL;
}

/* stray_name - a name that neither "=" nor "{" nor a title follows */
static int
stray_name(struct scanner *s)
{
	if (s->name.p == NULL)
		return 0;
	diag_error(s->m, s->name.line, CONFTREE_SYNTAX);
	return -1;
}

/* meet_option - "name =" */
static void
meet_option(struct scanner *s)
{
	uint64_t *seen = &s->seen[s->section != 0];
	char text[NAME_TEXT];
	int i;

	if (s->name.p == NULL || s->scope == NULL)
		return;
	i = known(s->scope, &s->name);
	if (i == -1) {
		unknown(s, "option");
		s->mute = MUTE_OPTION;
		return;
	}
	if ((*seen & (UINT64_C(1) << i)) != 0)
		diag_error(s->m, s->name.line,
		    "\"%s\" is given a second time here: write it once",
		    token_text(text, &s->name));
	*seen |= UINT64_C(1) << i;
}

/* meet_section - "name {" or, with a title still to come, "name" */
static void
meet_section(struct scanner *s)
{
	int i;

	if (s->name.p == NULL || s->section != 0)
		return; /* open_brace will say that it is one too many */
	i = known(s->scope, &s->name);
	if (i != -1) {
		s->inner = s->scope[i].subopts;
		return;
	}
	unknown(s, "section");
	s->inner = NULL;
	s->mute = MUTE_SECTION;
}

/* --- values -------------------------------------------------------------- */

/* ticket - remembers a value and sends its number on */
static int
ticket(struct scanner *s, const struct token *v)
{
	struct conf_value *grown;
	char number[24];
	int len;

	/* Room doubles at each power of two. */
	if ((s->t->n & (s->t->n - 1)) == 0) {
		grown = realloc(s->t->value,
		    (s->t->n == 0 ? 1 : 2 * s->t->n) * sizeof(*grown));
		if (grown == NULL) {
			diag_error(s->m, v->line, "out of memory");
			return -1;
		}
		s->t->value = grown;
	}
	s->t->value[s->t->n] =
	    (struct conf_value){ .text = v->p, .len = v->len, .line = v->line };
	v->p[v->len] = '\0';
	len = snprintf(number, sizeof(number), "%zu", s->t->n++);
	emit(s, number, (size_t)len);
	return 0;
}

static void
end_value(struct scanner *s)
{
	s->value = s->list = false;
	if (s->mute == MUTE_OPTION)
		s->mute = HEARD;
}

static int
take_value(struct scanner *s, const struct token *v)
{
	if (s->name.p != NULL) { /* it is a section's title */
		meet_section(s);
		pass_name(s);
	}
	if (ticket(s, v) == -1)
		return -1;
	if (s->value && !s->list)
		end_value(s);
	return 0;
}

/*
 * scan_string - a string ends on its line.  Inside double quotes \" and \\
 * are the quote and the backslash, inside single quotes all is literal.
 */
static int
scan_string(struct scanner *s, struct token *v_r)
{
	const char quote = *s->p;
	char *to = s->p, *from = s->p + 1;

	*v_r = (struct token){ .p = to, .line = s->line };
	for (; from < s->end && *from != quote; from++) {
		if ((unsigned char)*from < ' ' || *from == 0x7f) {
			diag_error(s->m, s->line,
			    *from == '\n'
				? "a string without its end: close it with %c on the same line"
				: "a control character in a string: take it out before the %c",
			    quote);
			return -1;
		}
		if (quote == '"' && *from == '\\') {
			if (from + 1 == s->end ||
			    (from[1] != '"' && from[1] != '\\')) {
				diag_error(s->m, s->line,
				    "a backslash inside \"...\": write \\\\ for it, or use '...', where it stands for itself");
				return -1;
			}
			from++;
		}
		*to++ = *from;
	}
	if (from == s->end) {
		diag_error(s->m, s->line,
		    "a string without its end: close it with %c", quote);
		return -1;
	}
	v_r->len = (size_t)(to - v_r->p);
	s->p = from + 1;
	return 0;
}

static bool
word_char(const char *p, const char *end)
{
	if (*p == '/')
		return p + 1 == end || (p[1] != '/' && p[1] != '*');
	return isalnum((unsigned char)*p) ||
	       (*p != '\0' && strchr("-_.:@%", *p) != NULL);
}

/* scan_word - a bare word: a name, or a value without quotes */
static int
scan_word(struct scanner *s)
{
	struct token w = { .p = s->p, .line = s->line };
	char text[8];

	while (s->p < s->end && word_char(s->p, s->end))
		s->p++;
	w.len = (size_t)(s->p - w.p);
	if (w.len == 0) {
		diag_error(s->m, s->line,
		    "\"%s\" has no meaning here: put text into quotes",
		    s->m->discreet ? "a sign"
				   : escape(text, sizeof(text), s->p, 1));
		return -1;
	}
	if (!s->value) {
		if (stray_name(s) == -1)
			return -1;
		s->name = w;
		return 0;
	}
	/* Room for the end mark: "=", "{" or a blank before it is done with. */
	memmove(w.p - 1, w.p, w.len);
	w.p--;
	return take_value(s, &w);
}

/* --- structure ----------------------------------------------------------- */

static int
open_brace(struct scanner *s)
{
	if (s->value && !s->list) {
		s->list = true;
		emit(s, "{", 1);
		return 0;
	}
	if (s->list || s->section != 0) {
		diag_error(s->m, s->line,
		    "a { inside a section or list: close the one before with } first");
		return -1;
	}
	meet_section(s);
	pass_name(s);
	emit(s, "{", 1);
	s->section = s->line;
	s->scope = s->inner;
	s->inner = NULL;
	s->seen[1] = 0;
	return 0;
}

static int
close_brace(struct scanner *s)
{
	if (stray_name(s) == -1)
		return -1;
	emit(s, "}", 1);
	if (s->list) {
		end_value(s);
		return 0;
	}
	s->section = 0;
	s->value = false;
	s->scope = s->root;
	s->mute = HEARD;
	return 0;
}

static void
newline(struct scanner *s)
{
	s->line++;
	fputc('\n', s->out);
}

static int
skip_comment(struct scanner *s)
{
	const unsigned begin = s->line;

	if (*s->p == '#' || s->p[1] == '/') {
		while (s->p < s->end && *s->p != '\n')
			s->p++;
		return 0;
	}
	for (s->p += 2; s->p + 1 < s->end; s->p++) {
		if (s->p[0] == '*' && s->p[1] == '/') {
			s->p += 2;
			return 0;
		}
		if (*s->p == '\n')
			newline(s);
	}
	diag_error(s->m, begin, "a comment without its end: close it with */");
	return -1;
}

/* scan_one - one token of the text; -1 if no sense can be made of the rest */
static int
scan_one(struct scanner *s)
{
	struct token v;

	switch (*s->p) {
	case '\n':
		newline(s);
		break;
	case ' ':
	case '\t':
	case '\r':
		break;
	case '"':
	case '\'':
		return scan_string(s, &v) == -1 ? -1 : take_value(s, &v);
	case '{':
		if (open_brace(s) == -1)
			return -1;
		break;
	case '}':
		if (close_brace(s) == -1)
			return -1;
		break;
	case '=':
		meet_option(s);
		pass_name(s);
		emit(s, "=", 1);
		s->value = true;
		break;
	case ',':
		emit(s, ",", 1);
		break;
	case '#':
		return skip_comment(s);
	case '/':
		if (!word_char(s->p, s->end))
			return skip_comment(s);
		return scan_word(s);
	default:
		return scan_word(s);
	}
	s->p++;
	return 0;
}

/* end_of_text - nothing may be left open; libconfuse would not mind */
static int
end_of_text(struct scanner *s)
{
	if (stray_name(s) == -1)
		return -1;
	if (s->section == 0 && !s->value)
		return 0;
	if (s->section != 0 && !s->value)
		diag_error(s->m, s->section,
		    "this section has no end: close it with }");
	else
		diag_error(s->m, s->line,
		    "the file ends too soon: a value or a } is missing");
	return -1;
}

int
conftext_parse(struct scanned_text *t_r, char *text, size_t len,
    cfg_opt_t *opts, struct diag *m)
{
	char *tamed = NULL;
	size_t size;
	struct scanner s = { .p = text,
		.end = text + len,
		.line = 1,
		.root = opts,
		.scope = opts,
		.t = t_r,
		.m = m };
	int rc = 0;

	*t_r = (struct scanned_text){ .tree = NULL };
	s.out = open_memstream(&tamed, &size);
	if (s.out == NULL) {
		diag_error(m, 0, "out of memory");
		return -1;
	}
	while (rc == 0 && s.p < s.end)
		rc = scan_one(&s);
	if (rc == 0)
		rc = end_of_text(&s);
	if (fclose(s.out) != 0 && rc == 0) {
		diag_error(m, 0, "out of memory");
		rc = -1;
	}
	if (rc == 0)
		t_r->tree = conftree_make(tamed, opts, m);
	free(tamed);
	if (t_r->tree == NULL)
		conftext_free(t_r);
	return t_r->tree == NULL ? -1 : 0;
}

void
conftext_free(struct scanned_text *t)
{
	conftree_free(t->tree);
	free(t->value);
	*t = (struct scanned_text){ .tree = NULL };
}

bool
conftext_given(cfg_t *sec, const char *name)
{
	return (cfg_getopt(sec, name)->flags & CFGF_MODIFIED) != 0;
}

size_t
conftext_size(cfg_t *sec, const char *name)
{
	return cfg_size(sec, name);
}

const struct conf_value *
conftext_value(
    const struct scanned_text *t, cfg_t *sec, const char *name, size_t i)
{
	if (i >= cfg_size(sec, name))
		return NULL;
	return &t->value[cfg_getnint(sec, name, (unsigned)i)];
}

const struct conf_value *
conftext_title(const struct scanned_text *t, cfg_t *sec)
{
	return &t->value[strtoul(cfg_title(sec), NULL, 10)];
}
