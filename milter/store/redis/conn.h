/*
 * conn.h - one connection to a Redis or Valkey, and never a moment
 * longer than the deadline.
 *
 * hiredis reads the replies; the bytes move here, in clear or under TLS, because
 * only so is a deadline one for all of it.
 */
#ifndef CONN_H
#define CONN_H

#include <hiredis/hiredis.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "why.h"


/* Whom to connect to, all looked up: connecting asks nobody else. */
struct redis_peer {
	struct sockaddr_storage addr;
	socklen_t len;
	char name[256];		/* for messages, and that the certificate bears */
	SSL_CTX *tls;		/* NULL: in clear */
};

/* How far a command came. */
enum redis_sent {
	REDIS_REPLIED,
	REDIS_UNSENT,		/* the server cannot have run it */
	REDIS_UNSURE		/* it may have, or may still */
};

struct redis_conn;

/* Connected, TLS included; NULL and why if not by deadline (clock_steady). */
struct redis_conn *redis_conn_open(const struct redis_peer *peer,
	    int64_t deadline, struct why *why);
void	redis_conn_close(struct redis_conn **lp);

/* False if the other side is known to be gone. */
bool	redis_conn_alive(const struct redis_conn *l);

/* Words; len NULL: they are strings. */
struct redis_command {
	int argc;
	const char **argv;
	size_t *len;
};

/*
 * One command, one reply (to be freed with freeReplyObject; it may be an
 * error reply).  After anything but REDIS_REPLIED the link is of no more use.
 */
enum redis_sent redis_conn_ask(struct redis_conn *l, const struct redis_command *c, int64_t deadline,
	    redisReply **reply_r, struct why *why);

#endif
