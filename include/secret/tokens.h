/*
 * tokens.h - access tokens that the agent fetched, in locked memory until they
 * end.
 *
 * Like a secret a token has no printf path.  Kept by the name of its
 * smarthost, over reloads.  Every function may be called from any thread.
 */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "why.h"

#define TOKEN_MAX	16384	/* bytes: what a line of SMTP could carry is less */
#define TOKEN_LEFT	MINUTE	/* a token with less is not handed out */

/* What is known of one; times in ms, 0: never, or not known. */
struct token_report {
	bool there;		/* and not over */
	int64_t expires, renewed;
	struct why error;	/* of the last try; "" if it was good */
};

/*
 * A new token, visible ASCII, takes the place of the one before, which is
 * wiped.  0, or -1 and why.
 */
int	tokens_put(const char *smarthost, const char *token, size_t len,
	    int64_t expires, int64_t now, struct why *why);

/* It could not be renewed; the one that is there goes on until its end. */
void	tokens_failed(const char *smarthost, const char *error);

/*
 * Copies it to dst (terminated), which the caller wipes.  Its length, or -1
 * and why there is none.
 */
ssize_t	tokens_get(const char *smarthost, char *dst, size_t size, int64_t now,
	    struct why *why);

/* False if nobody ever told of it. */
bool	tokens_report(const char *smarthost, int64_t now,
	    struct token_report *r_r);

/* Wipes all. */
void	tokens_forget(void);

#endif
