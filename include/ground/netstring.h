/*
 * netstring.h - netstrings (D. J. Bernstein, 1997): bytes in, span out.
 *
 * The same function serves a poll loop, a test and a fuzzer.
 */
#ifndef NETSTRING_H
#define NETSTRING_H

#include <sys/types.h>

#include "bytes.h"

/* Bytes of payload: Postfix asks at most 10,000 and a map name. */
#define NETSTRING_MAX	16384

/*
 * Takes one netstring from the front of buf.  Returns the bytes used and sets
 * *payload_r inside buf; 0 if more bytes are needed; -1 if no more bytes can
 * make this a netstring (not a digit, a leading zero, above NETSTRING_MAX, no
 * comma).
 */
ssize_t	netstring_take(const char *buf, size_t len, struct bytes *payload_r);

/*
 * Writes payload as a netstring.  Returns the bytes written, 0 if size does
 * not suffice (payload length + 12 always does).
 */
size_t	netstring_put(char *buf, size_t size, const char *payload, size_t len);

#endif
