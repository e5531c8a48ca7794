/*
 * postfix.h - Postfix's half of the wiring: what is, what should be.
 *
 * Maps of names to values are JSON objects of strings, a change is a JSON
 * object {"file": "main" or "master", "name", "value", "before", "why"} in
 * which null means that the name is not set.
 */
#ifndef POSTFIX_H
#define POSTFIX_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "config.h"

/* --- ctl_postconf.c: the only user of postconf(1) ------------------------ */

struct postfix {
	const char *dir;	/* -c of postconf; NULL: Postfix's own */
	char *config_directory, *queue_directory;
	json_t *main;		/* what main.cf sets: name to value */
	json_t *master;		/* "name/type" to entry, single blanks */
	json_t *override;	/* "name/type/parameter" to value */
	bool chrooted;		/* smtpd, cleanup or trivial-rewrite is */
};

/* Reads all that.  0, or -1 and a failure (see ctl.h) in *failure_r. */
int	postfix_read(struct postfix *pf, const char *dir, json_t **failure_r);
void	postfix_free(struct postfix *pf);

/*
 * What a lookup table ("hash:/etc/postfix/x") holds: a line each, key, tab and
 * value.  To be freed; NULL if postmap(1) cannot list it (it said why).
 */
char	*postfix_map_list(const char *dir, const char *map);

/*
 * Carries out changes in order, from one on and as many as one command can.
 * How many; 0 if that failed (nothing of them was done then).
 */
size_t	postfix_change(const struct postfix *pf, const json_t *changes,
	    size_t from);

/* One change as a command for a shell: "postconf -e 'a = b'".  To be freed. */
char	*postfix_command(const struct postfix *pf, const json_t *change);

/* Runs `postfix reload`.  0 or -1 (it said why). */
int	postfix_reload(const struct postfix *pf);

/* --- postfix_prove.c ----------------------------------------------------- */

/*
 * Speaks to each listener as far as RSET and asks the daemon whether it saw
 * that: an array of {"listener", "host", "port", "seen", "said"}; what was not
 * seen is found.
 */
json_t	*postfix_prove(const struct postfix *pf, const struct config *conf,
	    json_t *found);

/* --- postfix_list.c: pure ------------------------------------------------ */

/* The next of "a, { b, c = d } e" and its length; NULL at the end. */
const char *postfix_next_item(const char **rest, size_t *len_r);

/* Is item that UNIX socket, bare or as "{ unix:path, ... }"? */
bool	postfix_names_socket(const char *item, size_t len, const char *path);

/* Is word one of the words of a list? */
bool	postfix_has_word(const char *list, const char *word);

/* What main.cf says; "" if it does not.  A service goes by its own word first. */
const char *postfix_setting(const struct postfix *pf, const char *name);
const char *postfix_effective(const struct postfix *pf, const char *service,
	    const char *name);

/* An entry of master.cf: its program with arguments ("" if there is none). */
const char *postfix_program(const char *entry);
bool	postfix_runs(const char *entry, const char *program);

/* Does it listen to this machine alone?  Behind a content filter, where the mail
 * was metered before. */
bool	postfix_is_inner(const char *service);

/* --- postfix_service.c: the client of a smarthost; pure ------------------ */

/*
 * What the service of sh sets (-o), in order: an array of {"name", "value",
 * "why"}, why being what happens without it; null if nothing does.  auth is
 * the auth-socket as Postfix sees it.
 */
json_t	*postfix_service(const char *auth, const struct smarthost *sh);

/* --- ctl_postfix.c: pure ------------------------------------------------- */

/*
 * The changes that lead from pf to conf, in order.  made are the changes of
 * earlier runs: what they set and conf no longer asks for is set back.  notes
 * gets a finding (ctl.h) for each thing that only a person can decide; until
 * what must be is decided the mail server is not set up.  NULL and
 * *failure_r if conf cannot be expressed in Postfix's files.
 */
json_t	*postfix_plan(const struct postfix *pf, const struct config *conf,
	    const json_t *made, json_t *notes, json_t **failure_r);

/*
 * The changes that lead back to before those of made.  What somebody changed
 * since is kept, without our part of it; notes tells.
 */
json_t	*postfix_plan_back(const struct postfix *pf, const json_t *made,
	    json_t *notes);

/*
 * The changes that take our milter out of services which have a list of their
 * own: an administrator put it there, as a finding told him.
 */
json_t	*postfix_overrides_back(const struct postfix *pf, const json_t *made);

/*
 * What is wrong with pf as it is, for conf: an array of findings.  What must
 * be otherwise lets mail go unmetered or a key go astray.
 */
json_t	*postfix_audit(const struct postfix *pf, const struct config *conf);

/*
 * Adds what happens behind the front door: what adds recipients, rewrites
 * senders, lets mail pass twice or past its account, and clients that are not
 * in networks.  None of it goes uncounted at an account's exit.
 */
void	postfix_unseen(const struct postfix *pf, const struct config *conf,
	    json_t *found);

/*
 * made and the changes as one: the first "before", the last "value".  Once
 * all is done, what is as it was before is forgotten.
 */
json_t	*postfix_merge(const json_t *made, const json_t *changes, bool done);

#endif
