/*
 * smtp_hello.h - does a mail server say hello?
 *
 * As little as shows that it lives: connect, its greeting, EHLO, QUIT.  No
 * TLS, no login, no credential.
 */
#ifndef SMTP_HELLO_H
#define SMTP_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "why.h"

enum greeting { GREETING_GOOD, GREETING_BAD, GREETING_UNKNOWN };


/*
 * Speaks to host (a name or an address) at port for at most timeout ms after
 * the name was looked up.  A port of implicit TLS says nothing in clear: there
 * a connection is enough.  Unless it is good, why says what was wrong;
 * UNKNOWN: it was this machine that could not ask.
 */
enum greeting smtp_hello(const char *host, uint16_t port, int64_t timeout,
	    struct why *why);

#endif
