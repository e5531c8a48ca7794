/*
 * smtp_betrays.c - would showing a server's reply show the credential?
 */
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "smtp_betrays.h"

/* betrays_holds - does text hold the credential in this form? */
static bool
betrays_holds(const char *text, const char *credential)
{
	return credential[0] != '\0' && strstr(text, credential) != NULL;
}

/* holds_base64 - or what AUTH makes of these bytes */
static bool
holds_base64(const char *text, const char *bytes, size_t len)
{
	const size_t size = len / 3 * 4 + 5;
	char *coded = malloc(size);
	bool found = true; /* what cannot be known is not shown */

	if (coded != NULL) {
		EVP_EncodeBlock((unsigned char *)coded,
		    (const unsigned char *)bytes, (int)len);
		found = betrays_holds(text, coded);
		explicit_bzero(coded, size);
	}
	free(coded);
	return found;
}

/* holds_plain - or PLAIN: NUL username NUL password (RFC 4616) */
static bool
holds_plain(const char *text, const char *user, const char *credential)
{
	const size_t u = strlen(user), k = strlen(credential);
	char *plain = calloc(1, u + k + 3);
	bool found = true;

	if (plain != NULL) {
		stpcpy(stpcpy(plain + 1, user) + 1, credential);
		found = holds_base64(text, plain, u + k + 2);
		explicit_bzero(plain, u + k + 2);
	}
	free(plain);
	return found;
}

bool
smtp_betrays(const char *reply, const char *username, const char *password)
{
	return betrays_holds(reply, password) ||
	       holds_base64(reply, password, strlen(password)) ||
	       holds_plain(reply, username, password);
}
