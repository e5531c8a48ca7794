/*
 * oauth.h - what is said to a token server, and what its answer means.
 *
 * Bytes in, bytes out: forms (RFC 6749), the assertion of a service account
 * (RFC 7523), the code of a device (RFC 8628), PKCE (RFC 7636).  Pure but for
 * random bytes; secrets pass through buffers of the caller's, who wipes them.
 */
#ifndef OAUTH_H
#define OAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "tokens.h"
#include "why.h"

#define OAUTH_FORM	(TOKEN_MAX + 4096)	/* bytes of a request */
#define OAUTH_URL	1024
#define OAUTH_REFRESH	4096	/* bytes of a refresh token */

enum oauth_result {
	OAUTH_GOOD,		/* there is a token */
	OAUTH_WAIT,		/* the person has not answered yet: ask again */
	OAUTH_SLOWER,		/* the same, five seconds slower */
	OAUTH_LATER,		/* the server's trouble, or the way to it */
	OAUTH_STOP		/* only a person can help: look at it hourly */
};

struct oauth_answer {
	enum oauth_result result;
	size_t token_len, refresh_len;	/* 0: none */
	int64_t lives;			/* ms */
	/* OAUTH_STOP, OAUTH_LATER: what the server called it, why, what helps */
	char error[128];		/* "invalid_grant AADSTS50173" */
	const char *cause, *remedy;
	char token[TOKEN_MAX + 1], refresh[OAUTH_REFRESH];
};

/* Where the grant's tokens come from; as configured, or the provider's. */
void	oauth_token_url(const struct oauth *o, char dst[OAUTH_URL]);

/* The same of the device code (Microsoft). */
void	oauth_device_url(const struct oauth *o, char dst[OAUTH_URL]);

/*
 * Writes name=value&... (application/x-www-form-urlencoded) of the pairs,
 * closed by NULL; one whose value is NULL or "" is left out.  Its length, 0 if
 * size does not suffice.
 */
size_t	oauth_form(char *dst, size_t size, const char *const *pairs);

/*
 * The form that asks for a token without a person: by refresh token, client
 * secret (may be ""), or (google-service) the key and now.  Its length, or 0
 * and why.
 */
struct oauth_login {
	const char *user, *secret, *refresh, *key;
};
size_t	oauth_renewal(const struct oauth *o, const struct oauth_login *l,
	    int64_t now, char *dst, size_t size, struct why *why);

/* The answer of a token server with that HTTP status; *a_r is wiped before. */
void	oauth_read(long status, const char *body, size_t len,
	    struct oauth_answer *a_r);

/* What the answer to a device code request has. */
struct oauth_device {
	char code[2048], user_code[64], url[512];
	int64_t lives, interval;	/* ms */
};
bool	oauth_read_device(const char *body, size_t len,
	    struct oauth_device *d_r);

/* A random secret of PKCE or state: 43 visible letters.  False: none to be had. */
bool	oauth_random(char dst[44]);

/*
 * Where the person goes who allows it, and the address that the browser is
 * sent back to; the person hands that address line in.
 */
bool	oauth_authorize_url(const struct oauth *o, const char *user,
	    const char *verifier, const char *state, char *dst, size_t size);
#define OAUTH_REDIRECT	"http://127.0.0.1:8765/"

/*
 * The code in an address line that was handed in.  False and why: another
 * state, the person said no, no code in it.
 */
bool	oauth_code(const char *line, const char *state, char *dst, size_t size,
	    struct why *why);

/* The scope that is asked for. */
const char *oauth_scope(const struct oauth *o);

/*
 * What an access token that is a JWT says of itself, unverified, for people:
 * "aud https://outlook.office365.com, roles SMTP.SendAsApp"; "" if it is none.
 */
void	oauth_claims(const char *token, char *dst, size_t size);

#endif
