/*
 * oauth.c - how a smarthost's access token is had.
 *
 * Each grant wants something else of the administrator; what is missing is
 * said here, with where it is to be found.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "reader.h"

const char *const grant_type_words[] = {
	[GRANT_NONE] = "none",
	[GRANT_GOOGLE_CODE] = "google-code",
	[GRANT_GOOGLE_SERVICE] = "google-service",
	[GRANT_MICROSOFT_DEVICE] = "microsoft-device",
	[GRANT_MICROSOFT_CODE] = "microsoft-code",
	[GRANT_MICROSOFT_APP] = "microsoft-app",
	[GRANT_REFRESH] = "refresh",
	NULL,
};

enum {
	WANTS_CLIENT = 1,
	WANTS_SECRET = 2,
	WANTS_TENANT = 4,
	WANTS_KEY = 8,
	WANTS_URL = 16
};

static const unsigned wants[] = {
	[GRANT_GOOGLE_CODE] = WANTS_CLIENT | WANTS_SECRET,
	[GRANT_GOOGLE_SERVICE] = WANTS_KEY,
	[GRANT_MICROSOFT_DEVICE] = WANTS_CLIENT,
	[GRANT_MICROSOFT_CODE] = WANTS_CLIENT,
	[GRANT_MICROSOFT_APP] = WANTS_CLIENT | WANTS_SECRET | WANTS_TENANT,
	[GRANT_REFRESH] = WANTS_CLIENT | WANTS_URL,
};

/* oauth_options_demand - an option that this grant cannot do without */
static void
oauth_options_demand(struct reading *r, cfg_t *sec, const struct smarthost *sh,
    const char *option, unsigned bit, const char *where)
{
	if ((wants[sh->oauth.grant] & bit) == 0 ||
	    (conftext_given(sec, option) && read_one(sec, option)->len > 0))
		return;
	diag_error(&r->m, conftext_title(sec).line,
	    "smarthost \"%s\": grant = \"%s\" needs %s: %s", sh->name,
	    grant_type_words[sh->oauth.grant], option, where);
}

/* read_until - a day such as 2027-05-01, its beginning in UTC */
static int64_t
read_until(struct reading *r, cfg_t *sec)
{
	const struct conf_value *v = read_one(sec, "secret-until");
	struct tm tm = { .tm_year = 0 };
	const char *end;
	char text[SHOWN];

	if (v == NULL)
		return 0;
	end = strptime(v->text, "%Y-%m-%d", &tm);
	if (end != NULL && *end == '\0')
		return (int64_t)timegm(&tm) * SECOND;
	diag_error(&r->m, v->line,
	    "secret-until = \"%s\": write the day on which the client secret ends, such as \"2027-05-01\"",
	    shown(text, v));
	return 0;
}

/* safe_words - nothing in an address or a path of ours that could end it */
static void
safe_word(struct reading *r, cfg_t *sec, const char *option)
{
	const struct conf_value *v = read_one(sec, option);
	char text[SHOWN];

	if (v == NULL)
		return;
	for (size_t i = 0; i < v->len; i++)
		if ((unsigned char)v->text[i] <= ' ' || v->text[i] == '/' ||
		    v->text[i] == '?' || v->text[i] == '#') {
			diag_error(&r->m, v->line,
			    "%s = \"%s\": write it as the provider shows it, without blanks and slashes",
			    option, shown(text, v));
			return;
		}
}

static void
check_places(struct reading *r, cfg_t *sec)
{
	const struct conf_value *url = read_one(sec, "token-url");
	const struct conf_value *key = read_one(sec, "key-file");
	char text[SHOWN];

	if (url != NULL && strncmp(url->text, "https://", 8) != 0)
		diag_error(&r->m, url->line,
		    "token-url = \"%s\": it begins with https://, for secrets go there",
		    shown(text, url));
	if (key != NULL && key->text[0] != '/')
		diag_error(&r->m, key->line,
		    "key-file = \"%s\": write the absolute path of the JSON key",
		    shown(text, key));
}

void
read_oauth(struct reading *r, cfg_t *sec, struct smarthost *sh)
{
	static const char *const ways[] = { "password", "oauth", NULL };
	static const char *const options[] = { "grant", "client-id", "tenant",
		"token-url", "scope", "key-file", "secret-until" };
	struct oauth *o = &sh->oauth;
	const bool wanted = read_choice(r, sec, "auth", ways, 0) == 1;

	o->client_id = read_text(r, sec, "client-id", "");
	o->tenant = read_text(r, sec, "tenant", "");
	o->token_url = read_text(r, sec, "token-url", "");
	o->scope = read_text(r, sec, "scope", "");
	o->key_file = read_text(r, sec, "key-file", "");
	o->secret_until = read_until(r, sec);
	if (!wanted) {
		/* tenant says whose accounts share a limit, for passwords too
		 */
		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]);
		     i++)
			if (i != 2 && conftext_given(sec, options[i]))
				diag_error(&r->m,
				    read_one(sec, options[i])->line,
				    "%s: only a smarthost with auth = \"oauth\" has one",
				    options[i]);
		return;
	}
	o->grant = (enum grant_type)read_choice(
	    r, sec, "grant", grant_type_words, GRANT_NONE);
	if (o->grant == GRANT_NONE) {
		diag_error(&r->m, conftext_title(sec).line,
		    "smarthost \"%s\": auth = \"oauth\" needs a grant: google-code, google-service, microsoft-device, microsoft-code, microsoft-app or refresh",
		    sh->name);
		return;
	}
	if (sh->username != NULL && sh->username[0] == '\0')
		diag_error(&r->m, conftext_title(sec).line,
		    "smarthost \"%s\": auth = \"oauth\" needs username, the address of the mailbox",
		    sh->name);
	safe_word(r, sec, "client-id");
	safe_word(r, sec, "tenant");
	check_places(r, sec);
	oauth_options_demand(r, sec, sh, "client-id", WANTS_CLIENT,
	    "the id of the app that is registered at the provider");
	oauth_options_demand(r, sec, sh, "secret", WANTS_SECRET,
	    "the name of the client secret in the secrets file");
	oauth_options_demand(r, sec, sh, "tenant", WANTS_TENANT,
	    "the organisation's id or domain");
	oauth_options_demand(r, sec, sh, "key-file", WANTS_KEY,
	    "the path of the service account's JSON key");
	oauth_options_demand(r, sec, sh, "token-url", WANTS_URL,
	    "where tokens are renewed, https://...");
}
