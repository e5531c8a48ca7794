/*
 * jwt.h - claims, signed with RS256, and base64url.
 */
#ifndef JWT_H
#define JWT_H

#include <stddef.h>

#define JWT_MAX 4096
#define JWT_CLAIMS (JWT_MAX / 3)

/* RFC 4648 5, without padding, terminated; its length. */
size_t	base64url(char *dst, const unsigned char *src, size_t len);

/*
 * The token of claims (at most JWT_CLAIMS bytes), terminated; pem is an RSA
 * key.  Its length, 0 if it is none.
 */
size_t	jwt_sign(const char *claims, const char *pem, char jwt[JWT_MAX]);

#endif
