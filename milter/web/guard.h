/*
 * guard.h - which requests are let in, and as whom.
 *
 * Pure: a request, the rules of the site, the keys and the time are arguments.
 */
#ifndef GUARD_H
#define GUARD_H

#include "web.h"
#include "seal.h"

#define GUARD_COOKIE	"postmeter"
#define GUARD_COOKIE_FOR (12 * HOUR)
#define GUARD_TOKEN_FOR	(5 * MINUTE)

/* The one who holds the token that `postmeterctl web` printed. */
#define GUARD_OPERATOR	"operator"

struct guard {
	struct web_rules rules;
	struct seal_key key;	/* of cookies and forms, of this process */
	struct seal_key token_key;	/* of tokens; WEB_LOOPBACK */
	int64_t token_taken;	/* the moment of the newest that was used */
};

struct guard_verdict {
	unsigned status;	/* 0: let in; 303: log in by cookie */
	const char *why;	/* a sentence; NULL if let in */
	char who[WEB_NAME];
	char cookie[SEAL_TEXT];	/* of 303 */
};

/*
 * Judges all but the content of a form.  query is that of the target.  A token
 * that is taken is spent.
 */
void	guard_judge(struct guard *g, const struct web_request *rq,
	    const struct form *query, int64_t now, struct guard_verdict *v_r);

/* The token that a form of who must carry; text has SEAL_TEXT bytes. */
int	guard_form_token(const struct guard *g, const char *who, int64_t now,
	    char *text);

/* Does the form carry it, of this hour or the last one? */
bool	guard_form(const struct guard *g, const struct form *f,
	    const char *who, int64_t now);

#endif
