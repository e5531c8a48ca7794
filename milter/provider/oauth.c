/*
 * oauth.c - what is said to a token server, and what it answered.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "clock.h"
#include "escape.h"
#include "jwt.h"
#include "oauth.h"
#include "oauth_error.h"
#include "obj.h"

#define GOOGLE_TOKEN "https://oauth2.googleapis.com/token"
#define GOOGLE_AUTHORIZE "https://accounts.google.com/o/oauth2/v2/auth"
#define GOOGLE_SCOPE "https://mail.google.com/"
#define MICROSOFT "https://login.microsoftonline.com"
#define MICROSOFT_SEND "https://outlook.office.com/SMTP.Send offline_access"
#define MICROSOFT_APP_SCOPE "https://outlook.office365.com/.default"
#define LIFE HOUR /* of a token whose server does not say */

/* --- answers ------------------------------------------------------------- */

/* copy - a member that fits; its length, 0 if it is missing or does not fit */
static size_t
copy(const json_t *o, const char *name, char *dst, size_t size)
{
	const json_t *v = json_object_get(o, name);
	const size_t len = json_string_length(v);

	if (len >= size || len == 0)
		return 0;
	memcpy(dst, json_string_value(v), len + 1);
	return strlen(dst) == len ? len : 0;
}

/* number - a member that is one, or (some servers) a text of one */
static int64_t
number(const json_t *o, const char *name, int64_t fallback)
{
	const json_t *v = json_object_get(o, name);
	int64_t n = fallback;

	if (json_is_integer(v))
		n = json_integer_value(v);
	else if (json_is_string(v))
		n = strtoll(json_string_value(v), NULL, 10);
	return n > 0 && n < 1000000000 ? n : fallback;
}

static void
later(struct oauth_answer *a, long status, const char *cause)
{
	a->result = OAUTH_LATER;
	a->cause = cause;
	a->remedy =
	    "nothing: it is tried again; if it stays so, check token-url";
	snprintf(a->error, sizeof(a->error), "HTTP %ld", status);
}

void
oauth_read(long status, const char *body, size_t len, struct oauth_answer *a_r)
{
	json_t *o = json_loadb(body, len, 0, NULL);
	const char *error = obj_str(o, "error");
	const json_t *codes = json_object_get(o, "error_codes");

	explicit_bzero(a_r, sizeof(*a_r));
	a_r->cause = a_r->remedy = "";
	if (status >= 500 || status == 429)
		later(a_r, status, "the token server has trouble");
	else if (error[0] != '\0')
		oauth_error_explain(a_r, error, obj_str(o, "error_description"),
		    (int)json_integer_value(json_array_get(codes, 0)));
	else if (status != 200 || !json_is_object(o))
		later(a_r, status, "the answer is no token server's");
	else if ((a_r->token_len = copy(
		      o, "access_token", a_r->token, sizeof(a_r->token))) == 0)
		later(a_r, status,
		    "the answer holds no token, or too long a one");
	else {
		a_r->refresh_len = copy(
		    o, "refresh_token", a_r->refresh, sizeof(a_r->refresh));
		a_r->lives = number(o, "expires_in", LIFE / SECOND) * SECOND;
	}
	json_decref(o);
}

bool
oauth_read_device(const char *body, size_t len, struct oauth_device *d_r)
{
	json_t *o = json_loadb(body, len, 0, NULL);
	bool good;

	*d_r = (struct oauth_device){ .lives = 0 };
	good =
	    copy(o, "device_code", d_r->code, sizeof(d_r->code)) > 0 &&
	    copy(o, "user_code", d_r->user_code, sizeof(d_r->user_code)) > 0 &&
	    (copy(o, "verification_uri", d_r->url, sizeof(d_r->url)) > 0 ||
		copy(o, "verification_url", d_r->url, sizeof(d_r->url)) > 0);
	d_r->lives = number(o, "expires_in", 900) * SECOND;
	d_r->interval = number(o, "interval", 5) * SECOND;
	json_decref(o);
	return good;
}

/* --- requests ------------------------------------------------------------ */

/* put_escaped - percent-encoded (RFC 3986 2); NULL if it does not fit */
static char *
put_escaped(char *p, const char *end, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;

		if (end - p < 4)
			return NULL;
		if (isalnum(c) || strchr("-._~", c) != NULL) {
			*p++ = (char)c;
		} else {
			*p++ = '%';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		}
	}
	return p;
}

size_t
oauth_form(char *dst, size_t size, const char *const *pairs)
{
	const char *end = dst + size;
	char *p = dst;

	for (; pairs[0] != NULL; pairs += 2) {
		const size_t n = strlen(pairs[0]);

		if (pairs[1] == NULL || pairs[1][0] == '\0')
			continue;
		if ((size_t)(end - p) < n + 4)
			return 0;
		if (p != dst)
			*p++ = '&';
		p = stpcpy(p, pairs[0]);
		*p++ = '=';
		p = put_escaped(p, end, pairs[1]);
		if (p == NULL)
			return 0;
	}
	*p = '\0';
	return (size_t)(p - dst);
}

static bool
is_google(const struct oauth *o)
{
	return o->grant == GRANT_GOOGLE_CODE ||
	       o->grant == GRANT_GOOGLE_SERVICE;
}

static const char *
tenant_of(const struct oauth *o)
{
	return o->tenant[0] != '\0' ? o->tenant : "organizations";
}

void
oauth_token_url(const struct oauth *o, char dst[OAUTH_URL])
{
	if (o->token_url[0] != '\0')
		snprintf(dst, OAUTH_URL, "%s", o->token_url);
	else if (is_google(o))
		snprintf(dst, OAUTH_URL, "%s", GOOGLE_TOKEN);
	else
		snprintf(dst, OAUTH_URL, "%s/%s/oauth2/v2.0/token", MICROSOFT,
		    tenant_of(o));
}

void
oauth_device_url(const struct oauth *o, char dst[OAUTH_URL])
{
	char *last;

	if (o->token_url[0] == '\0') {
		snprintf(dst, OAUTH_URL, "%s/%s/oauth2/v2.0/devicecode",
		    MICROSOFT, tenant_of(o));
		return;
	}
	/* Beside the one that was given. */
	snprintf(dst, OAUTH_URL - sizeof("devicecode"), "%s", o->token_url);
	last = strrchr(dst, '/');
	if (last != NULL)
		strcpy(last + 1, "devicecode");
}

const char *
oauth_scope(const struct oauth *o)
{
	if (o->scope[0] != '\0')
		return o->scope;
	if (is_google(o))
		return GOOGLE_SCOPE;
	if (o->grant == GRANT_MICROSOFT_APP)
		return MICROSOFT_APP_SCOPE;
	return o->grant == GRANT_REFRESH ? "" : MICROSOFT_SEND;
}

static bool
is_random(unsigned char *p, int n)
{
	return RAND_bytes(p, n) == 1;
}

bool
oauth_random(char dst[44])
{
	unsigned char bytes[32];
	char text[64];

	if (!is_random(bytes, sizeof(bytes)))
		return false;
	(void)base64url(text, bytes, sizeof(bytes));
	memcpy(dst, text, 44);
	explicit_bzero(bytes, sizeof(bytes));
	return true;
}

/* --- the service account's assertion (RFC 7523) -------------------------- */

/* assertion - what a service account says of itself, signed; 0 and why */
static size_t
assertion(const struct oauth *o, const char *user, const char *key, int64_t now,
    char jwt[JWT_MAX], struct why *why)
{
	char url[OAUTH_URL], *claims;
	json_t *k = json_loads(key, 0, NULL), *c;
	size_t n = 0;

	oauth_token_url(o, url);
	c = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "iss",
	    obj_str(k, "client_email"), "sub", user, "scope", oauth_scope(o),
	    "aud", url, "iat", (json_int_t)now / SECOND, "exp",
	    (json_int_t)now / SECOND + 3600);
	claims = json_dumps(c, JSON_COMPACT);
	json_decref(c);
	if (obj_str(k, "client_email")[0] == '\0' ||
	    obj_str(k, "private_key")[0] == '\0') {
		why_set(why,
		    "key-file is no JSON key of a service account: client_email and private_key are missing");
	} else if (claims == NULL || strlen(claims) > JWT_CLAIMS) {
		why_set(why, "username or scope are too long");
	} else {
		n = jwt_sign(claims, obj_str(k, "private_key"), jwt);
		if (n == 0)
			why_set(why,
			    "the private key in key-file cannot be read: make a new one");
	}
	free(claims);
	json_decref(k);
	return n;
}

size_t
oauth_renewal(const struct oauth *o, const struct oauth_login *l, int64_t now,
    char *dst, size_t size, struct why *why)
{
	char jwt[JWT_MAX];
	size_t n;

	if (o->grant == GRANT_GOOGLE_SERVICE) {
		if (assertion(o, l->user, l->key, now, jwt, why) == 0)
			return 0;
		n = oauth_form(dst, size,
		    (const char *const[]){ "grant_type",
			"urn:ietf:params:oauth:grant-type:jwt-bearer",
			"assertion", jwt, NULL });
	} else if (o->grant == GRANT_MICROSOFT_APP) {
		n = oauth_form(dst, size,
		    (const char *const[]){ "grant_type", "client_credentials",
			"client_id", o->client_id, "client_secret", l->secret,
			"scope", oauth_scope(o), NULL });
	} else {
		if (l->refresh[0] == '\0') {
			why_set(why,
			    "nobody has allowed it yet: run postmeterctl login");
			return 0;
		}
		n = oauth_form(dst, size,
		    (const char *const[]){ "grant_type", "refresh_token",
			"refresh_token", l->refresh, "client_id", o->client_id,
			"client_secret", l->secret, "scope",
			is_google(o) ? "" : oauth_scope(o), NULL });
	}
	if (n == 0)
		why_set(why, "the request is too long");
	return n;
}

/* --- a person's browser -------------------------------------------------- */

bool
oauth_authorize_url(const struct oauth *o, const char *user,
    const char *verifier, const char *state, char *dst, size_t size)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char challenge[128], base[OAUTH_URL];
	size_t len;

	if (EVP_Digest(verifier, strlen(verifier), digest, &n, EVP_sha256(),
		NULL) != 1)
		return false;
	(void)base64url(challenge, digest, n);
	if (is_google(o))
		snprintf(base, sizeof(base), "%s?", GOOGLE_AUTHORIZE);
	else
		snprintf(base, sizeof(base), "%s/%s/oauth2/v2.0/authorize?",
		    MICROSOFT, tenant_of(o));
	len = strlen(base);
	if (len >= size)
		return false;
	memcpy(dst, base, len);
	return oauth_form(dst + len, size - len,
		   (const char *const[]){ "client_id", o->client_id,
		       "redirect_uri", OAUTH_REDIRECT, "response_type", "code",
		       "scope", oauth_scope(o), "code_challenge", challenge,
		       "code_challenge_method", "S256", "state", state,
		       "login_hint", user, "access_type",
		       is_google(o) ? "offline" : "", "prompt",
		       is_google(o) ? "consent" : "", NULL }) > 0;
}

/* query - the value of name in an address line, decoded; its length, 0: none */
static size_t
query(const char *line, const char *name, char *dst, size_t size)
{
	const char *p = strchr(line, '?');
	const size_t n = strlen(name);
	size_t len = 0;

	while (p != NULL && (strncmp(p + 1, name, n) != 0 || p[n + 1] != '='))
		p = strchr(p + 1, '&');
	if (p == NULL)
		return 0;
	for (p += n + 2; *p != '\0' && *p != '&' && *p != '#' && *p > ' ';
	     p++) {
		char hex[3] = "";

		if (len + 1 >= size)
			return 0;
		if (*p == '%' && isxdigit((unsigned char)p[1]) &&
		    isxdigit((unsigned char)p[2])) {
			memcpy(hex, p + 1, 2);
			dst[len++] = (char)strtoul(hex, NULL, 16);
			p += 2;
		} else {
			dst[len++] = *p == '+' ? ' ' : *p;
		}
	}
	dst[len] = '\0';
	return strlen(dst) == len ? len : 0;
}

bool
oauth_code(const char *line, const char *state, char *dst, size_t size,
    struct why *why)
{
	char text[256], shown[300];

	if (query(line, "error", text, sizeof(text)) > 0) {
		why_set(why,
		    "the provider says %s: somebody said no, or the app is not set up for this",
		    escape_str(shown, sizeof(shown), text));
		return false;
	}
	if (query(line, "code", dst, size) == 0) {
		why_set(why,
		    "there is no code in it: paste the whole address line, http://127.0.0.1:.../?...code=...");
		return false;
	}
	if (query(line, "state", text, sizeof(text)) == 0 ||
	    strcmp(text, state) != 0) {
		why_set(why,
		    "it is the answer to another login: begin again, and paste the newest address line");
		return false;
	}
	return true;
}

/* --- what a token says of itself ----------------------------------------- */

void
oauth_claims(const char *token, char *dst, size_t size)
{
	const char *from = strchr(token, '.');
	const char *to = from == NULL ? NULL : strchr(from + 1, '.');
	const size_t n = to == NULL ? 0 : (size_t)(to - from - 1);
	char *b64 = calloc(1, n + 8), shown[200];
	unsigned char *json = calloc(1, n + 8);
	int len = -1;
	json_t *o = NULL;

	dst[0] = '\0';
	if (n > 0 && n < TOKEN_MAX && b64 != NULL && json != NULL) {
		memcpy(b64, from + 1, n);
		for (size_t i = 0; i < n; i++)
			b64[i] = b64[i] == '-'   ? '+'
				 : b64[i] == '_' ? '/'
						 : b64[i];
		memset(b64 + n, '=', (4 - n % 4) % 4);
		len = EVP_DecodeBlock(
		    json, (unsigned char *)b64, (int)(n + (4 - n % 4) % 4));
	}
	if (len > 0)
		o = json_loads((char *)json, 0, NULL);
	if (json_is_object(o)) {
		const json_t *role =
		    json_array_get(json_object_get(o, "roles"), 0);
		char both[160];

		snprintf(both, sizeof(both), "aud %s, %s %s", obj_str(o, "aud"),
		    role != NULL ? "roles" : "scp",
		    role != NULL ? json_string_value(role) : obj_str(o, "scp"));
		snprintf(
		    dst, size, "%s", escape_str(shown, sizeof(shown), both));
	}
	json_decref(o);
	free(json);
	free(b64);
}
