/*
 * sendmail_mc.c - sendmail.mc with postmeter in it, and as it was before.
 *
 * m4 has no editor of its own, so lines are put in and taken out as text.
 * Order is everything there: a filter behind the mailers is not seen, rules in
 * front of them stand in nobody's way.
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "sendmail_key.h"
#include "sendmail_mc.h"
#include "tool.h"

#define MARK "dnl # postmeter: "
#define BEGIN MARK "begin (postmeterctl setup sendmail --undo takes it out)\n"
/* The line before had no end, which is ours then. */
#define JOINED MARK "begin after an unended line\n"
#define END MARK "end\n"

static const char part_a[] =
#include "contrib/sendmail/postmeter-a.inc"
    ;
static const char part_b[] =
#include "contrib/sendmail/postmeter-b.inc"
    ;

/* --- sendmail.mc --------------------------------------------------------- */

static bool
starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

static const char *
next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end == NULL ? line + strlen(line) : end + 1;
}

/* block_end - behind the block that begins at line; NULL if it has no end */
static const char *
block_end(const char *line)
{
	while (*line != '\0' && !starts(line, END))
		line = next_line(line);
	return *line == '\0' ? NULL : next_line(line);
}

char *
mc_without(const char *mc)
{
	char *out = malloc(strlen(mc) + 1), *p = out;

	if (out == NULL)
		return NULL;
	while (*mc != '\0') {
		bool joined = starts(mc, JOINED);
		const char *next = next_line(mc);
		const char *end =
		    joined || starts(mc, BEGIN) ? block_end(mc) : NULL;

		if (end != NULL) {
			if (joined && p > out)
				p--;
			mc = end;
			continue;
		}
		memcpy(p, mc, (size_t)(next - mc));
		p += next - mc;
		mc = next;
	}
	*p = '\0';
	return out;
}

/* mailers - the first line that defines mailers, or NULL */
static const char *
mailers(const char *mc)
{
	for (; *mc != '\0'; mc = next_line(mc))
		if (starts(mc, "MAILER_DEFINITIONS") || starts(mc, "MAILER("))
			return mc;
	return NULL;
}

char *
mc_with(const char *mc, const char *dir, struct why *why)
{
	char *bare = mc_without(mc), *out = NULL;
	const char *at = bare == NULL ? NULL : mailers(bare);
	size_t len = bare == NULL ? 0 : strlen(bare);
	bool ended = len > 0 && bare[len - 1] == '\n';

	why_set(why, "out of memory");
	if (bare != NULL && at == NULL)
		why_set(why,
		    "no line of it begins with MAILER_DEFINITIONS or MAILER(");
	if (at != NULL &&
	    asprintf(&out,
		"%.*s" BEGIN "include(`%s/postmeter-a.m4')dnl\n" END
		"%s%s%sinclude(`%s/postmeter-b.m4')dnl\n" END,
		(int)(at - bare), bare, dir, at, ended ? "" : "\n",
		ended ? BEGIN : JOINED, dir) == -1)
		out = NULL;
	free(bare);
	return out;
}

/* --- the two parts ------------------------------------------------------- */

/* mc_plain - will the path pass through m4 and Sendmail's own commas unharmed?
 */
static bool
mc_plain(const char *path)
{
	return path[strspn(path,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")] ==
	       '\0';
}

/* part_rcpts - how many recipients a delivery to each port may have */
static void
part_rcpts(const struct config *conf, FILE *out)
{
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		const uint16_t port = conf->smarthost[i].port;
		uint32_t least = conf->smarthost[i].recipient_limit;
		bool earlier = false;

		for (size_t j = 0; j < conf->nsmarthost; j++) {
			if (conf->smarthost[j].port != port)
				continue;
			earlier |= j < i;
			if (conf->smarthost[j].recipient_limit < least)
				least = conf->smarthost[j].recipient_limit;
		}
		if (!earlier && least > 0)
			fprintf(out, "define(`PM_RCPTS_%u', `%u')dnl\n",
			    (unsigned)port, (unsigned)least);
	}
}

char *
mc_part_a(const struct config *conf, struct why *why)
{
	const struct {
		const char *name, *path;
	} sockets[] = {
		{ "PM_MILTER_SOCKET", conf->milter_socket.path },
		{ "PM_MAP_SOCKET", conf->map_socket.path },
		{ "PM_AUTH_SOCKET", conf->auth_socket.path },
	};
	char *text = NULL;
	size_t len;
	FILE *out;

	why_set(why, "out of memory");
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		if (mc_plain(sockets[i].path))
			continue;
		why_set(why,
		    "the path of a socket may hold letters, digits and /._- only, for m4 and Sendmail take others apart");
		return NULL;
	}
	out = open_memstream(&text, &len);
	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		fprintf(out, "define(`%s', `%s')dnl\n", sockets[i].name,
		    sockets[i].path);
	part_rcpts(conf, out);
	fputs(part_a, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *
mc_part_b(void)
{
	return strdup(part_b);
}

/* --- what only a person can decide --------------------------------------- */

/* line_with - the first line that begins so, or NULL */
static const char *
line_with(const char *text, const char *start)
{
	for (; *text != '\0'; text = next_line(text))
		if (starts(text, start))
			return text;
	return NULL;
}

/* says - is word in this line? */
static bool
says(const char *line, const char *word)
{
	return memmem(line, strcspn(line, "\n"), word, strlen(word)) != NULL;
}

/* --- who is shown a password --------------------------------------------- */

#define APPLY "postmeterctl setup sendmail --apply, then restart Sendmail"

bool
mc_has_credentials(const char *cf)
{
	return line_with(cf, "Xpostmeter,") != NULL ||
	       line_with(cf, "Ksendmail socket ") != NULL;
}

/* has_feature - does a line of the access table name this letter? */
static bool
has_feature(const char *line, char letter)
{
	const char *end = line + strcspn(line, "\n");

	line += strcspn(line, " \t\n");
	for (; line < end; line++)
		if (*line == letter && isspace((unsigned char)line[-1]) &&
		    (line + 1 == end || isspace((unsigned char)line[1])))
			return true;
	return false;
}

/* shown_access - VERB that is given back to some clients */
static void
shown_access(const char *access, json_t *notes)
{
	for (; *access != '\0'; access = next_line(access))
		if (strncasecmp(access, "Srv_Features:", 13) == 0 &&
		    has_feature(access, 'b'))
			ctl_finding(notes, true,
			    "take the b out of that line, then make -C /etc/mail",
			    "access gives VERB back to some clients (%.*s): they are shown the passwords of smarthosts",
			    (int)strcspn(access, " \t\n"), access);
}

void
mc_shown(const char *cf, const char *access, json_t *notes)
{
	const unsigned has = cf_privacy(cf);

	if (!mc_has_credentials(cf))
		return;
	if ((has & CF_NOVERB) == 0)
		ctl_finding(notes, true, APPLY,
		    "PrivacyOptions in sendmail.cf is without noverb: whoever says VERB is shown the passwords of smarthosts");
	if ((has & CF_RESTRICTQRUN) == 0 || (has & CF_RESTRICTEXPAND) == 0)
		ctl_finding(notes, false, APPLY,
		    "PrivacyOptions in sendmail.cf is without restrictqrun or restrictexpand: were sendmail set-user-ID root, its users would be shown the passwords of smarthosts");
	if (cf_verbose(cf))
		ctl_finding(notes, true,
		    "take the option out, then restart Sendmail",
		    "sendmail.cf sets Verbose: a client can be shown the passwords of smarthosts without asking");
	if (access != NULL)
		shown_access(access, notes);
}

void
mc_program(const char *path, json_t *notes)
{
	char remedy[2 * PATH_MAX + 64], *real = realpath(path, NULL);
	struct stat st;

	if (real != NULL && stat(real, &st) == 0 &&
	    (st.st_mode & S_ISUID) != 0) {
		snprintf(remedy, sizeof(remedy),
		    "chgrp smmsp %s && chmod 2755 %s", real, real);
		ctl_finding(notes, true, remedy,
		    "%s is set-user-ID: with -d any user writes the passwords of smarthosts into the log",
		    real);
	}
	free(real);
}

static void
note_config(const struct config *conf, json_t *notes)
{
	bool root = false, others = false;

	for (size_t i = 0; i < conf->nsmarthost; i++) {
		struct why why;

		if (!sendmail_can(&conf->smarthost[i], &why))
			ctl_finding(notes, true,
			    "give that smarthost port = 587 in postmeter.conf, then postmeterctl reload",
			    "smarthost \"%s\" (port %u): %s",
			    conf->smarthost[i].name,
			    (unsigned)conf->smarthost[i].port, why.text);
	}
	for (size_t i = 0; i < conf->auth_peers.n; i++)
		if (strcmp(conf->auth_peers.v[i], "root") == 0)
			root = true;
		else
			others = true;
	if (root && others)
		ctl_finding(notes, true,
		    "write auth-peers = {\"root\"} in postmeter.conf, then postmeterctl reload and restart Sendmail",
		    "auth-peers names others than root: Sendmail is then served as Postfix is, and a busy machine sends mail the stock way");
	if (!root)
		ctl_finding(notes, true,
		    "write auth-peers = {\"root\"} in postmeter.conf, then postmeterctl reload",
		    "Sendmail asks for passwords as root: add \"root\" to auth-peers");
}

static void
note_filter(const char *cf, const char *filter, json_t *notes)
{
	const char *order = line_with(cf, "O InputMailFilters=");
	size_t len = order == NULL ? 0 : strcspn(order, "\n");

	if (!says(filter, "F=T"))
		ctl_finding(notes, true, APPLY,
		    "the filter postmeter is without F=T: while it is away mail would go out uncounted");
	if (len >= 9 && strncmp(order + len - 9, "postmeter", 9) != 0)
		ctl_finding(notes, false,
		    "name postmeter last in confINPUT_MAIL_FILTERS of sendmail.mc, then make -C /etc/mail",
		    "postmeter is not the last filter: what a later one refuses is charged all the same");
}

static void
note_tls(const char *cf, json_t *notes)
{
	if (line_with(cf, "O CACertFile=") == NULL ||
	    line_with(cf, "O CACertPath=") == NULL)
		ctl_finding(notes, true, APPLY,
		    "no trusted roots: define confCACERT and confCACERT_PATH, or no certificate can be verified and all mail waits");
	if (line_with(cf, "O FallbackSmartHost=") != NULL)
		ctl_finding(notes, false,
		    "take confFALLBACK_SMARTHOST out of sendmail.mc, then make -C /etc/mail",
		    "confFALLBACK_SMARTHOST is set: mail that has a smarthost of its own waits instead of going there");
}

/* note_access - TLS that is switched off where it is demanded */
static void
note_access(const struct config *conf, const char *access, json_t *notes)
{
	for (; *access != '\0'; access = next_line(access)) {
		size_t name = strcspn(access, " \t\n");

		if (strncasecmp(access, "Try_TLS:", 8) != 0 ||
		    !says(access + name, "NO"))
			continue;
		for (size_t i = 0; i < conf->nsmarthost; i++) {
			const char *host = conf->smarthost[i].host;

			if (strlen(host) == name - 8 &&
			    strncasecmp(access + 8, host, name - 8) == 0)
				ctl_finding(notes, true,
				    "take that line out of access, then make -C /etc/mail",
				    "access says Try_TLS:%s NO: without STARTTLS its mail waits for ever",
				    host);
		}
	}
}

void
mc_notes(const struct config *conf, const char *cf, const char *access,
    json_t *notes)
{
	const char *filter = cf == NULL ? NULL : line_with(cf, "Xpostmeter,");

	note_config(conf, notes);
	if (filter != NULL) {
		note_filter(cf, filter, notes);
		note_tls(cf, notes);
	} else if (cf != NULL) {
		ctl_finding(notes, true, APPLY,
		    "sendmail.cf does not know postmeter yet");
	}
	if (access != NULL)
		note_access(conf, access, notes);
}
