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
	return t->submitted || t->relayed || t->login[0] != '\0' ||
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
 * goes_elsewhere - is it handed to another host past all smarthosts?  Mail to
 * a domain with a transport of its own costs no account anything.
 */
static bool
goes_elsewhere(const char *mailer)
{
	return strncmp(mailer, "smarthost-", 10) != 0 &&
	       strcmp(mailer, "smtp") != 0 && strcmp(mailer, "esmtp") != 0 &&
	       !(strncmp(mailer, "pm", 2) == 0 && mailer[2] >= '0' &&
		   mailer[2] <= '9');
}

/*
 * is_ambiguous - "victim%elsewhere.test@office.example", or the same with "!"
 * or a quoted "@": a mail server may take what stands before the last "@" for
 * another address (RFC 5321 appendix F.2, Postfix resolve_dequoted_address)
 */
static bool
is_ambiguous(const struct mailaddr *rcpt)
{
	const char *quoted_at = strstr(rcpt->text, "=40");

	return strcspn(rcpt->text, "%!") < rcpt->at ||
	       (quoted_at != NULL && quoted_at < rcpt->text + rcpt->at);
}

enum txn_way
match_recipient(
    const struct config *conf, const char *raw, const struct rcpt_word *word)
{
	struct mailaddr rcpt;

	if (word->mailer != NULL && delivers_here(word->mailer))
		return WAY_LOCAL;
	if (word->addr != NULL && strchr(word->addr, '@') != NULL)
		raw = word->addr;
	mailaddr_canon(&rcpt, raw, strlen(raw), "");
	if (config_is_local(conf, &rcpt) && !is_ambiguous(&rcpt))
		return WAY_LOCAL;
	return word->mailer != NULL && goes_elsewhere(word->mailer)
		   ? WAY_EXTERNAL
		   : WAY_ROUTED;
}

/*
 * is_at_home - does a mail server that knows the sender as a local user, not
 * as an address, say so of a domain that is not among ours?  It is the name of
 * its machine: that of whoever writes without saying who he is.
 */
static bool
is_at_home(
    const struct config *conf, const char *user, const struct mailaddr *a)
{
	const char *domain = mailaddr_domain(a);

	if (user == NULL || user[0] == '\0' || domain[0] == '\0' ||
	    strpbrk(user, "@ \t\"\\()<>:,;") != NULL ||
	    conf->login_domains.n == 0)
		return false;
	return !config_is_local_domain(conf, domain);
}

void
match_envelope_sender(const struct config *conf, const char *raw,
    const char *mail_addr, struct mailaddr *a_r)
{
	char home[2 * MAILADDR_MAX];

	/* {mail_addr} is without quotes: with these it could be misread. */
	if (mail_addr != NULL && strchr(mail_addr, '@') != NULL &&
	    strpbrk(mail_addr, " \t\"\\()<>:,;") == NULL)
		raw = mail_addr;
	mailaddr_canon(a_r, raw, strlen(raw), conf->recipient_delimiter);
	if (!is_at_home(conf, mail_addr, a_r))
		return;
	snprintf(home, sizeof(home), "%.*s@%s", MAILADDR_MAX, mail_addr,
	    conf->login_domains.v[0]);
	mailaddr_canon(a_r, home, strlen(home), conf->recipient_delimiter);
}
