/*
 * jwt.c - claims, signed with RS256 (RFC 7515, RFC 7518 3.3).
 */
#include <stdbool.h>
#include <string.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "jwt.h"

size_t
base64url(char *dst, const unsigned char *src, size_t len)
{
	size_t n = (size_t)EVP_EncodeBlock((unsigned char *)dst, src, (int)len);

	while (n > 0 && dst[n - 1] == '=')
		n--;
	dst[n] = '\0';
	for (size_t i = 0; i < n; i++)
		dst[i] = dst[i] == '+' ? '-' : dst[i] == '/' ? '_' : dst[i];
	return n;
}

/* sign_rs256 - appends "." and the signature to what is signed; 0: no */
static size_t
sign_rs256(char *jwt, size_t len, const char *pem)
{
	unsigned char sig[1024];
	size_t n = sizeof(sig);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key =
	    bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good =
	    key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
	    EVP_PKEY_get_size(key) <= (int)sizeof(sig) && ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(ctx, sig, &n, (unsigned char *)jwt, len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(bio);
	if (!good || len + 1 + n * 4 / 3 + 4 > JWT_MAX)
		return 0;
	jwt[len++] = '.';
	return len + base64url(jwt + len, sig, n);
}

size_t
jwt_sign(const char *claims, const char *pem, char jwt[JWT_MAX])
{
	static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
	size_t n =
	    base64url(jwt, (const unsigned char *)header, strlen(header));

	jwt[n++] = '.';
	n += base64url(jwt + n, (const unsigned char *)claims, strlen(claims));
	return sign_rs256(jwt, n, pem);
}
