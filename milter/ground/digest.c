/*
 * digest.c - 64 bits that stand for some bytes.
 *
 * The newer interface of the library allocates, so it can fail, and there is
 * no answer for a digest that could not be had.  The older one cannot.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "big_endian.h"
#include "digest.h"

uint64_t
digest64(const void *bytes, size_t len)
{
	unsigned char md[SHA256_DIGEST_LENGTH];
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, bytes, len);
	SHA256_Final(md, &c);
	return be64_get(md);
}
