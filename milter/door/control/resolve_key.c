/*
 * resolve_key.c - which keys an operator means who types a name.
 *
 * The desk writes keys in canonical form, by what a policy counts.  People
 * type "Alice@Office.Example", a login, "@domain" or an address of a machine;
 * the same bytes must lead to the same counter.
 */
#include <stdio.h>
#include <string.h>

#include "bill.h"
#include "gate.h"
#include "netaddr.h"
#include "request.h"

static void
resolve_key_add(struct who *w, const char *key)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->key[i], key) == 0)
			return;
	if (key[0] != '\0' && w->n < WHO_KEYS)
		snprintf(w->key[w->n++], sizeof(w->key[0]), "%s", key);
}

static void
add_address(const struct config *conf, const char *who, struct who *w)
{
	struct mailaddr a;

	mailaddr_canon(&a, who, strlen(who), conf->recipient_delimiter);
	resolve_key_add(w, a.text);
}

static void
add_login(const struct config *conf, const char *who, struct who *w)
{
	char login[MAILADDR_MAX + 1];

	config_login(conf, who, login);
	resolve_key_add(w, login);
}

/* add_domain - "office.example" and "@office.example" are one */
static void
add_domain(const char *who, struct who *w)
{
	char key[MAILADDR_MAX + 1] = "@";

	who += who[0] == '@';
	if (mailaddr_canon_domain(key + 1, sizeof(key) - 1, who, strlen(who)))
		resolve_key_add(w, key);
}

/* add_client - a machine by its address; true if it was one */
static bool
add_client(const struct policy *p, const char *who, struct who *w)
{
	char key[NETADDR_TEXT];
	struct netprefix net;
	unsigned bits;

	if (strcmp(who, "localhost") == 0) { /* sendmail(1) has no client */
		resolve_key_add(w, who);
		return true;
	}
	if (netprefix_parse(who, &net) == -1)
		return false;
	bits = net.addr.len == 4 ? p->prefix4 : p->prefix6;
	if (p->per != PER_CLIENT)
		bits = 128;
	resolve_key_add(w, netaddr_text(&net.addr, bits, key, sizeof(key)));
	return true;
}

/*
 * An identity that was missing was no exemption: the next best one paid (see
 * meter.c).  So a login and a machine are tried under nearly every policy.
 */
void
control_who(const struct config *conf, const struct policy *policy,
    const char *who, struct who *w_r)
{
	enum account_budget budget;
	const char *account = account_key_name(who, &budget);

	w_r->n = 0;
	if (account != NULL || bill_is_shared(who))
		resolve_key_add(w_r, who);
	if (account != NULL && budget == BUDGET_PROMISED) {
		char sent[MAILADDR_MAX + 1];

		/* The account is what it promised and what it sent. */
		account_key(BUDGET_SENT, account, sent, sizeof(sent));
		resolve_key_add(w_r, sent);
	}
	if (w_r->n > 0)
		return;
	if (strcmp(who, "*") == 0 || policy->per == PER_EVERYONE) {
		if (strcmp(who, "*") == 0 && policy->per == PER_EVERYONE)
			resolve_key_add(w_r, "*");
		return;
	}
	if (add_client(policy, who, w_r) || policy->per == PER_CLIENT)
		return;
	if (policy->per == PER_DOMAIN &&
	    (who[0] == '@' || strchr(who, '@') == NULL))
		add_domain(who, w_r);
	if (who[0] == '@')
		return;
	add_login(conf, who, w_r);
	if (policy->per == PER_ACCOUNT || policy->per == PER_SENDER)
		add_address(conf, who, w_r);
}

void
control_who_blocked(
    const struct config *conf, const char *who, char *dst, size_t size)
{
	/* What the desk asks for: an address or login, "@domain", a client. */
	static const struct policy account = { .per = PER_ACCOUNT };
	static const struct policy domain = { .per = PER_DOMAIN };
	struct who w;

	control_who(conf, who[0] == '@' ? &domain : &account, who, &w);
	if (who[0] != '@' && strchr(who, '@') != NULL && w.n > 0)
		snprintf(dst, size, "%s", w.key[w.n - 1]);
	else
		snprintf(dst, size, "%s", w.n > 0 ? w.key[0] : who);
}
