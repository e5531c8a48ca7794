/*
 * oauth_error.h - what a token server calls an error, and what to do about it.
 */
#ifndef OAUTH_ERROR_H
#define OAUTH_ERROR_H

#include "oauth.h"

/* Fills error, result, cause and remedy of *a; code: an AADSTS number, or 0. */
void	oauth_error_explain(struct oauth_answer *a, const char *error,
	    const char *text, int code);

#endif
