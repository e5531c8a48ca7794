/*
 * match.c - which rule speaks for a transaction: the first that matches.
 *
 * Patterns were made canonical when the configuration was read, so matching
 * is comparing, and no spelling of a sender slips past a rule.
 */
#include <string.h>

#include "match.h"

static bool
sender_holds(const struct names *patterns, const struct mailaddr *sender)
{
	const char *domain = mailaddr_domain(sender);

	if (patterns->n == 0)
		return true;
	for (size_t i = 0; i < patterns->n; i++) {
		const char *p = patterns->v[i];

		if (strcmp(p, "<>") == 0) {
			if (mailaddr_is_null(sender))
				return true;
		} else if (p[0] == '@') {
			if (domain[0] != '\0' && strcmp(p + 1, domain) == 0)
				return true;
		} else if (strcmp(p, sender->text) == 0) {
			return true;
		}
	}
	return false;
}

static bool
login_holds(const struct names *logins, const char *login)
{
	if (logins->n == 0)
		return true;
	for (size_t i = 0; i < logins->n && login[0] != '\0'; i++)
		if (strcmp(logins->v[i], login) == 0)
			return true;
	return false;
}

static bool
among(const struct prefixes *nets, const struct netaddr *client)
{
	for (size_t i = 0; i < nets->n; i++)
		if (netprefix_has(&nets->v[i], client))
			return true;
	return false;
}

const struct rule *
match_rule(const struct config *conf, const struct txn *t)
{
	for (size_t i = 0; i < conf->nrule; i++) {
		const struct rule *r = &conf->rule[i];

		if (sender_holds(&r->sender, &t->sender) &&
		    login_holds(&r->login, t->login) &&
		    (r->client.n == 0 || among(&r->client, &t->client)))
			return r;
	}
	return NULL;
}

const struct rule *
match_sender(
    const struct config *conf, const struct mailaddr *sender, bool *sure_r)
{
	const struct rule *maybe = NULL;

	*sure_r = true;
	for (size_t i = 0; i < conf->nrule; i++) {
		const struct rule *r = &conf->rule[i];

		if (!sender_holds(&r->sender, sender))
			continue;
		if (r->login.n == 0 && r->client.n == 0)
			return r;
		*sure_r = false;
		if (maybe == NULL && r->route != NULL)
			maybe = r;
	}
	return maybe;
}

bool
match_outgoing(const struct config *conf, const struct txn *t)
{
	return t->submitted || t->login[0] != '\0' ||
	       among(&conf->networks, &t->client);
}

/* Postfix transports and Sendmail mailers that end on the machine. */
static bool
delivers_here(const char *mailer)
{
	static const char *const local[] = { "local", "virtual", "lmtp", "prog",
		"*file*", "*include*", "procmail", "cyrus", "cyrusv2",
		"dovecot", "maildrop", "error", "discard" };

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (strcmp(mailer, local[i]) == 0)
			return true;
	return false;
}

/*
 * relayed_on - "victim%elsewhere.test@office.example": a mail server may take
 * what stands before the "@" for another address (RFC 5321 appendix F.2)
 */
static bool
relayed_on(const struct mailaddr *rcpt)
{
	return strcspn(rcpt->text, "%!") < rcpt->at;
}

bool
match_external(
    const struct config *conf, const struct mailaddr *rcpt, const char *mailer)
{
	if (mailer != NULL && delivers_here(mailer))
		return false;
	if (relayed_on(rcpt))
		return true;
	return !config_is_local(conf, rcpt) && mailaddr_domain(rcpt)[0] != '\0';
}
