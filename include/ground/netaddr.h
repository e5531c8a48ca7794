/*
 * netaddr.h - client addresses and networks, IPv4 and IPv6, as plain bytes.
 *
 * An IPv4 address that comes mapped into IPv6 (::ffff:a.b.c.d, RFC 4291
 * 2.5.5.2) is the IPv4 address: a client has one key, not two.
 */
#ifndef NETADDR_H
#define NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NETADDR_TEXT 64		/* holds any address with its prefix */

struct netaddr {
	uint8_t len;		/* 4, 16, or 0: no address is known */
	uint8_t byte[16];
};

struct netprefix {
	struct netaddr addr;	/* bits behind the prefix are zero */
	uint8_t bits;		/* 0 to 32, or 0 to 128 */
};

/* Parses "192.0.2.1" or "2001:db8::1" (brackets and "IPv6:" pass). 0 or -1. */
int	netaddr_parse(const char *text, struct netaddr *a_r);

/* From what libmilter hands to connect.  len is 0 if it is no IP address. */
void	netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *a_r);

/*
 * Parses "10.0.0.0/8" or a bare address.  -1 if malformed or if bits behind
 * the prefix are set (10.1.0.0/8), for then it is not clear what was meant.
 */
int	netprefix_parse(const char *text, struct netprefix *p_r);

bool	netprefix_has(const struct netprefix *p, const struct netaddr *a);

/*
 * The canonical text of a, its network if bits is below the full length:
 * "192.0.2.0/24", "2001:db8::/64".  Returns dst (size at least NETADDR_TEXT).
 */
char	*netaddr_text(const struct netaddr *a, unsigned bits, char *dst,
	    size_t size);

#endif
