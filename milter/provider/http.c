/*
 * http.c - one form to one server, over TLS that was verified.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "secure_mem.h"

#define SET(option, value) (curl_easy_setopt(c, option, value) == CURLE_OK)

/* http_take - what comes back; more than fits ends the talk */
static size_t
http_take(char *data, size_t size, size_t n, void *arg)
{
	struct http_answer *a = arg;

	if (size * n >= a->size - a->len)
		return 0;
	memcpy(a->p + a->len, data, size * n);
	a->len += size * n;
	a->p[a->len] = '\0';
	return size * n;
}

static bool
http_prepare(
    CURL *c, const char *url, const char *form, size_t len, const char *ca_file)
{
	return SET(CURLOPT_URL, url) && SET(CURLOPT_PROTOCOLS_STR, "https") &&
	       SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PROXY, "") &&
	       SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
	       SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	       SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       (ca_file == NULL || (SET(CURLOPT_CAINFO, ca_file) &&
				       SET(CURLOPT_CAPATH, NULL))) &&
	       SET(CURLOPT_NOSIGNAL, 1L) &&
	       SET(CURLOPT_TIMEOUT, (long)HTTP_TIMEOUT) &&
	       SET(CURLOPT_POSTFIELDSIZE, (long)len) &&
	       SET(CURLOPT_POSTFIELDS, form) &&
	       SET(CURLOPT_WRITEFUNCTION, http_take);
}

long
http_post(const char *url, const char *form, size_t len, const char *ca_file,
    struct http_answer *answer, struct why *why)
{
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	long status = -1;
	CURL *c;

	answer->len = 0;
	answer->p[0] = '\0';
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, secure_free,
		secure_realloc, strdup, calloc) != CURLE_OK) {
		why_set(why, "out of memory");
		return -1;
	}
	c = curl_easy_init();
	if (c != NULL && http_prepare(c, url, form, len, ca_file) &&
	    SET(CURLOPT_WRITEDATA, answer))
		rc = curl_easy_perform(c);
	if (rc == CURLE_OK)
		(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	else
		why_set(why, "%s: %s", url,
		    rc == CURLE_WRITE_ERROR ? "the answer is too long"
					    : curl_easy_strerror(rc));
	curl_easy_cleanup(c);
	curl_global_cleanup();
	return status;
}
