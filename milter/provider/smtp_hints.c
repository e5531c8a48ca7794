/*
 * smtp_hints.c - what went wrong with a smarthost, why, and what helps.
 *
 * The words of a provider rarely name the remedy, and some name a wrong cause:
 * SendGrid calls spent credits a failed login.  What others had to find out
 * the hard way is kept here.
 */
#include <string.h>

#include "smtp_hints.h"

#define ANY (-1)

static const char *const step_names[] = {
	[PROBE_CONNECT] = "connect",
	[PROBE_GREETING] = "greeting",
	[PROBE_HELLO] = "EHLO",
	[PROBE_TLS] = "TLS",
	[PROBE_AUTH] = "AUTH",
	[PROBE_SEND] = "send",
	[PROBE_QUIT] = "QUIT",
};

/* The first row that fits speaks.  code is the beginning of the reply. */
static const struct row {
	int step; /* or ANY */
	enum probe_trouble trouble;
	const char *code, *words; /* "": any */
	struct smtp_hint hint;
} rows[] = {
	/* --- the way there --- */
	{ ANY, TROUBLE_NO_HOST, "", "",
	    { "the host name has no address",
		"check host for a slip of the keyboard, and that this machine resolves names" } },
	{ ANY, TROUBLE_REFUSED, "", "",
	    { "nobody listens on that port, or a firewall refuses",
		"check host and port (587, or 465), then ask whoever runs the network whether outgoing mail is blocked" } },
	{ PROBE_CONNECT, TROUBLE_TIMEOUT, "", "",
	    { "no answer at all: the port is probably blocked on the way",
		"let 587 and 465 out in the firewall; many hosting companies open them on request only" } },
	{ PROBE_GREETING, TROUBLE_TIMEOUT, "", "",
	    { "connected, but no greeting: a filter on the way, or the port wants TLS from the first byte",
		"try port = 465, and look for a firewall or virus scanner that inspects mail" } },
	{ PROBE_TLS, TROUBLE_TIMEOUT, "", "",
	    { "the TLS handshake does not come to an end",
		"look for a firewall that inspects TLS; if 465 was given for a STARTTLS port, use 587" } },
	{ ANY, TROUBLE_TIMEOUT, "", "",
	    { "the server stopped answering",
		"try again later; if it stays so, ask the provider" } },

	/* --- TLS --- */
	{ ANY, TROUBLE_NO_STARTTLS, "", "",
	    { "the server offers no STARTTLS: somebody on the way may have taken it out",
		"never send a password in clear: check the port, use 465, or look for a firewall that inspects mail" } },
	{ ANY, TROUBLE_EXPIRED, "", "",
	    { "the certificate has expired",
		"the provider must renew it; if it did, check this machine's clock" } },
	{ ANY, TROUBLE_NOT_YET, "", "",
	    { "the certificate is not valid yet",
		"check this machine's clock" } },
	{ ANY, TROUBLE_SELF_SIGNED, "", "",
	    { "the certificate is self-signed: nobody vouches for it",
		"use the host name that the provider gives; if the server is your own, get it a certificate from a known authority" } },
	{ ANY, TROUBLE_UNKNOWN_CA, "", "",
	    { "the certificate's authority is not known here, or the server does not send the whole chain",
		"install or update the package ca-certificates; if that does not help, the provider must complete the chain" } },
	{ ANY, TROUBLE_NAME, "", "",
	    { "the certificate is for another name",
		"use the name that the certificate bears as host; web hosts often want their server's name, not your domain's" } },
	{ ANY, TROUBLE_CERTIFICATE, "", "",
	    { "the certificate cannot be verified",
		"look at it with `openssl s_client -connect HOST:PORT`, and show that to the provider" } },
	{ ANY, TROUBLE_CA_FILE, "", "",
	    { "this machine's list of authorities cannot be read",
		"install the package ca-certificates" } },
	{ ANY, TROUBLE_TLS, "", "",
	    { "no TLS could be agreed upon",
		"465 speaks TLS from the first byte and 587 only after STARTTLS: check port; TLS 1.2 is the oldest that is spoken" } },

	/* --- the login --- */
	{ ANY, TROUBLE_NO_AUTH, "", "",
	    { "the server offers no login on this port",
		"use the port for submission (587, or 465), not the one for incoming mail (25)" } },
	{ ANY, TROUBLE_NO_MECHANISM, "", "",
	    { "the server takes neither PLAIN nor LOGIN, so no password",
		"allow passwords for SMTP at the provider (some call it app passwords, or authenticated SMTP)" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "451", "maximum credits exceeded",
	    { "the plan's credits are spent; the API key itself is good",
		"wait for the next day or month, or enlarge the plan; give the limit in a policy" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "535", "5.7.139",
	    { "logging in with a password is switched off for this mailbox or organisation",
		"let the administrator switch on authenticated SMTP for the mailbox (Set-CASMailbox -SmtpClientAuthenticationDisabled $false) and check the security defaults" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "550", "5.7.30",
	    { "the provider takes passwords no more",
		"basic authentication must be switched on again by the administrator, or another provider be used" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "534", "",
	    { "the provider wants an app password, or a login in a browser first",
		"make an app password in the account's security settings and store it with `postmeterctl secret set`" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "535", "application-specific",
	    { "the provider wants an app password",
		"make an app password in the account's security settings and store it with `postmeterctl secret set`" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "535", "",
	    { "username or password are wrong, or the provider wants an app password instead of the usual one",
		"check username, make an app password in the account's security settings, and store it with `postmeterctl secret set`" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "530", "",
	    { "the server wants something else before a login",
		"read its reply; mostly it is TLS: check port" } },

	/* --- quotas and other people's trouble --- */
	{ ANY, TROUBLE_REPLY, "432", "",
	    { "too many connections at a time for this account",
		"lower the concurrency of this smarthost's service, and wait a minute" } },
	{ ANY, TROUBLE_REPLY, "454", "throttling failure",
	    { "the account's quota is used up",
		"wait up to a day (a rate: some minutes), or ask the provider for more; give the limit in a policy" } },
	{ ANY, TROUBLE_REPLY, "550", "5.4.5",
	    { "the account's daily sending limit is reached",
		"wait up to 24 hours; give the limit in a policy, so that it is not reached again" } },
	{ ANY, TROUBLE_REPLY, "550", "5.4.6",
	    { "the provider saw unusual sending and holds the account",
		"look for a stolen password, then ask the provider to release it" } },
	{ ANY, TROUBLE_REPLY, "554", "5.1.8",
	    { "the provider has blocked this sender",
		"look for a stolen password, then ask the provider to release it" } },
	{ ANY, TROUBLE_REPLY, "554", "SubmissionQuotaExceeded",
	    { "the mailbox's daily sending limit is reached",
		"wait up to 24 hours; give the limit in a policy, so that it is not reached again" } },
	{ ANY, TROUBLE_REPLY, "550", "5.7.233",
	    { "the organisation's limit on external recipients is reached",
		"wait up to 24 hours, or get more licences; give the limit in a policy" } },
	{ ANY, TROUBLE_REPLY, "550", "limit exceeded",
	    { "a sending limit is reached",
		"wait up to 24 hours; give the limit in a policy, so that it is not reached again" } },
	{ ANY, TROUBLE_REPLY, "550", "exceeded your daily",
	    { "the account's daily sending limit is reached",
		"wait up to 24 hours; give the limit in a policy, so that it is not reached again" } },
	{ ANY, TROUBLE_REPLY, "450", "limit exceeded",
	    { "a sending limit is reached for the moment",
		"wait some minutes; give the limit in a policy" } },
	{ ANY, TROUBLE_REPLY, "452", "",
	    { "too many recipients in one message, or the server is full",
		"lower recipients-per-message, or try again later" } },
	{ ANY, TROUBLE_REPLY, "421", "",
	    { "the server is busy, or has had enough of this address",
		"try again later, with fewer connections at a time" } },
	{ PROBE_GREETING, TROUBLE_REPLY, "554", "",
	    { "the server does not talk to this machine's address",
		"read its reply: mostly the address stands on a list of senders of spam" } },
	{ PROBE_SEND, TROUBLE_REPLY, "553", "",
	    { "the provider does not let this account send as that address",
		"use the account's own address (envelope-sender), or have the address confirmed at the provider" } },
	{ PROBE_SEND, TROUBLE_REPLY, "550", "",
	    { "the provider refuses this sender or recipient",
		"read its reply; often the sender's address or domain must be confirmed at the provider first" } },
	{ PROBE_TLS, TROUBLE_REPLY, "454", "",
	    { "the server cannot do TLS just now", "try again later" } },
	{ PROBE_AUTH, TROUBLE_REPLY, "4", "",
	    { "the server cannot check the login just now: this says nothing about the password",
		"try again later" } },
	{ ANY, TROUBLE_REPLY, "4", "",
	    { "a passing trouble of the server", "try again later" } },
	{ ANY, TROUBLE_REPLY, "5", "",
	    { "the server refuses", "read its reply, ask the provider" } },
	{ PROBE_AUTH, TROUBLE_CLOSED, "", "",
	    { "the server hung up during the login",
		"check username and password; some servers answer a wrong one in this way" } },
	{ ANY, TROUBLE_CLOSED, "", "",
	    { "the server hung up",
		"check port, try again later; if it stays so, ask the provider" } },
};

static const struct smtp_hint unknown = {
	"the server's answer was not understood",
	"check host and port: is that a mail server?",
};

const char *
probe_step_name(enum probe_step step)
{
	return step_names[step];
}

const struct smtp_hint *
smtp_hint(enum probe_step step, enum probe_trouble trouble, const char *reply)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if ((r->step == ANY || r->step == (int)step) &&
		    r->trouble == trouble &&
		    strncmp(reply, r->code, strlen(r->code)) == 0 &&
		    strcasestr(reply, r->words) != NULL)
			return &r->hint;
	}
	return &unknown;
}
