/*
 * conftree.c - libconfuse, one caller at a time.
 *
 * Its scanner is one for the whole process: a reload and the check of another
 * file must not meet in it.
 */
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "conftree.h"

/* libconfuse keeps its state in globals, and so who listens to it. */
static pthread_mutex_t confuse_lock = PTHREAD_MUTEX_INITIALIZER;
static struct diag *listener;

static void confuse_says(cfg_t *cfg, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Its words quote tickets where a token was not expected: better none. */
static void
confuse_says(cfg_t *cfg, const char *fmt, va_list ap)
{
	char why[200];

	vsnprintf(why, sizeof(why), fmt, ap);
	if (strncmp(why, "unexpected token", 16) == 0)
		diag_error(listener, (unsigned)cfg->line, CONFTREE_SYNTAX);
	else
		diag_error(listener, (unsigned)cfg->line, "%s", why);
}

cfg_t *
conftree_make(const char *text, cfg_opt_t *opts, struct diag *m)
{
	const size_t before = m->n;
	cfg_t *tree;
	int rc = CFG_FAIL;

	pthread_mutex_lock(&confuse_lock);
	listener = m;
	tree = cfg_init(opts, CFGF_NONE);
	if (tree != NULL) {
		cfg_set_error_function(tree, confuse_says);
		rc = cfg_parse_buf(tree, text);
	}
	if (rc != CFG_SUCCESS) {
		/* What memory ran out under cannot be freed: it crashes. */
		if (m->n == before)
			diag_error(m, 0, "out of memory");
		else if (tree != NULL)
			cfg_free(tree);
		tree = NULL;
	}
	listener = NULL;
	pthread_mutex_unlock(&confuse_lock);
	return tree;
}

void
conftree_free(cfg_t *tree)
{
	if (tree == NULL)
		return;
	pthread_mutex_lock(&confuse_lock); /* it frees the scanner, too */
	cfg_free(tree);
	pthread_mutex_unlock(&confuse_lock);
}
