/*
 * test_keyed_hash.c - the hash is SipHash-1-3, as a library has it, and another
 * secret makes another one of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "keyed_hash.h"

static const uint64_t secret[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

/* library - the same of some bytes, by OpenSSL */
static uint64_t
library(const char *bytes, size_t len)
{
	unsigned char key[16];
	size_t size = 8, n;
	unsigned int c = 1, d = 3;
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	uint64_t out = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d),
		OSSL_PARAM_construct_end(),
	};

	for (size_t i = 0; i < 16; i++)
		key[i] = (unsigned char)i; /* as secret, little endian */
	assert_int_equal(EVP_MAC_init(ctx, key, sizeof(key), params), 1);
	assert_int_equal(
	    EVP_MAC_update(ctx, (const unsigned char *)bytes, len), 1);
	assert_int_equal(
	    EVP_MAC_final(ctx, (unsigned char *)&out, &n, sizeof(out)), 1);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return le64toh(out);
}

static uint64_t
hash(const uint64_t with[2], const char *first, const char *second)
{
	struct keyed_hash h;

	keyed_hash_begin(&h, with);
	keyed_hash_text(&h, first);
	if (second != NULL)
		keyed_hash_text(&h, second);
	return keyed_hash_end(&h);
}

static void
texts_of_every_length_hash_as_the_library_says(void **state)
{
	char text[100];

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		memset(text, 'a' + (int)(n % 26), n);
		text[n] = '\0';
		assert_int_equal(
		    hash(secret, text, NULL), library(text, n + 1));
	}
}

static void
two_texts_are_their_bytes_with_both_ends(void **state)
{
	assert_int_equal(
	    hash(secret, "staff", "alice"), library("staff\0alice", 12));
	assert_true(hash(secret, "ab", "c") != hash(secret, "a", "bc"));
}

static void
another_secret_is_another_hash(void **state)
{
	uint64_t mine[2] = { 0, 0 }, yours[2] = { 0, 0 };

	assert_int_equal(keyed_hash_secret(mine), 0);
	assert_int_equal(keyed_hash_secret(yours), 0);
	assert_true(hash(mine, "alice", NULL) != hash(yours, "alice", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    texts_of_every_length_hash_as_the_library_says),
		cmocka_unit_test(two_texts_are_their_bytes_with_both_ends),
		cmocka_unit_test(another_secret_is_another_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
