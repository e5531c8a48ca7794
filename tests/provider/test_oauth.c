/*
 * test_oauth.c - what is said to a token server, and what its answer means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "clock.h"
#include "oauth.h"

#define NOW INT64_C(1700000000000)

static struct oauth_answer a;

static char nothing[] = "";

static struct oauth
oauth_of(enum grant_type grant)
{
	static char client[] = "client-1";

	return (struct oauth){ .grant = grant,
		.client_id = client,
		.tenant = nothing,
		.token_url = nothing,
		.scope = nothing,
		.key_file = nothing };
}

static void
read_text(long status, const char *body)
{
	oauth_read(status, body, strlen(body), &a);
}

static void
a_good_answer_has_token_life_and_the_next_refresh_token(void **state)
{
	read_text(200,
	    "{\"access_token\":\"t.1\",\"expires_in\":3599,\"token_type\":\"Bearer\",\"refresh_token\":\"r2\"}");
	assert_int_equal(a.result, OAUTH_GOOD);
	assert_string_equal(a.token, "t.1");
	assert_string_equal(a.refresh, "r2");
	assert_int_equal(a.lives, 3599 * SECOND);
	read_text(200, "{\"access_token\":\"t.1\",\"expires_in\":\"1200\"}");
	assert_int_equal(a.lives, 1200 * SECOND);
	assert_int_equal(a.refresh_len, 0);
	read_text(200, "{\"access_token\":\"t.1\",\"expires_in\":-5}");
	assert_int_equal(a.lives, HOUR);
}

static void
each_error_has_its_cause_and_remedy(void **state)
{
	static const struct {
		const char *error, *text;
		int code;
		enum oauth_result result;
		const char *cause, *remedy;
	} rows[] = {
		{ "authorization_pending", "", 70016, OAUTH_WAIT, "", "" },
		{ "slow_down", "", 0, OAUTH_SLOWER, "", "" },
		{ "authorization_declined", "", 0, OAUTH_STOP, "said no",
		    "login" },
		{ "expired_token", "", 0, OAUTH_STOP, "in time", "login" },
		{ "bad_verification_code", "", 0, OAUTH_STOP, "not known",
		    "login" },
		{ "invalid_grant", "AADSTS70000", 70000, OAUTH_STOP, "not good",
		    "login" },
		{ "invalid_grant", "AADSTS70008", 70008, OAUTH_STOP, "90 days",
		    "login" },
		{ "invalid_grant", "AADSTS700082", 700082, OAUTH_STOP,
		    "90 days", "login" },
		{ "invalid_grant", "AADSTS70043", 70043, OAUTH_STOP,
		    "sign-in frequency", "login" },
		{ "invalid_grant", "AADSTS50173", 50173, OAUTH_STOP,
		    "password was changed", "login" },
		{ "invalid_grant", "AADSTS50132", 50132, OAUTH_STOP, "revoked",
		    "login" },
		{ "invalid_grant", "AADSTS50133", 50133, OAUTH_STOP, "revoked",
		    "login" },
		{ "interaction_required", "AADSTS50076", 50076, OAUTH_STOP,
		    "second factor", "login" },
		{ "interaction_required", "AADSTS50079", 50079, OAUTH_STOP,
		    "second factor", "login" },
		{ "interaction_required", "AADSTS50158", 50158, OAUTH_STOP,
		    "second factor", "login" },
		{ "access_denied", "AADSTS53003", 53003, OAUTH_STOP,
		    "Conditional Access", "exclude" },
		{ "interaction_required", "AADSTS53003", 53003, OAUTH_STOP,
		    "Conditional Access", "microsoft-code" },
		{ "interaction_required", "AADSTS53000", 53000, OAUTH_STOP,
		    "managed device", "exclude" },
		{ "invalid_grant", "AADSTS65001", 65001, OAUTH_STOP,
		    "consented", "admin consent" },
		{ "invalid_client", "AADSTS7000215", 7000215, OAUTH_STOP,
		    "secret is wrong", "not its id" },
		{ "invalid_client", "AADSTS7000222", 7000222, OAUTH_STOP,
		    "has expired", "new client secret" },
		{ "unauthorized_client", "AADSTS700016", 700016, OAUTH_STOP,
		    "not known in this tenant", "client-id" },
		{ "invalid_client", "AADSTS7000218", 7000218, OAUTH_STOP,
		    "no public clients", "Allow public client flows" },
		{ "invalid_grant", "AADSTS50034", 50034, OAUTH_STOP,
		    "user is not known", "username" },
		{ "invalid_grant", "AADSTS50057", 50057, OAUTH_STOP, "disabled",
		    "enable" },
		{ "invalid_request", "AADSTS90002", 90002, OAUTH_STOP,
		    "no such tenant", "tenant" },
		{ "invalid_grant", "Token has been expired or revoked.", 0,
		    OAUTH_STOP, "7 days", "In production" },
		{ "invalid_grant", "Bad Request", 0, OAUTH_STOP, "twice",
		    "login" },
		{ "invalid_grant", "Invalid email or User ID", 0, OAUTH_STOP,
		    "no mailbox", "username" },
		{ "invalid_grant", "Invalid JWT Signature.", 0, OAUTH_STOP,
		    "key is not known", "key-file" },
		{ "invalid_grant",
		    "Invalid JWT: Token must be a short-lived token (60 minutes)",
		    0, OAUTH_STOP, "clock", "timedatectl" },
		{ "invalid_client", "The OAuth client was not found.", 0,
		    OAUTH_STOP, "wrong or deleted", "secret set" },
		{ "unauthorized_client",
		    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
		    0, OAUTH_STOP, "delegation", "admin.google.com" },
		{ "invalid_scope", "Invalid device flow scope", 0, OAUTH_STOP,
		    "scope", "google-code" },
		{ "admin_policy_enforced", "", 0, OAUTH_STOP, "blocks the app",
		    "trust" },
		{ "something_new", "", 0, OAUTH_STOP, "refuses",
		    "ask the provider" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *o = json_pack("{s:s, s:s, s:[i]}", "error",
		    rows[i].error, "error_description", rows[i].text,
		    "error_codes", rows[i].code);
		char *body = json_dumps(o, 0);

		read_text(400, body);
		assert_int_equal(a.result, rows[i].result);
		if (strstr(a.cause, rows[i].cause) == NULL ||
		    strstr(a.remedy, rows[i].remedy) == NULL)
			print_message("%s %d: %s; %s\n", rows[i].error,
			    rows[i].code, a.cause, a.remedy);
		assert_non_null(strstr(a.cause, rows[i].cause));
		assert_non_null(strstr(a.remedy, rows[i].remedy));
		free(body);
		json_decref(o);
	}
}

static void
what_is_no_answer_is_tried_again(void **state)
{
	static const struct {
		long status;
		const char *body;
	} bad[] = { { 500, "" }, { 503, "{\"error\":\"invalid_grant\"}" },
		{ 429, "{}" }, { 200, "" }, { 200, "<html>" }, { 200, "[]" },
		{ 200, "{\"access_token\":\"\"}" },
		{ 200, "{\"access_token\":7}" },
		{ 302, "{\"access_token\":\"t\"}" },
		{ 200, "{\"access_token\":\"a\\u0000b\"}" } };
	char *huge = malloc(TOKEN_MAX + 100);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		read_text(bad[i].status, bad[i].body);
		assert_int_equal(a.result, OAUTH_LATER);
		assert_int_equal(a.token_len, 0);
	}
	memset(huge, 'A', TOKEN_MAX + 100);
	memcpy(huge, "{\"access_token\":\"", 17);
	strcpy(huge + TOKEN_MAX + 90, "\"}");
	read_text(200, huge);
	assert_int_equal(a.result, OAUTH_LATER);
	free(huge);
}

static void
a_form_is_escaped_and_has_no_empty_fields(void **state)
{
	char form[100];

	assert_int_equal(oauth_form(form, sizeof(form),
			     (const char *const[]){ "a", "x y&=+/", "b", "",
				 "c", NULL, "d", "~\xc3\xa9", NULL }),
	    strlen("a=x%20y%26%3D%2B%2F&d=~%C3%A9"));
	assert_string_equal(form, "a=x%20y%26%3D%2B%2F&d=~%C3%A9");
	for (size_t n = 1; n < 20; n++)
		assert_int_equal(
		    oauth_form(form, n,
			(const char *const[]){ "name", "a long value", NULL }),
		    0);
}

static void
a_renewal_says_what_its_grant_needs(void **state)
{
	struct oauth o = oauth_of(GRANT_GOOGLE_CODE);
	struct why why;
	char form[OAUTH_FORM];

	assert_true(oauth_renewal(&o,
			&(struct oauth_login){ "u@x.test", "s", "r/1", "" },
			NOW, form, sizeof(form), &why) > 0);
	assert_string_equal(form,
	    "grant_type=refresh_token&refresh_token=r%2F1&client_id=client-1&client_secret=s");
	o = oauth_of(GRANT_MICROSOFT_DEVICE);
	assert_true(
	    oauth_renewal(&o, &(struct oauth_login){ "u@x.test", "", "r", "" },
		NOW, form, sizeof(form), &why) > 0);
	assert_string_equal(form,
	    "grant_type=refresh_token&refresh_token=r&client_id=client-1&scope=https%3A%2F%2Foutlook.office.com%2FSMTP.Send%20offline_access");
	assert_int_equal(
	    oauth_renewal(&o, &(struct oauth_login){ "u@x.test", "", "", "" },
		NOW, form, sizeof(form), &why),
	    0);
	assert_non_null(strstr(why.text, "postmeterctl login"));
	o = oauth_of(GRANT_MICROSOFT_APP);
	assert_true(
	    oauth_renewal(&o, &(struct oauth_login){ "u@x.test", "s", "", "" },
		NOW, form, sizeof(form), &why) > 0);
	assert_string_equal(form,
	    "grant_type=client_credentials&client_id=client-1&client_secret=s&scope=https%3A%2F%2Foutlook.office365.com%2F.default");
}

/* from_base64url - into dst, terminated; its length */
static int
from_base64url(const char *src, size_t n, unsigned char *dst)
{
	char b64[4096];
	int len;

	memcpy(b64, src, n);
	for (size_t i = 0; i < n; i++)
		b64[i] = b64[i] == '-' ? '+' : b64[i] == '_' ? '/' : b64[i];
	memset(b64 + n, '=', (4 - n % 4) % 4);
	len = EVP_DecodeBlock(
	    dst, (unsigned char *)b64, (int)(n + (4 - n % 4) % 4));
	len -= (int)((4 - n % 4) % 4);
	dst[len] = '\0';
	return len;
}

static void
a_service_account_signs_for_the_mailbox(void **state)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	struct oauth o = oauth_of(GRANT_GOOGLE_SERVICE);
	char form[OAUTH_FORM], *pem, *key, *jwt, *dot;
	unsigned char out[4096], sig[4096];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	json_t *k, *claims;
	struct why why;
	int n;

	assert_int_equal(
	    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	n = (int)BIO_get_mem_data(bio, &pem);
	k = json_pack("{s:s, s:s%}", "client_email", "robot@p.test",
	    "private_key", pem, (size_t)n);
	key = json_dumps(k, 0);
	assert_true(oauth_renewal(&o,
			&(struct oauth_login){ "office@x.test", "", "", key },
			NOW, form, sizeof(form), &why) > 0);
	jwt = strstr(form, "assertion=") + 10;
	dot = strrchr(jwt, '.');
	n = from_base64url(dot + 1, strlen(dot + 1), sig);
	assert_int_equal(
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
	assert_int_equal(EVP_DigestVerify(ctx, sig, (size_t)n,
			     (unsigned char *)jwt, (size_t)(dot - jwt)),
	    1);
	*dot = '\0';
	dot = strchr(jwt, '.');
	from_base64url(jwt, (size_t)(dot - jwt), out);
	assert_string_equal((char *)out, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}");
	from_base64url(dot + 1, strlen(dot + 1), out);
	claims = json_loads((char *)out, 0, NULL);
	assert_string_equal(
	    json_string_value(json_object_get(claims, "iss")), "robot@p.test");
	assert_string_equal(
	    json_string_value(json_object_get(claims, "sub")), "office@x.test");
	assert_string_equal(json_string_value(json_object_get(claims, "scope")),
	    "https://mail.google.com/");
	assert_string_equal(json_string_value(json_object_get(claims, "aud")),
	    "https://oauth2.googleapis.com/token");
	assert_int_equal(
	    json_integer_value(json_object_get(claims, "iat")), NOW / 1000);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")),
	    NOW / 1000 + 3600);
	assert_int_equal(
	    oauth_renewal(&o, &(struct oauth_login){ "u", "", "", "{}" }, NOW,
		form, sizeof(form), &why),
	    0);
	assert_non_null(strstr(why.text, "no JSON key"));
	json_decref(claims);
	json_decref(k);
	free(key);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
}

static void
the_challenge_is_that_of_the_rfc(void **state)
{
	const struct oauth o = oauth_of(GRANT_GOOGLE_CODE);
	char url[2000], verifier[44], again[44];

	/* RFC 7636, appendix B */
	assert_true(oauth_authorize_url(&o, "u@x.test",
	    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "st", url,
	    sizeof(url)));
	assert_non_null(strstr(url,
	    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state=st&login_hint=u%40x.test&access_type=offline&prompt=consent"));
	assert_true(oauth_random(verifier) && oauth_random(again));
	assert_int_equal(strlen(verifier), 43);
	assert_string_not_equal(verifier, again);
}

static void
only_the_answer_to_this_login_is_taken(void **state)
{
	struct why why;
	char code[100];

	assert_true(
	    oauth_code("http://127.0.0.1:8765/?state=st&code=4%2F0Ab&scope=x\n",
		"st", code, sizeof(code), &why));
	assert_string_equal(code, "4/0Ab");
	assert_false(oauth_code("http://127.0.0.1:8765/?state=other&code=4",
	    "st", code, sizeof(code), &why));
	assert_non_null(strstr(why.text, "another login"));
	assert_false(oauth_code(
	    "http://127.0.0.1:8765/?code=4", "st", code, sizeof(code), &why));
	assert_false(
	    oauth_code("http://127.0.0.1:8765/?error=access_denied&state=st",
		"st", code, sizeof(code), &why));
	assert_non_null(strstr(why.text, "access_denied"));
	assert_false(oauth_code("", "st", code, sizeof(code), &why));
	assert_false(
	    oauth_code("?state=st&code=%00", "st", code, sizeof(code), &why));
}

static void
a_token_says_who_it_is_for(void **state)
{
	char text[200];

	/* {"aud":"https://outlook.office365.com","roles":["SMTP.SendAsApp"]} */
	oauth_claims(
	    "e30.eyJhdWQiOiJodHRwczovL291dGxvb2sub2ZmaWNlMzY1LmNvbSIsInJvbGVzIjpbIlNNVFAuU2VuZEFzQXBwIl19.x",
	    text, sizeof(text));
	assert_string_equal(
	    text, "aud https://outlook.office365.com, roles SMTP.SendAsApp");
	oauth_claims("ya29.opaque", text, sizeof(text));
	assert_string_equal(text, "");
	oauth_claims("a.!!!.b", text, sizeof(text));
	assert_string_equal(text, "");
}

static void
a_device_gets_its_code(void **state)
{
	static const char body[] =
	    "{\"user_code\":\"ABC-DEF\",\"device_code\":\"d1\",\"verification_uri\":\"https://x.test/d\",\"expires_in\":900,\"interval\":7}";
	struct oauth_device d;

	assert_true(oauth_read_device(body, strlen(body), &d));
	assert_string_equal(d.user_code, "ABC-DEF");
	assert_int_equal(d.interval, 7 * SECOND);
	assert_int_equal(d.lives, 15 * MINUTE);
	assert_false(oauth_read_device("{}", 2, &d));
	assert_false(oauth_read_device("", 0, &d));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_good_answer_has_token_life_and_the_next_refresh_token),
		cmocka_unit_test(each_error_has_its_cause_and_remedy),
		cmocka_unit_test(what_is_no_answer_is_tried_again),
		cmocka_unit_test(a_form_is_escaped_and_has_no_empty_fields),
		cmocka_unit_test(a_renewal_says_what_its_grant_needs),
		cmocka_unit_test(a_service_account_signs_for_the_mailbox),
		cmocka_unit_test(the_challenge_is_that_of_the_rfc),
		cmocka_unit_test(only_the_answer_to_this_login_is_taken),
		cmocka_unit_test(a_token_says_who_it_is_for),
		cmocka_unit_test(a_device_gets_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
