/*
 * grants.h - the tokens of all smarthosts that log in with one, renewed before
 * they end.
 *
 * A refresh token lies in a file of its own, DIR/NAME, 0600, of the daemon's
 * user.  One that the provider replaced is on disk before the access token
 * that came with it is used: whatever happens in between, there is one that
 * is good.
 */
#ifndef GRANTS_H
#define GRANTS_H

#include "config.h"
#include "oauth.h"
#include "trusted_file.h"

#define GRANT_AHEAD	(10 * MINUTE)	/* before its end a token is renewed */
#define GRANT_LONGEST	(15 * MINUTE)	/* between tries that may help */
#define GRANT_STOPPED	HOUR		/* between tries that hardly will */

/* Whose files these are, and whose authorities are trusted. */
struct grants_env {
	struct trusted_file_owner owner;
	const char *ca_file;	/* NULL: those of the system */
};

/*
 * Fetches a token for sh, once, and writes a refresh token that came with it
 * to disk.  No other process fetches one for it meanwhile.  *a_r says what
 * came of it; a failure has its cause and remedy.
 */
void	grant_fetch(const struct config *conf, const struct smarthost *sh,
	    const struct grants_env *env, int64_t now,
	    struct oauth_answer *a_r);

/* Writes a refresh token to disk.  0, or -1 and why. */
int	grant_keep(const struct config *conf, const struct smarthost *sh,
	    const struct grants_env *env, const char *refresh,
	    struct why *why);

/*
 * Asks the token server with a form (`login`): as grant_fetch, but the caller
 * keeps what comes.
 */
void	grant_ask(const char *url, const char *form, size_t len,
	    const struct grants_env *env, struct oauth_answer *a_r);

/* The secret of sh into dst: its client secret, or its JSON key.  0, or -1. */
int	grant_secret(const struct config *conf, const struct smarthost *sh,
	    const struct grants_env *env, char *dst, size_t size,
	    struct why *why);

/*
 * A token (len > 0) that ends at expires, or error.  0, or -1 if nobody heard
 * it: it is told again at the next round.
 */
typedef int grants_tell_fn(void *arg, const struct smarthost *sh,
	    const char *token, size_t len, int64_t expires, const char *error);

struct grants;

struct grants *grants_new(const struct grants_env *env, grants_tell_fn *tell,
	    void *arg);
void	grants_free(struct grants **gp);

/* One round at now (ms); returns ms until the next is due, NEVER if none. */
int64_t	grants_round(struct grants *g, const struct config *conf,
	    int64_t now);

/* The provider refuses its token: another is fetched at the next round. */
void	grants_renew(struct grants *g, const char *smarthost);

/* Whoever is told forgot: all is told again at the next round. */
void	grants_repeat(struct grants *g);

#endif
