/*
 * redis_link.h - one connection to a Redis or Valkey, and never a moment
 * longer than the deadline.
 *
 * hiredis writes the commands and reads the replies; the bytes move here, in
 * clear or under TLS, because only so is a deadline one for all of it.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <hiredis/hiredis.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define REDIS_WHY 160	/* room for a sentence: STORE_WHY */

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

struct redis_link;

/* Connected, TLS included; NULL and why if not by deadline (clock_steady). */
struct redis_link *redis_link_open(const struct redis_peer *peer,
	    int64_t deadline, char why[REDIS_WHY]);
void	redis_link_close(struct redis_link **lp);

/* False if the other side is known to be gone. */
bool	redis_link_alive(const struct redis_link *l);

/*
 * One command, one reply (to be freed with freeReplyObject; it may be an
 * error reply).  After anything but REDIS_REPLIED the link is of no more use.
 */
enum redis_sent redis_link_ask(struct redis_link *l, int argc,
	    const char **argv, const size_t *len, int64_t deadline,
	    redisReply **reply_r, char why[REDIS_WHY]);

#endif
