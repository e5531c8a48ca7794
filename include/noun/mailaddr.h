/*
 * mailaddr.h - many spellings, one sender: the canonical form that is counted.
 *
 * An address is a key to a quota.  Whatever a client can vary without the
 * mail changing hands must not make a new key: angle brackets, display names
 * and groups (RFC 5322 3.4), source routes (RFC 5321 4.1.1.3), comments and
 * white space (RFC 5322 3.2.2), needless quotes and backslashes, case, the root
 * dot, sub-address tags (RFC 5233), BATV tags (prvs=, btv1==), U-label or A-label (RFC 5891), composed or
 * decomposed characters (NFC), "a%x.test" and "x.test!a".  Two odd senders may
 * share a key, but no sender has two.
 */
#ifndef MAILADDR_H
#define MAILADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILADDR_MAX 320	/* bytes: 64 + "@" + 255 (RFC 5321 4.5.3.1) */

struct mailaddr {
	/*
	 * "local@domain", lower case, NUL-terminated.  Empty for the null
	 * sender.  Blanks, controls, quotes and what else has a meaning, and
	 * bytes that are no UTF-8 or not visible, are written as =NN.  The
	 * domain is in A-labels.  A form longer than MAILADDR_MAX is "#" and
	 * its digest, and has no domain: still one key.
	 */
	char text[MAILADDR_MAX + 1];
	uint16_t at;	/* of the last "@" in text; strlen(text) if none */
};

/*
 * Makes the canonical form of len bytes at raw.  Characters in delimiters
 * (recipient-delimiter, may be "") end the local part, unless they begin it.
 * Never fails: what cannot be understood is a key of its own, by its escaped
 * bytes.  Doing it twice changes nothing.  Where there is an "@" as well,
 * percent and bang (a%x@h, x!a@h) are characters like any other.
 */
void	mailaddr_canon(struct mailaddr *a_r, const char *raw, size_t len,
	    const char *delimiters);

/*
 * The digest of a recipient as the mail server took it: the bytes of the local
 * part, which only its own host may interpret (RFC 5321 2.3.11), and the
 * canonical domain.  Angle brackets around it do not count.
 */
uint64_t mailaddr_exact(const char *raw, size_t len);

/* The null sender, "<>" (RFC 5321 4.5.5). */
bool	mailaddr_is_null(const struct mailaddr *a);

/* Postfix's own question for an address, double-bounce@ (verify(8)): no mail. */
bool	mailaddr_is_probe(const struct mailaddr *a);

/* The domain without "@"; "" if there is none. */
const char *mailaddr_domain(const struct mailaddr *a);

/*
 * The canonical form of a login name: trimmed, lower case, NFC; realm is
 * appended as "@realm" if it is not empty and the name has no "@".  dst is
 * terminated, a long one stands as above; size at least MAILADDR_MAX + 1.
 */
void	mailaddr_canon_login(char *dst, size_t size, const char *raw,
	    const char *realm);

/*
 * The canonical form of a domain (A-labels, lower case, no root dot).  False
 * if it is no domain name; dst then holds the escaped bytes.
 */
bool	mailaddr_canon_domain(char *dst, size_t size, const char *raw,
	    size_t len);

#endif
