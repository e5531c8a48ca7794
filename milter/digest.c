/*
 * digest.c - 64 bits that stand for some bytes.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "digest.h"

static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Fetched once: looking an algorithm up costs more than using it. */
static void
fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

uint64_t
digest64(const void *bytes, size_t len)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	uint64_t v = 0;

	(void)pthread_once(&once, fetch);
	/* Two recipients taken for one would be a wrong count: no way on. */
	if (sha256 == NULL ||
	    EVP_Digest(bytes, len, md, NULL, sha256, NULL) != 1)
		abort();
	for (int i = 0; i < 8; i++)
		v = v << 8 | md[i];
	return v;
}
