/*
 * tool.h - postmeterctl from inside: a command makes an answer, a printer
 * shows it.
 *
 * Commands for the daemon and those that work without it end alike: in one
 * JSON object with "ok" and, if that is false, "error" and "remedy".  So
 * there is one way to print and each command has --json for free.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "config.h"
#include "obj.h"
#include "unix_socket.h"

#define CTL_SOCKET_DEFAULT "/run/postmeter/control.sock"

#define CTL_WORDS 4	/* arguments that a command names */

struct ctl_list {	/* v has room for the whole command line */
	const char **v;
	size_t n;
};

/* What the command line said; strings belong to argv. */
struct command;

struct ctl {
	const struct command *command;	/* its row */
	const char *config;	/* -c */
	const char *socket;	/* -s, NULL: as the configuration says */
	const char *sender, *login, *client, *size;
	struct ctl_list rcpt;
	const char *span, *why, *count, *window;
	bool apply, undo, check, prove, mta;
	const char *since;
	bool refused, hold_queue, suggest;
	bool due, now;		/* of release */
	bool week, report;	/* of report and mail */
	bool openmetrics, nagios;
	const char *warning, *critical; /* of --nagios: percent, ranges */
	const char *send;	/* to whom test sends a message */
	const char *postfix;	/* directory of main.cf, NULL: Postfix's own */
	const char *secrets;	/* where import puts passwords; NULL: nowhere */
	const char *sendmail;	/* directory of sendmail.mc, NULL: /etc/mail */
	const char *word[CTL_WORDS];	/* arguments, after the command */
	size_t nword;
	char **words;		/* all of them, where there may be many */
	size_t nwords;
};

/* Where answers are shown. */
struct screen {
	FILE *out, *err;
	bool colour;
	bool pretty;		/* JSON for eyes */
	size_t width;		/* columns; 0: no end */
};

struct command;

struct output {
	void (*answer)(const struct screen *sc, const struct command *c,
	    const json_t *answer);
	void (*failure)(const struct screen *sc, const struct command *c,
	    const json_t *answer);
};

extern const struct output output_text, output_json;

/* --- pieces of answers --------------------------------------------------- */

/* {"ok": false, "error": ..., "remedy": ...} */
json_t	*ctl_failure(const char *remedy, const char *error, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * The same with "errors": each of the lines, which are cut apart, is a mistake
 * and its remedy.
 */
json_t	*ctl_mistakes(char *lines, const char *error, ...)
	    __attribute__((format(printf, 2, 3)));

/* There is no smarthost of that name; the one that was meant, or all. */
json_t	*ctl_no_smarthost(const struct config *conf, const char *name);

/* The configuration, or NULL and (failure_r may be NULL) all its mistakes. */
struct config *ctl_config(const char *file, json_t **failure_r);

/* Adds {"text", "remedy", "must"}: what was found, "" if it has no remedy. */
void	ctl_finding(json_t *list, bool must, const char *remedy,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Adds a sentence to a list of warnings. */
void	ctl_warn(json_t *list, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* The whole number, 1 or more, in text; -1 if it is none, or NULL. */
long long ctl_number(const char *text);

/* --- commands ------------------------------------------------------------ */

/*
 * Each makes *answer_r (a new reference; NULL only if memory is out) and
 * returns the exit code.
 */
int	ctl_ask(const struct unix_socket *ep, const json_t *request,
	    json_t **answer_r);
int	ctl_ask_daemon(const struct ctl *ctl, const json_t *request,
	    json_t **answer_r);

/*
 * ctl_NAME does the command NAME, text_NAME shows people its answer, which was
 * made harmless.
 */
#define DAEMON_COMMAND(name, effect, ...) \
	void text_##name(const struct screen *sc, const json_t *answer);
#define TOOL_COMMAND(name, ...) \
	int ctl_##name(const struct ctl *ctl, json_t **answer_r); \
	void text_##name(const struct screen *sc, const json_t *answer);
#define BOTH_COMMAND(name, effect, ...) \
	int ctl_##name(const struct ctl *ctl, json_t **answer_r); \
	void text_##name(const struct screen *sc, const json_t *answer);
#include "commands.def"

/* What is wrong with the kind or its files; NULL if nothing is. */
const char *ctl_import_misfit(const struct ctl *ctl);

/* Are the words "list", "set NAME" or "remove NAME"? */
bool	ctl_secret_words(const struct ctl *ctl);

/* `setup sendmail`; conf may be NULL with --undo. */
int	ctl_setup_sendmail(const struct ctl *ctl, const struct config *conf,
	    json_t **answer_r);

/* `check --mta`: what smarthosts that log in with a token need here. */
void	ctl_oauth_audit(const struct config *conf, json_t *found);

/* Warns of smarthosts that use a password where passwords come to an end. */
void	ctl_warn_passwords(const struct config *conf, json_t *list);

/* `check --mta`: is it Sendmail that is to be looked at? */
bool	ctl_sendmail_here(const struct ctl *ctl);

/* Findings about it as it is set up now.  0, or -1 and a failure. */
int	ctl_sendmail_audit(const struct ctl *ctl, const struct config *conf,
	    json_t *found, json_t **failure_r);

/* What is good but hardly meant: one sentence each, in an array. */
json_t	*ctl_warnings(const struct config *conf);

#endif
