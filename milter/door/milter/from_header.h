/*
 * from_header.h - From: for mail that leaves by somebody else's account.
 *
 * Some providers take only their account's own address.  The name that the
 * recipient sees stays; the address behind it becomes the account's.
 *
 * Pure: bytes in, bytes out.
 */
#ifndef FROM_HEADER_H
#define FROM_HEADER_H

#include <stddef.h>

#define FROM_HEADER_MAX 2048

/*
 * Writes `NAME <address>` to dst, NAME being the display name of the first
 * mailbox (or group) of len bytes at value, a header as it came, folded or
 * not; "address" alone if it has none, or one that is too long for dst or
 * that no quotes can save.  dst is terminated, each line in it after the
 * first begins with a blank, and it has one mailbox for every reader.
 * FROM_HEADER_MAX bytes are enough for dst; address is a plain user@domain of at
 * most MAILADDR_MAX.
 */
void	from_header_rewrite(char *dst, size_t size, const char *value, size_t len,
	    const char *address);

#endif
