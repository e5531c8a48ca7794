/*
 * store_url.h - where counts live, as text: which schemes there are, and what
 * can be said of a URL before anything is opened.
 *
 * A backend (include/store/backend.h) is found by the kind of its scheme.
 * These functions are pure; any thread may call them.
 */
#ifndef STORE_URL_H
#define STORE_URL_H

#include <stdbool.h>

#include "why.h"

struct store_scheme {
	const char *kind;	/* "sqlite", "memory", "redis" */
	const char *begin;	/* how its URLs begin */
	bool is_shared;		/* several daemons count in it; a secret opens it */
	bool has_file;		/* begin is followed by the path of its file */
	/* 0, or -1 and what would be right. */
	int (*check)(const char *url, struct why *why);
	/* What an administrator should know of it, or NULL. */
	const char *(*warning)(const char *url);
};

/* The one that url begins with; NULL and why if it is none or not well formed. */
const struct store_scheme *store_url_scheme(const char *url, struct why *why);

/* The path of its file; NULL if it has none. */
const char *store_url_file(const char *url);

/* Of a URL that is not well formed: false. */
bool	store_url_is_shared(const char *url);

/* What `postmeterctl check` warns of; NULL: nothing. */
const char *store_url_warning(const char *url);

#endif
