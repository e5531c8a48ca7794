/*
 * sendmail_wiring.c - is postmeter's half of a sendmail.cf whole, and does
 * anything stand beside it?
 *
 * What was written by m4 is edited by hand, moved by the next include and
 * overruled by options, so it is read as it is in force, line by line.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bytes.h"
#include "netaddr.h"
#include "sendmail_key.h"
#include "sendmail_mc.h"
#include "sendmail_wiring.h"
#include "tool.h"

#define RCPTS_OF_A_MAILER 100 /* DEFAULT_MAX_RCPT: r= that is not written */

/* next - the next line of *text that begins so; false: no more */
static bool
next(const char **text, const char *start, struct bytes *line_r)
{
	const size_t n = strlen(start);

	while (**text != '\0') {
		const char *line = *text, *end = strchrnul(line, '\n');

		*text = *end == '\0' ? end : end + 1;
		if ((size_t)(end - line) >= n && memcmp(line, start, n) == 0) {
			*line_r = (struct bytes){ line, (size_t)(end - line) };
			return true;
		}
	}
	return false;
}

static bool
first(const char *text, const char *start, struct bytes *line_r)
{
	return next(&text, start, line_r);
}

static bool
holds(struct bytes b, const char *word)
{
	return memmem(b.p, b.len, word, strlen(word)) != NULL;
}

/* is_among - is word one of a list that commas and blanks part? */
static bool
is_among(struct bytes list, const char *word)
{
	const size_t n = strlen(word);
	size_t i = 0;

	while (i < list.len) {
		size_t from = i;

		while (i < list.len && strchr(", \t;", list.p[i]) == NULL)
			i++;
		if (i - from == n && memcmp(list.p + from, word, n) == 0)
			return true;
		i += i == from;
	}
	return false;
}

/* has_flag - does a map's line have -LETTER, with a value or without? */
static bool
has_flag(struct bytes line, char letter)
{
	const char flag[] = { ' ', '-', letter, '\0' };

	return holds(line, flag);
}

/* after - what stands behind mark, as far as a comma or blank */
static struct bytes
after(struct bytes line, const char *mark)
{
	const char *p = memmem(line.p, line.len, mark, strlen(mark));
	const char *end = line.p + line.len;
	struct bytes b = { end, 0 };

	if (p == NULL)
		return b;
	b.p = p + strlen(mark);
	while (b.p + b.len < end && strchr(", \t", b.p[b.len]) == NULL)
		b.len++;
	return b;
}

static bool
is_text(struct bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.p, text, b.len) == 0;
}

/* --- maps ---------------------------------------------------------------- */

/* What each flag is for, in the words of somebody who left it out. */
static const struct {
	char letter;
	bool only_login, wanted;
	const char *why;
} flags[] = {
	{ 'o', false, false,
	    "has -o: while postmeter is away its mail leaves as if there were no meter" },
	{ 'f', false, true,
	    "is without -f: queue ids lose their case, and no message is known" },
	{ 'q', false, true,
	    "is without -q: addresses with quotes are taken for others" },
	{ 'T', false, true,
	    "is without -T<TMPF>: what postmeter cannot say is taken for no" },
	{ 't', true, true,
	    "is without -t: mail whose login is not known now is returned" },
};

static void
note_map(
    const struct wiring *w, const char *map, const char *path, json_t *notes)
{
	char start[32];
	const bool login = strcmp(map, "sendmail") == 0;
	struct bytes line, at;

	snprintf(start, sizeof(start), "K%s socket ", map);
	if (!first(w->cf, start, &line)) {
		ctl_finding(notes, true, w->apply,
		    "sendmail.cf has no map %s: mail passes postmeter by", map);
		return;
	}
	at = after(line, "unix:");
	if (!is_text(at, path))
		ctl_finding(notes, true, w->apply,
		    "the map %s asks at %.*s, but postmeter listens at %s", map,
		    (int)at.len, at.p, path);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if ((login || !flags[i].only_login) &&
		    has_flag(line, flags[i].letter) != flags[i].wanted)
			ctl_finding(notes, true, w->apply, "the map %s %s", map,
			    flags[i].why);
}

/* --- rules --------------------------------------------------------------- */

/* block - the lines of a ruleset as far as the next */
static struct bytes
block(const char *cf, const char *ruleset)
{
	struct bytes b = { cf, 0 }, line;
	const char *end;

	if (!first(cf, ruleset, &line))
		return b;
	b.p = line.p;
	end = strstr(line.p, "\nS");
	b.len = end == NULL ? strlen(line.p) : (size_t)(end - line.p);
	return b;
}

static void
note_rules(const struct wiring *w, json_t *notes)
{
	static const struct {
		const char *ruleset, *part, *without;
	} rules[] = {
		{ "SPmRoute", "$(route ",
		    "no rule asks where mail goes: it takes the stock way" },
		{ "Sauthinfo", "$(sendmail ",
		    "another ruleset authinfo stands before postmeter's: it decides which login is used" },
		{ "SLocal_tls_server", "$(tls ",
		    "no rule asks how safe a server must be: a login could be shown to the wrong one" },
		{ "SLocal_tls_rcpt", "PmLogin",
		    "no rule holds back mail whose login was refused: it is returned" },
		{ "SLocal_tls_rcpt", "><$1>$&{dsn_envid} ",
		    "the rules are of an older postmeter: clones of a message (lists with an owner) and parts of it (queue groups) wait for ever" },
	};
	char remedy[256];
	const char *hook = strstr(w->cf, "$>PmRoute ");

	snprintf(remedy, sizeof(remedy),
	    "%s; if that does not help, put your own rules of that name behind postmeter-b.m4 in sendmail.mc",
	    w->apply);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!holds(block(w->cf, rules[i].ruleset), rules[i].part))
			ctl_finding(
			    notes, true, remedy, "%s", rules[i].without);
	if (hook == NULL || strstr(hook + 1, "$>PmRoute ") == NULL)
		ctl_finding(notes, true, remedy,
		    "PmRoute is not called for names and for address literals: that mail passes postmeter by");
}

/* --- mailers ------------------------------------------------------------- */

static void
note_mailer(const struct wiring *w, const struct smarthost *sh, json_t *notes)
{
	char start[16];
	unsigned long rcpts;
	struct bytes line, r;
	struct why why;

	if (!sendmail_can(sh, &why))
		return; /* told by mc_notes */
	snprintf(start, sizeof(start), "Mpm%u,", (unsigned)sh->port);
	if (!first(w->cf, start, &line)) {
		ctl_finding(notes, true, w->apply,
		    "sendmail.cf has no mailer pm%u: mail for smarthost \"%s\" is returned",
		    (unsigned)sh->port, sh->name);
		return;
	}
	if (!is_text(after(line, " m="), "1"))
		ctl_finding(notes, true, w->apply,
		    "the mailer pm%u is without m=1: a message can leave by the login of the one before, uncounted",
		    (unsigned)sh->port);
	r = after(line, " r=");
	rcpts = r.len == 0 ? RCPTS_OF_A_MAILER : strtoul(r.p, NULL, 10);
	if (rcpts == 0 || rcpts > sh->recipient_limit)
		ctl_finding(notes, true, w->apply,
		    "the mailer pm%u takes %lu recipients at once, smarthost \"%s\" %lu",
		    (unsigned)sh->port, rcpts, sh->name,
		    (unsigned long)sh->recipient_limit);
}

/* --- the filter ---------------------------------------------------------- */

static void
sendmail_wiring_note_filter(const struct wiring *w, json_t *notes)
{
	const char *at = w->cf;
	struct bytes line, path;

	if (!first(w->cf, "Xpostmeter,", &line)) {
		ctl_finding(notes, true, w->apply,
		    "sendmail.cf has no filter postmeter: nothing is counted");
		return;
	}
	path = after(line, "S=local:");
	if (!is_text(path, w->conf->milter_socket.path))
		ctl_finding(notes, true, w->apply,
		    "the filter postmeter is sought at %.*s, but it listens at %s",
		    (int)path.len, path.p, w->conf->milter_socket.path);
	if (!first(w->cf, "O InputMailFilters=", &line) ||
	    !is_among(
		(struct bytes){ line.p + 19, line.len - 19 }, "postmeter"))
		ctl_finding(notes, true,
		    "name postmeter last in confINPUT_MAIL_FILTERS of sendmail.mc, then make -C /etc/mail",
		    "InputMailFilters does not name postmeter: nothing is counted");
	while (next(&at, "O DaemonPortOptions=", &line)) {
		struct bytes list = after(line, "InputMailFilters=");
		struct bytes name = after(line, "Name=");

		/* Filters of one port are parted by semicolons. */
		if ((holds(line, "InputMailFilters=") || holds(line, "I=")) &&
		    !is_among(list, "postmeter"))
			ctl_finding(notes, true,
			    "add ;postmeter to InputMailFilters of that DAEMON_OPTIONS in sendmail.mc, then make -C /etc/mail and restart Sendmail",
			    "the port %.*s has filters of its own without postmeter: mail that comes there is not counted and waits",
			    (int)name.len, name.p);
	}
}

/* --- beside it ----------------------------------------------------------- */

/* note_queues - each part of a message is one of the account's messages */
static void
note_queues(const struct wiring *w, json_t *notes)
{
	const char *at = w->cf;
	struct bytes line, r;

	while (next(&at, "Q", &line)) {
		r = after(line, " r=");
		if (r.len > 0 && strtoul(r.p, NULL, 10) > 0)
			ctl_finding(notes, false,
			    "take r= out of that QUEUE_GROUP in sendmail.mc, then make -C /etc/mail and restart Sendmail",
			    "queue group %.*s parts messages (r=%.*s): the account sends each part as a message, where one was accepted",
			    (int)strcspn(line.p + 1, ",\n"), line.p + 1,
			    (int)r.len, r.p);
	}
}

/* leads_out - does a line of aliases name an address outside the office? */
static bool
leads_out(const struct config *conf, struct bytes line)
{
	char domain[MAILADDR_MAX + 1];
	size_t n = 0, at = 0;

	while (at < line.len) {
		while (at < line.len && line.p[at++] != '@')
			;
		for (n = 0; at < line.len && n + 1 < sizeof(domain) &&
			    strchr(" \t\r,>\"", line.p[at]) == NULL;
		     at++)
			domain[n++] = (char)tolower((unsigned char)line.p[at]);
		domain[n] = '\0';
		if (n > 0 && !config_is_local_domain(conf, domain))
			return true;
	}
	return false;
}

/* note_aliases - the milter sees one recipient, the provider what it becomes */
static void
note_aliases(const struct wiring *w, json_t *notes)
{
	const char *at = w->aliases != NULL ? w->aliases : "";
	struct bytes line, name = { NULL, 0 };
	size_t n = 0;

	while (next(&at, "", &line)) {
		if (line.len == 0 || line.p[0] == '#' ||
		    !leads_out(w->conf, line))
			continue;
		if (n++ == 0)
			name =
			    (struct bytes){ line.p, strcspn(line.p, ": \t\n") };
	}
	if (n > 0)
		ctl_finding(notes, false,
		    "leave room for them in the limits of the accounts; postmeterctl status shows what was sent",
		    "%zu lines of aliases lead outside, the first at %.*s: what they become is counted where it leaves, not where it is accepted",
		    n, (int)name.len, name.p);
}

static void
note_mailertable(const struct wiring *w, json_t *notes)
{
	const char *at = w->cf;
	struct bytes line;

	if (next(&at, "Kmailertable ", &line))
		ctl_finding(notes, false,
		    "give mail to a domain of mailertable a rule without a route",
		    "mailertable is in use: mail that has an account and goes to a server of mailertable waits there");
}

/* in_networks - does the network of an access entry lie in networks? */
static bool
in_networks(const struct config *conf, struct bytes net)
{
	char text[NETADDR_TEXT];
	struct netaddr a;
	unsigned dots = 0;

	if (net.len == 0 || net.len + 7 > sizeof(text))
		return false;
	memcpy(text, net.p, net.len);
	text[net.len] = '\0';
	for (size_t i = 0; i < net.len; i++)
		dots += text[i] == '.';
	/* "10.0" is a network of two bytes. */
	for (; dots < 3 && strchr(text, ':') == NULL; dots++)
		strcat(text, ".0");
	if (netaddr_parse(text, &a) == -1)
		return false;
	for (size_t i = 0; i < conf->networks.n; i++)
		if (netprefix_has(&conf->networks.v[i], &a))
			return true;
	return false;
}

static void
note_relay(const struct wiring *w, json_t *notes)
{
	const char *at = w->access != NULL ? w->access : "";
	struct bytes line;

	while (next(&at, "", &line)) {
		size_t n = 0;
		struct bytes who;

		while (n < line.len && !isspace((unsigned char)line.p[n]))
			n++;
		who = (struct bytes){ line.p, n };
		if (n == 0 || line.p[0] == '#' ||
		    !is_among(
			(struct bytes){ line.p + n, line.len - n }, "RELAY"))
			continue;
		if (n > 8 && strncasecmp(who.p, "Connect:", 8) == 0)
			who = (struct bytes){ who.p + 8, n - 8 };
		if (strchr("0123456789", who.p[0]) != NULL &&
		    !in_networks(w->conf, who))
			ctl_finding(notes, false,
			    "add that network to networks in postmeter.conf, or take the line out",
			    "access lets %.*s relay, but networks does not name it: it is metered by its address, not by its senders",
			    (int)who.len, who.p);
	}
	at = w->relay != NULL ? w->relay : "";
	while (next(&at, "", &line))
		if (line.len > 0 && line.p[0] != '#')
			ctl_finding(notes, false,
			    "add its network to networks in postmeter.conf, or take the line out of relay-domains",
			    "relay-domains lets %.*s relay: who is not in networks is metered by address, not by sender",
			    (int)line.len, line.p);
}

/* note_logins - a login of the account that no meter hands out */
static void
note_logins(const struct wiring *w, json_t *notes)
{
	const char *at = w->access != NULL ? w->access : "";
	const struct config *conf = w->conf;
	struct bytes line;

	while (next(&at, "AuthInfo:", &line))
		for (size_t i = 0; i < conf->nsmarthost; i++) {
			const char *host = conf->smarthost[i].host;
			const size_t n = strlen(host);

			if (line.len > 9 + n &&
			    strncasecmp(line.p + 9, host, n) == 0 &&
			    isspace((unsigned char)line.p[9 + n]))
				ctl_finding(notes, true,
				    "take that line out of access, then make -C /etc/mail",
				    "access holds a login for %s (AuthInfo): mail without an account logs in with it, uncounted",
				    host);
		}
	if (first(w->cf, "DS", &line))
		for (size_t i = 0; i < conf->nsmarthost; i++)
			if (line.len > 2 &&
			    holds(line, conf->smarthost[i].host))
				ctl_finding(notes, false,
				    "give that mail a rule with a route, or SMART_HOST another server",
				    "SMART_HOST is the server of smarthost \"%s\": mail without an account has no login there and waits",
				    conf->smarthost[i].name);
}

void
wiring_notes(const struct wiring *w, json_t *notes)
{
	const struct config *conf = w->conf;

	if (!mc_has_credentials(w->cf))
		return;
	note_map(w, "route", conf->map_socket.path, notes);
	note_map(w, "tls", conf->map_socket.path, notes);
	note_map(w, "login", conf->map_socket.path, notes);
	note_map(w, "leave", conf->auth_socket.path, notes);
	note_map(w, "refused", conf->auth_socket.path, notes);
	note_map(w, "sendmail", conf->auth_socket.path, notes);
	note_rules(w, notes);
	for (size_t i = 0; i < conf->nsmarthost; i++)
		note_mailer(w, &conf->smarthost[i], notes);
	sendmail_wiring_note_filter(w, notes);
	note_queues(w, notes);
	note_aliases(w, notes);
	note_mailertable(w, notes);
	note_relay(w, notes);
	note_logins(w, notes);
}
