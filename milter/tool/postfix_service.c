/*
 * postfix_service.c - the SMTP client of a smarthost, setting by setting.
 *
 * Each smarthost gets a service of its own: the names of its maps say which
 * account is meant, so two accounts at one provider cannot mix, and the plain
 * smtp service, which talks to anybody, has no credentials at all.  What
 * main.cf says to all clients must not undo that: so each setting that could is
 * said here, also where it is the default.
 */
#include <stdio.h>
#include <string.h>

#include "postfix.h"

struct setting {
	const char *name, *value, *why;
};

/* What is the same for all of them. */
static const struct setting common[] = {
	{ "smtp_tls_secure_cert_match", "nexthop",
	    "a certificate of another name would do" },
	{ "smtp_sasl_auth_enable", "yes", "no login, no mail" },
	{ "smtp_sasl_auth_soft_bounce", "yes",
	    "a login that is refused would return the mail" },
	{ "smtp_sasl_auth_cache_name", "",
	    "a login that was refused would be remembered when the password is new" },
	{ "smtp_connection_cache_on_demand", "no",
	    "several messages would leave by one login" },
	{ "smtp_connection_cache_destinations", "",
	    "several messages would leave by one login" },
	{ "smtp_tls_connection_reuse", "no",
	    "several messages would leave by one login" },
	{ "smtp_mx_session_limit", "1",
	    "one delivery could hand in two messages" },
	{ "smtp_fallback_relay", "",
	    "it takes the mail, and asks for the credential, when the smarthost is away" },
	{ "smtp_discard_ehlo_keywords", "",
	    "mail would leave without a login" },
	{ "smtp_discard_ehlo_keyword_address_maps", "",
	    "mail would leave without a login" },
	{ "smtp_never_send_ehlo", "no", "mail would leave without a login" },
	{ "smtp_always_send_ehlo", "yes", "mail could leave without a login" },
	{ "smtp_reply_filter", "",
	    "what became of a delivery could not be told" },
	{ "smtp_dns_reply_filter", "",
	    "what became of a delivery could not be told" },
};

static void
postfix_service_set(
    json_t *list, const char *name, const char *value, const char *why)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:s?}", "name", name,
					"value", value, "why", why));
}

/* postfix_service_set_login - how it logs in: with a password, or by our plugin
 * with a token */
static void
postfix_service_set_login(json_t *list, const struct smarthost *sh)
{
	const bool token = sh->oauth.grant != GRANT_NONE;
	const bool verify = sh->tls == TLS_VERIFY;

	if (token) {
		/* A mechanism that libsasl knows nothing of; TLS is verified.
		 */
		postfix_service_set(list, "smtp_sasl_type", "cyrus",
		    "another library does not know the plugin");
		postfix_service_set(list, "smtp_sasl_mechanism_filter",
		    "xoauth2", "the token would be taken for a password");
	}
	postfix_service_set(list, "smtp_sasl_security_options",
	    token ? "" : "noanonymous,noplaintext",
	    token ? "libsasl would not take the plugin"
		  : "a password could cross a session without TLS");
	postfix_service_set(list, "smtp_sasl_tls_security_options",
	    token    ? ""
	    : verify ? "noanonymous,noplaintext"
		     : "noanonymous",
	    token ? "libsasl would not take the plugin"
		  : "a password could cross a session that is not verified");
	postfix_service_set(list, "smtp_sasl_tls_verified_security_options",
	    token ? "" : "noanonymous",
	    token ? "libsasl would not take the plugin"
		  : "the password could not cross a session that was verified");
}

json_t *
postfix_service(const char *auth, const struct smarthost *sh)
{
	const bool verify = sh->tls == TLS_VERIFY;
	json_t *list = json_array();
	char value[400];

	snprintf(value, sizeof(value), "postfix/smarthost-%s", sh->name);
	postfix_service_set(list, "syslog_name", value, NULL);
	postfix_service_set(list, "smtp_tls_security_level",
	    verify ? "secure" : "encrypt",
	    "who answers in the smarthost's place would get the key");
	postfix_service_set(list, "smtp_tls_wrappermode",
	    sh->port == 465 ? "yes" : "no",
	    "it does not suit the port of the smarthost");
	snprintf(
	    value, sizeof(value), "socketmap:unix:%s:door-%s", auth, sh->name);
	postfix_service_set(list, "smtp_tls_policy_maps", value,
	    "the account is not metered where its mail leaves");
	snprintf(value, sizeof(value), "socketmap:unix:%s:%s", auth, sh->name);
	postfix_service_set(list, "smtp_sasl_password_maps", value,
	    "the credential is handed out by the meter");
	snprintf(value, sizeof(value), "socketmap:unix:%s:status-%s", auth,
	    sh->name);
	postfix_service_set(list, "smtp_delivery_status_filter", value,
	    "what was leased and not sent does not come back");
	postfix_service_set(list, "smtp_sender_dependent_authentication", "yes",
	    "who sends is not known where it leaves");
	postfix_service_set_login(list, sh);
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		postfix_service_set(
		    list, common[i].name, common[i].value, common[i].why);
	return list;
}
