/*
 * session.h - one connection, logged in and in its database.
 */
#ifndef SESSION_H
#define SESSION_H

#include "conn.h"
#include "redis_url.h"

/* Gives a password (-1: none) into dst; its length.  The caller wipes it. */
typedef ssize_t redis_password_fn(const char *secret, char *dst, size_t size);

/* Who we are to a server; what it points at is its owner's. */
struct redis_login {
	const struct redis_url *where;
	const char *secret;		/* the password's name, "" for none */
	redis_password_fn *password;
	SSL_CTX *tls;			/* NULL: in clear */
};

/* Connected, logged in, its database chosen.  NULL and why if not in time. */
struct redis_conn *redis_session_open(const struct redis_login *p,
	    const struct redis_peer *peer, int64_t deadline, struct why *why);

/* For a connection that is there: Sentinels may want a password too. */
bool	redis_log_in(const struct redis_login *p, struct redis_conn *l,
	    int64_t deadline, struct why *why);

/* One command.  False and why if there is no reply (NULL: not wanted) or it is
 * an error. */
bool	redis_ask_one(struct redis_conn *l, int argc, const char **argv,
	    int64_t deadline, redisReply **reply_r, struct why *why);

/* False and why if the server said that it is none. */
bool	redis_is_good(const redisReply *r, struct why *why);

#endif
