/*
 * digest.c - 64 bits that stand for some bytes.
 *
 * OpenSSL takes longer to make ready than to digest an address, so each
 * thread keeps what it was made ready with.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "digest.h"

static EVP_MD *sha256;
static pthread_key_t context;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
forget(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void
prepare(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (pthread_key_create(&context, forget) != 0)
		abort();
}

/* context_of_thread - NULL: out of memory */
static EVP_MD_CTX *
context_of_thread(void)
{
	EVP_MD_CTX *ctx;

	(void)pthread_once(&once, prepare);
	ctx = pthread_getspecific(context);
	if (ctx != NULL || (ctx = EVP_MD_CTX_new()) == NULL)
		return ctx;
	if (pthread_setspecific(context, ctx) == 0)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

uint64_t
digest64(const void *bytes, size_t len)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = context_of_thread();
	uint64_t v = 0;

	/* Two recipients taken for one would be a wrong count: no way on. */
	if (ctx == NULL || sha256 == NULL ||
	    EVP_DigestInit_ex2(ctx, sha256, NULL) != 1 ||
	    EVP_DigestUpdate(ctx, bytes, len) != 1 ||
	    EVP_DigestFinal_ex(ctx, md, NULL) != 1)
		abort();
	for (int i = 0; i < 8; i++)
		v = v << 8 | md[i];
	return v;
}
