/*
 * postfix_unseen.c - what happens to mail behind the front door, where the
 * meter does not see it: recipients are added, senders are rewritten, it comes
 * in a second time, or it leaves past its account.
 *
 * The exit counts what leaves by an account in any case.  An administrator who
 * wonders why the two budgets differ is told here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netaddr.h"
#include "postfix.h"
#include "tool.h"

struct unseen {
	const struct postfix *pf;
	const struct config *conf;
	json_t *found;
};

/* --- settings that say it by being there ---------------------------------- */

static const struct {
	const char *name, *what;
} settings[] = {
	{ "always_bcc",
	    "each message gets a recipient behind the meter: no sender is charged for it; if it leaves by an account, that is" },
	{ "sender_bcc_maps",
	    "messages get a recipient behind the meter: no sender is charged for it; if it leaves by an account, that is" },
	{ "recipient_bcc_maps",
	    "messages get a recipient behind the meter: no sender is charged for it; if it leaves by an account, that is" },
	{ "canonical_maps",
	    "senders are rewritten behind the meter: one is charged, the other is what rule and account are chosen by" },
	{ "sender_canonical_maps",
	    "senders are rewritten behind the meter: one is charged, the other is what rule and account are chosen by" },
	{ "masquerade_domains",
	    "senders are rewritten behind the meter: one is charged, the other is what rule and account are chosen by" },
	{ "smtp_generic_maps",
	    "the provider sees other senders than the ones that are metered: let each be one that the account may use" },
	{ "transport_maps",
	    "mail to what it names leaves past every smarthost: metered for its sender, by no account" },
};

static void
add_settings(struct unseen *u)
{
	char remedy[300];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const char *v = postfix_setting(u->pf, settings[i].name);

		if (v[0] == '\0')
			continue;
		snprintf(remedy, sizeof(remedy),
		    "if that is not meant: postconf -X %s && postfix reload",
		    settings[i].name);
		ctl_finding(u->found, false, remedy, "%s = %s: %s",
		    settings[i].name, v, settings[i].what);
	}
}

/* --- aliases that lead outside -------------------------------------------- */

static bool
leads_outside(const struct config *conf, const char *address, size_t len)
{
	char text[MAILADDR_MAX + 1];
	struct mailaddr a;

	if (memchr(address, '@', len) == NULL)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)len, address);
	mailaddr_canon(&a, text, strlen(text), conf->recipient_delimiter);
	return !config_is_local_domain(conf, mailaddr_domain(&a));
}

/* most_outside - of the lines "key TAB value, value" the one that adds most */
static size_t
most_outside(const struct config *conf, const char *lines, char *key_r,
    size_t size, size_t *n_r)
{
	size_t most = 0, len;
	const char *item;

	*n_r = 0;
	for (const char *end; *lines != '\0'; lines = end + (*end != '\0')) {
		const char *tab = strchr(lines, '\t');
		char value[4000];
		const char *rest = value;
		size_t outside = 0;

		end = lines + strcspn(lines, "\n");
		if (tab == NULL || tab > end)
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)(end - tab - 1),
		    tab + 1);
		while ((item = postfix_next_item(&rest, &len)) != NULL)
			outside += leads_outside(conf, item, len);
		*n_r += outside > 0;
		if (outside > most) {
			most = outside;
			snprintf(
			    key_r, size, "%.*s", (int)(tab - lines), lines);
		}
	}
	return most;
}

/* can_be_listed - can postmap(1) list tables of that type? */
static bool
can_be_listed(const char *map)
{
	static const char *const types[] = { "hash", "btree", "lmdb", "cdb",
		"sdbm", "dbm", "texthash", "inline" };
	const size_t len = strcspn(map, ":");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i]) == len && memcmp(map, types[i], len) == 0)
			return true;
	return false;
}

static void
add_aliases(struct unseen *u, const char *name)
{
	const char *list = postfix_setting(u->pf, name), *item;
	char map[400], key[200] = "", remedy[500];
	size_t len, n, most;

	while ((item = postfix_next_item(&list, &len)) != NULL) {
		char *lines;

		snprintf(map, sizeof(map), "%.*s", (int)len, item);
		if (strchr(map, ':') == NULL || map[0] == '$')
			continue;
		lines = can_be_listed(map) ? postfix_map_list(u->pf->dir, map)
					   : NULL;
		if (lines == NULL) {
			snprintf(remedy, sizeof(remedy),
			    "look where an address leads: postmap -q ADDRESS %s",
			    map);
			ctl_finding(u->found, false, remedy,
			    "%s: %s cannot be listed: which recipients it adds behind the meter is not known",
			    name, map);
			continue;
		}
		most = most_outside(u->conf, lines, key, sizeof(key), &n);
		free(lines);
		if (most == 0)
			continue;
		snprintf(remedy, sizeof(remedy),
		    "to see where it leads: postmap -q %s %s", key, map);
		ctl_finding(u->found, false, remedy,
		    "%s: %zu alias%s of %s lead%s outside, %s to %zu: a sender is charged for the alias at most, the account for each",
		    name, n, n == 1 ? "" : "es", map, n == 1 ? "s" : "", key,
		    most);
	}
}

/* --- mail that comes in twice --------------------------------------------- */

static void
add_second_pass(struct unseen *u, const char *service, const char *filter)
{
	const char *list =
	    postfix_effective(u->pf, service, "receive_override_options");
	char remedy[600], left[400] = "";
	const char *item;
	size_t len;

	if (postfix_has_word(list, "no_milters") ||
	    postfix_effective(u->pf, service, "smtpd_milters")[0] == '\0')
		return;
	while ((item = postfix_next_item(&list, &len)) != NULL)
		snprintf(left + strlen(left), sizeof(left) - strlen(left),
		    "%.*s,", (int)len, item);
	snprintf(remedy, sizeof(remedy),
	    "postconf -P '%s/receive_override_options=%sno_milters' && postfix reload",
	    service, left);
	ctl_finding(u->found, false, remedy,
	    "%s: what comes back from the filter %s passes the milters again: it is charged twice",
	    service, filter);
}

/* filter_of - the filter that mail of a service goes through; "" if none */
static const char *
filter_of(const struct unseen *u, const char *service)
{
	const char *of = postfix_effective(u->pf, service, "content_filter");

	return of[0] != '\0'
		   ? of
		   : postfix_effective(u->pf, service, "smtpd_proxy_filter");
}

/* comes_back - is the service told to filter nothing: the way back of one? */
static bool
comes_back(const struct unseen *u, const char *service)
{
	static const char *const names[] = { "content_filter",
		"smtpd_proxy_filter" };
	char key[400];

	for (size_t i = 0; i < 2; i++) {
		const char *v;

		snprintf(key, sizeof(key), "%s/%s", service, names[i]);
		v = json_string_value(json_object_get(u->pf->override, key));
		if (v != NULL && v[0] == '\0')
			return true;
	}
	return false;
}

static void
add_filters(struct unseen *u)
{
	const char *name, *filter = "";
	json_t *value;

	json_object_foreach (u->pf->master, name, value)
		if (postfix_runs(json_string_value(value), "smtpd") ||
		    postfix_runs(json_string_value(value), "pickup"))
			filter = filter_of(u, name)[0] != '\0'
				     ? filter_of(u, name)
				     : filter;
	if (filter[0] == '\0')
		return;
	json_object_foreach (u->pf->master, name, value)
		if (postfix_runs(json_string_value(value), "smtpd") &&
		    comes_back(u, name))
			add_second_pass(u, name, filter);
}

/* --- mail past its account, and whose ------------------------------------- */

static void
add_relays(struct unseen *u)
{
	const char *domains = postfix_setting(u->pf, "relay_domains");

	if (domains[0] != '\0' && strcmp(domains, "$mydestination") != 0)
		ctl_finding(u->found, false,
		    "if it shall leave by an account: postconf -X relay_domains && postfix reload",
		    "relay_domains = %s: mail to these leaves past every smarthost: metered for its sender, by no account",
		    domains);
}

/* is_within - is all of p one of our networks? */
static bool
is_within(const struct config *conf, const struct netprefix *p)
{
	for (size_t i = 0; i < conf->networks.n; i++)
		if (conf->networks.v[i].bits <= p->bits &&
		    netprefix_has(&conf->networks.v[i], &p->addr))
			return true;
	return false;
}

/* prefix_of - an item of mynetworks; false: it is a table, or not valid */
static bool
prefix_of(const char *item, size_t len, struct netprefix *p_r)
{
	char text[NETADDR_TEXT];
	size_t n = 0;

	if (len >= sizeof(text) || item[0] == '!')
		return false;
	for (size_t i = 0; i < len; i++) /* Postfix writes [::1]/128 */
		if (item[i] != '[' && item[i] != ']')
			text[n++] = item[i];
	text[n] = '\0';
	return netprefix_parse(text, p_r) == 0;
}

static void
add_networks(struct unseen *u)
{
	const char *list = postfix_setting(u->pf, "mynetworks"), *item;
	char remedy[300];
	struct netprefix p;
	size_t len;

	while ((item = postfix_next_item(&list, &len)) != NULL) {
		if (!prefix_of(item, len, &p) || is_within(u->conf, &p))
			continue;
		snprintf(remedy, sizeof(remedy),
		    "add \"%.*s\" to networks in postmeter.conf, then: postmeterctl reload",
		    (int)len, item);
		ctl_finding(u->found, false, remedy,
		    "mynetworks has %.*s and networks has not: Postfix relays for these clients, and each is metered by its address, whatever sender it names",
		    (int)len, item);
	}
}

void
postfix_unseen(
    const struct postfix *pf, const struct config *conf, json_t *found)
{
	struct unseen u = { pf, conf, found };

	add_settings(&u);
	add_aliases(&u, "virtual_alias_maps");
	add_aliases(&u, "alias_maps");
	add_filters(&u);
	add_relays(&u);
	add_networks(&u);
}
