/*
 * seal.c - words that only the holder of a key can have written.
 */
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "seal.h"

#define MAC 32

int
seal_key_make(struct seal_key *key_r)
{
	return getrandom(key_r->byte, SEAL_KEY, 0) == SEAL_KEY ? 0 : -1;
}

/* mac - over purpose, when and whom, NULs between */
static int
mac(const struct seal_key *key, const char *purpose, const char *whom,
    int64_t when, unsigned char *mac_r)
{
	char text[1024];
	const int len = snprintf(text, sizeof(text), "%s%c%" PRIx64 "%c%s",
	    purpose, 0, (uint64_t)when, 0, whom);
	unsigned n = MAC;

	return len > 0 && (size_t)len < sizeof(text) &&
		       HMAC(EVP_sha256(), key->byte, SEAL_KEY,
			   (const unsigned char *)text, (size_t)len, mac_r,
			   &n) != NULL
		   ? 0
		   : -1;
}

int
seal_write(const struct seal_key *key, const char *purpose, const char *whom,
    int64_t when, char *text)
{
	unsigned char sum[MAC];
	int at;

	if (mac(key, purpose, whom, when, sum) == -1)
		return -1;
	at = snprintf(text, SEAL_TEXT, "%" PRIx64 "-", (uint64_t)when);
	for (size_t i = 0; i < MAC; i++)
		at += snprintf(text + at, SEAL_TEXT - (size_t)at, "%02x",
		    (unsigned)sum[i]);
	return 0;
}

bool
seal_read(const struct seal_key *key, const char *purpose, const char *whom,
    const char *text, int64_t *when_r)
{
	char right[SEAL_TEXT];
	char *end;
	uint64_t when;

	if (strspn(text, "0123456789abcdef-") != strlen(text) ||
	    text[0] == '-' || strlen(text) >= SEAL_TEXT)
		return false;
	when = strtoull(text, &end, 16);
	if (*end != '-' || end - text > 15 ||
	    seal_write(key, purpose, whom, (int64_t)when, right) == -1 ||
	    strlen(right) != strlen(text) ||
	    CRYPTO_memcmp(right, text, strlen(right)) != 0)
		return false;
	*when_r = (int64_t)when;
	return true;
}
