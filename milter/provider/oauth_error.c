/*
 * oauth_error.c - what a token server calls an error, and what to do about it.
 *
 * Its word rarely says, and the same word means several things.  What others
 * had to find out is one table here.
 */
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "oauth_error.h"

#define AGAIN "allow it again with `postmeterctl login`"
#define ENTRA "in the Entra admin center, "

/* The first row that fits speaks; code: an AADSTS number, 0: any. */
static const struct trouble {
	const char *error, *words; /* "": any; words: in error_description */
	int code;
	enum oauth_result result;
	const char *cause, *remedy;
} troubles[] = {
	{ "authorization_pending", "", 0, OAUTH_WAIT, "", "" },
	{ "slow_down", "", 0, OAUTH_SLOWER, "", "" },
	{ "authorization_declined", "", 0, OAUTH_STOP, "the person said no",
	    AGAIN },
	{ "access_denied", "", 53003, OAUTH_STOP,
	    "a rule of Conditional Access forbids it",
	    ENTRA "let the administrator exclude this app from the rule" },
	{ "access_denied", "", 0, OAUTH_STOP, "the person said no", AGAIN },
	{ "expired_token", "", 0, OAUTH_STOP, "nobody entered the code in time",
	    AGAIN },
	{ "bad_verification_code", "", 0, OAUTH_STOP,
	    "the code is not known there", AGAIN },

	/* --- Microsoft, by its number --- */
	{ "", "", 70008, OAUTH_STOP,
	    "the permission ended: unused for 90 days, or older than the sign-in frequency allows",
	    AGAIN },
	{ "", "", 700082, OAUTH_STOP,
	    "the permission ended: it was not used for 90 days", AGAIN },
	{ "", "", 70043, OAUTH_STOP,
	    "the permission is older than the sign-in frequency allows",
	    AGAIN ", or use grant = microsoft-app" },
	{ "", "", 70000, OAUTH_STOP,
	    "the permission is not good any more, or for another app", AGAIN },
	{ "", "", 50173, OAUTH_STOP,
	    "the password was changed, or the sessions were revoked", AGAIN },
	{ "", "", 50132, OAUTH_STOP,
	    "the password was changed, or the sessions were revoked", AGAIN },
	{ "", "", 50133, OAUTH_STOP,
	    "the password was changed, or the sessions were revoked", AGAIN },
	{ "", "", 50076, OAUTH_STOP, "a second factor is wanted",
	    AGAIN ", or use grant = microsoft-app" },
	{ "", "", 50079, OAUTH_STOP, "a second factor must be set up first",
	    AGAIN ", or use grant = microsoft-app" },
	{ "", "", 50158, OAUTH_STOP, "a second factor is wanted",
	    AGAIN ", or use grant = microsoft-app" },
	{ "", "", 53003, OAUTH_STOP, "a rule of Conditional Access forbids it",
	    ENTRA
	    "let the administrator exclude this app from the rule; where device codes are blocked, use grant = microsoft-code" },
	{ "", "", 53000, OAUTH_STOP,
	    "a rule of Conditional Access wants a managed device",
	    ENTRA "let the administrator exclude this app from the rule" },
	{ "", "", 65001, OAUTH_STOP, "nobody consented to the app",
	    ENTRA
	    "give admin consent to the app's permission (SMTP.Send, or SMTP.SendAsApp)" },
	{ "", "", 7000215, OAUTH_STOP, "the client secret is wrong",
	    "store the secret's value, not its id, with `postmeterctl secret set`" },
	{ "", "", 7000222, OAUTH_STOP, "the client secret has expired",
	    ENTRA
	    "make a new client secret, store it with `postmeterctl secret set`, and give secret-until" },
	{ "", "", 700016, OAUTH_STOP, "the app is not known in this tenant",
	    "check client-id and tenant" },
	{ "", "", 7000218, OAUTH_STOP,
	    "the app allows no public clients, or its secret is missing",
	    ENTRA
	    "set \"Allow public client flows\" of the app to yes, or give secret" },
	{ "", "", 50034, OAUTH_STOP, "the user is not known in this tenant",
	    "check username and tenant" },
	{ "", "", 50057, OAUTH_STOP, "the user is disabled",
	    "let the administrator enable it, then " AGAIN },
	{ "", "", 90002, OAUTH_STOP, "there is no such tenant",
	    "check tenant: the organisation's id or domain" },

	/* --- Google, by its words --- */
	{ "invalid_grant", "expired or revoked", 0, OAUTH_STOP,
	    "the permission ended: revoked, unused for 6 months, the password was changed, or the app is in testing, where it lasts 7 days",
	    "publish the app (\"In production\", or user type Internal), then " AGAIN },
	{ "invalid_grant", "short-lived", 0, OAUTH_STOP,
	    "this machine's clock is wrong",
	    "set the clock (timedatectl), it must be right within minutes" },
	{ "invalid_grant", "Invalid email", 0, OAUTH_STOP,
	    "username is no mailbox of the organisation",
	    "check username: it is the mailbox, not the service account" },
	{ "invalid_grant", "JWT Signature", 0, OAUTH_STOP,
	    "the service account's key is not known any more",
	    "make a new JSON key in the Google Cloud console and name it in key-file" },
	{ "invalid_grant", "account not found", 0, OAUTH_STOP,
	    "the service account is not known any more",
	    "make a new service account and JSON key, and name it in key-file" },
	{ "invalid_grant", "Bad Request", 0, OAUTH_STOP,
	    "the code was used twice or too late", AGAIN },
	{ "unauthorized_client", "", 0, OAUTH_STOP,
	    "the app may not do this: domain-wide delegation is missing, or for another scope",
	    "in admin.google.com, Security, API controls, Domain-wide delegation: add the numeric client id with the scope https://mail.google.com/ (it may take a day)" },
	{ "admin_policy_enforced", "", 0, OAUTH_STOP,
	    "the administrator blocks the app",
	    "in admin.google.com, Security, API controls: trust the app" },

	/* --- anybody --- */
	{ "invalid_client", "", 0, OAUTH_STOP,
	    "client-id or client secret are wrong or deleted",
	    "check client-id, and store the client secret with `postmeterctl secret set`" },
	{ "invalid_scope", "", 0, OAUTH_STOP,
	    "this scope is not given in this way",
	    "check scope and grant; Google gives no mail scope to devices: use google-code" },
	{ "interaction_required", "", 0, OAUTH_STOP,
	    "the provider wants to see the person", AGAIN },
	{ "invalid_grant", "", 0, OAUTH_STOP,
	    "the permission is not good any more", AGAIN },
	{ "unsupported_grant_type", "", 0, OAUTH_STOP,
	    "the token server does not know this grant",
	    "check grant and token-url" },
	{ "invalid_request", "", 0, OAUTH_STOP,
	    "the token server did not understand the request",
	    "check client-id, tenant and token-url" },
	{ "temporarily_unavailable", "", 0, OAUTH_LATER,
	    "the token server is busy", "nothing: it is tried again" },
	{ "server_error", "", 0, OAUTH_LATER, "the token server has a fault",
	    "nothing: it is tried again" },
};

void
oauth_error_explain(
    struct oauth_answer *a, const char *error, const char *text, int code)
{
	char word[64];

	escape_str(word, sizeof(word), error);
	if (code != 0)
		snprintf(a->error, sizeof(a->error), "%s AADSTS%d", word, code);
	else
		snprintf(a->error, sizeof(a->error), "%s", word);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		const struct trouble *t = &troubles[i];

		if ((t->code != 0 && t->code != code) ||
		    (t->error[0] != '\0' && strcmp(t->error, error) != 0) ||
		    strcasestr(text, t->words) == NULL)
			continue;
		a->result = t->result;
		a->cause = t->cause;
		a->remedy = t->remedy;
		return;
	}
	a->result = OAUTH_STOP;
	a->cause = "the token server refuses";
	a->remedy = "read its words, ask the provider";
}
