/*
 * conftext.c - a configuration file as the tree that libconfuse makes of it.
 *
 * What is written for libconfuse is the file itself, each token on its line,
 * without comments (it counts one as three lines), with each value between
 * double quotes and \ " $ escaped (it would expand ${NAME}), with what is
 * unknown left out, and with each title behind a number and its line: of two
 * sections of one title it would forget the first.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "conftext.h"
#include "grammar.h"

/*
 * libconfuse scans with one scanner for the whole process, which also goes
 * with a tree: a reload and the check of another file must not meet in it.
 */
static pthread_mutex_t confuse_lock = PTHREAD_MUTEX_INITIALIZER;
/* guarded by confuse_lock: the scanner of libconfuse */

/* --- values -------------------------------------------------------------- */

int
conf_value_read(cfg_t *sec, cfg_opt_t *opt, const char *text, void *v_r)
{
	const size_t len = strlen(text);
	struct conf_value *v = malloc(sizeof(*v) + len + 1);

	(void)opt;
	if (v == NULL)
		return -1;
	*v = (struct conf_value){ .text = memcpy(v + 1, text, len + 1),
		.len = len,
		.line = (unsigned)sec->line };
	*(void **)v_r = v;
	return 0;
}

void
conf_value_free(void *v)
{
	free(v);
}

/* --- writing for libconfuse ---------------------------------------------- */

struct writer {
	FILE *out;
	unsigned line; /* of what is written next */
	unsigned nsection;
	char *value; /* holds the longest token */
};

/* go_to - libconfuse counts lines as it goes, and so do we */
static void
go_to(struct writer *w, unsigned line)
{
	for (; w->line < line; w->line++)
		fputc('\n', w->out);
}

static void
write_value(struct writer *w, const struct token *t)
{
	const size_t len = token_value(t, w->value);

	for (size_t i = 0; i < len; i++) {
		if (strchr("\\\"$", w->value[i]) != NULL)
			fputc('\\', w->out);
		fputc(w->value[i], w->out);
	}
}

static void
write_item(struct writer *w, const struct conf_item *item, bool more)
{
	const bool list = item->opt != NULL && item->opt->type != CFGT_SEC &&
			  (item->opt->flags & CFGF_LIST) != 0;

	switch (item->kind) {
	case CONF_SECTION_BEGINS:
		go_to(w, item->value.line);
		fprintf(w->out, "%.*s \"%u:%u:", (int)item->name.len,
		    item->name.p, w->nsection++, item->value.line);
		write_value(w, &item->value);
		fputs("\" {", w->out);
		break;
	case CONF_SECTION_ENDS:
		fputc('}', w->out);
		break;
	case CONF_OPTION:
		go_to(w, item->name.line);
		fprintf(w->out, " %.*s = %s", (int)item->name.len, item->name.p,
		    !list  ? ""
		    : more ? "{"
			   : "{}");
		break;
	case CONF_VALUE:
		go_to(w, item->value.line);
		fputc('"', w->out);
		write_value(w, &item->value);
		fputs(more ? "\"," : "\"", w->out);
		break;
	}
}

/* conftext_write_all - the text for libconfuse; NULL if out of memory */
static char *
conftext_write_all(const struct conf_items *items, size_t longest)
{
	char *text = NULL;
	size_t size;
	struct writer w = { .out = open_memstream(&text, &size), .line = 1 };
	bool list = false;

	w.value = malloc(longest + 1);
	for (size_t i = 0; w.out != NULL && w.value != NULL && i < items->n;
	     i++) {
		const struct conf_item *item = &items->v[i];
		const bool more =
		    i + 1 < items->n && items->v[i + 1].kind == CONF_VALUE;

		if (item->kind == CONF_OPTION)
			list = (item->opt->flags & CFGF_LIST) != 0 && more;
		write_item(&w, item, more);
		if (list && item->kind == CONF_VALUE && !more)
			fputc('}', w.out);
	}
	if (w.out != NULL && (fclose(w.out) != 0 || w.value == NULL)) {
		free(text);
		text = NULL;
	}
	free(w.value);
	return text;
}

/* --- the tree ------------------------------------------------------------ */

static void confuse_says(cfg_t *cfg, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* The grammar has said all that there was to say. */
static void
confuse_says(cfg_t *cfg, const char *fmt, va_list ap)
{
	(void)cfg;
	(void)fmt;
	(void)ap;
}

static cfg_t *
make_tree(const char *text, cfg_opt_t *opts)
{
	cfg_t *tree;

	pthread_mutex_lock(&confuse_lock);
	tree = cfg_init(opts, CFGF_NONE);
	if (tree != NULL) {
		cfg_set_error_function(tree, confuse_says);
		/* What memory ran out under cannot be freed: it crashes. */
		if (cfg_parse_buf(tree, text) != CFG_SUCCESS)
			tree = NULL;
	}
	pthread_mutex_unlock(&confuse_lock);
	return tree;
}

int
conftext_parse(struct scanned_text *t_r, const char *text, size_t len,
    cfg_opt_t *opts, struct diag *m)
{
	struct conf_items items;
	char *plain = NULL;

	*t_r = (struct scanned_text){ .tree = NULL };
	if (grammar_read(&items, text, len, opts, m) == 0) {
		plain = conftext_write_all(&items, len);
		if (plain != NULL)
			t_r->tree = make_tree(plain, opts);
		if (t_r->tree == NULL)
			diag_error(m, 0, "out of memory");
		free(plain);
	}
	grammar_free(&items);
	return t_r->tree == NULL ? -1 : 0;
}

void
conftext_free(struct scanned_text *t)
{
	if (t->tree == NULL)
		return;
	pthread_mutex_lock(&confuse_lock); /* it frees the scanner, too */
	cfg_free(t->tree);
	pthread_mutex_unlock(&confuse_lock);
	t->tree = NULL;
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
conftext_value(cfg_t *sec, const char *name, size_t i)
{
	if (i >= cfg_size(sec, name))
		return NULL;
	return cfg_getnptr(sec, name, (unsigned)i);
}

struct conf_value
conftext_title(cfg_t *sec)
{
	const char *line = strchr(cfg_title(sec), ':') + 1;
	char *text;
	const unsigned long n = strtoul(line, &text, 10);

	text++;
	return (struct conf_value){
		.text = text, .len = strlen(text), .line = (unsigned)n
	};
}
