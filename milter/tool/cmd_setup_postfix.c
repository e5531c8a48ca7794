/*
 * cmd_setup_postfix.c - `setup postfix`: show, do, undo or check the mail
 * server's half of the wiring.  Sendmail's is in ctl_sendmail.c.
 *
 * What was there before is kept in a file beside main.cf, written before the
 * first change: an apply that breaks off in the middle can be undone too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "check.h"
#include "postfix.h"
#include "replace_file.h"
#include "tool.h"

#define MADE_FILE "postmeter-setup.json"

static char *
made_path(const struct postfix *pf)
{
	char *path;

	return asprintf(&path, "%s/%s", pf->config_directory, MADE_FILE) == -1
		   ? NULL
		   : path;
}

/* made_read - what earlier runs changed; empty if there was none */
static json_t *
made_read(const struct postfix *pf, json_t **failure_r)
{
	char *path = made_path(pf);
	json_error_t error;
	json_t *made;

	made = path == NULL ? NULL : json_load_file(path, 0, &error);
	if (made == NULL && path != NULL && access(path, F_OK) == -1 &&
	    errno == ENOENT)
		made = json_array();
	if (!json_is_array(made)) {
		json_decref(made);
		made = NULL;
		*failure_r = ctl_failure(
		    "run as root; if the file is damaged, move it away: then --undo has nothing to go by",
		    "%s cannot be read", path != NULL ? path : MADE_FILE);
	}
	free(path);
	return made;
}

/* made_write - keeps made, or removes the file if it is empty.  0, or -1 and
 * why */
static int
made_write(const struct postfix *pf, const json_t *made, struct why *why)
{
	struct replacement r = {
		.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600
	};
	char *path = made_path(pf), *text = NULL;
	int rc = -1;

	why_set(why, "out of memory");
	if (path != NULL && json_array_size(made) == 0) {
		rc = unlink(path) == -1 && errno != ENOENT ? -1 : 0;
		why_set(why, "cannot be removed: %s", strerror(errno));
	} else if (path != NULL &&
		   (text = json_dumps(made, JSON_INDENT(2))) != NULL) {
		r.p = text;
		r.len = strlen(text);
		rc = replace_file(path, &r, why);
	}
	free(text);
	free(path);
	return rc;
}

/* carry_out - all changes in turn.  0, or -1 and a failure. */
static int
carry_out(const struct postfix *pf, const json_t *changes, json_t **failure_r)
{
	size_t done = 0, n;

	while (done < json_array_size(changes)) {
		n = postfix_change(pf, changes, done);
		if (n == 0) {
			*failure_r = ctl_failure(
			    "run as root; what was done until here can be taken back with --undo",
			    "postconf could not change %s",
			    obj_str(json_array_get(changes, done), "name"));
			return -1;
		}
		done += n;
	}
	return 0;
}

static int
setup_postfix_keep(
    const struct postfix *pf, const json_t *made, json_t **failure_r)
{
	struct why why;

	if (made_write(pf, made, &why) == 0)
		return 0;
	*failure_r = ctl_failure("run as root", "%s/%s: %s",
	    pf->config_directory, MADE_FILE, why.text);
	return -1;
}

/* setup_postfix_apply - remembers, then changes.  0, or -1 and a failure. */
static int
setup_postfix_apply(const struct postfix *pf, const json_t *made,
    const json_t *changes, json_t **failure_r)
{
	json_t *before = postfix_merge(made, changes, false);
	json_t *after = postfix_merge(made, changes, true);
	int r;

	/* Until all is done the file knows more than needed, never less. */
	r = setup_postfix_keep(pf, before, failure_r);
	if (r == 0)
		r = carry_out(pf, changes, failure_r);
	if (r == 0)
		r = setup_postfix_keep(pf, after, failure_r);
	json_decref(before);
	json_decref(after);
	return r;
}

static int
undo(const struct postfix *pf, const json_t *changes, json_t **failure_r)
{
	json_t *none = json_array();
	int r = carry_out(pf, changes, failure_r);

	if (r == 0)
		r = setup_postfix_keep(pf, none, failure_r);
	json_decref(none);
	return r;
}

/* setup_postfix_summary - the last line: what is or should be done now */
static const char *
setup_postfix_summary(const struct ctl *ctl, const json_t *changes)
{
	if (json_array_size(changes) == 0)
		return ctl->undo ? "nothing to take back"
				 : "nothing to change: Postfix is set up";
	if (ctl->apply && ctl->prove)
		return "done, and Postfix was reloaded";
	if (ctl->apply || ctl->undo)
		return "done; now run: postfix reload";
	return "nothing was changed; --apply does it, --undo takes it back";
}

/* setup_postfix_tell - the answer that lists changes (as commands) and notes */
static json_t *
setup_postfix_tell(const struct postfix *pf, const struct ctl *ctl,
    const json_t *changes, json_t *notes)
{
	json_t *list = json_array();
	const json_t *c;
	size_t i;

	json_array_foreach (changes, i, c) {
		char *command = postfix_command(pf, c);

		json_array_append_new(
		    list, json_pack("{s:s?, s:O}", "command", command, "why",
			      json_object_get(c, "why")));
		free(command);
	}
	return json_pack("{s:b, s:o, s:O, s:s}", "ok", 1, "changes", list,
	    "notes", notes, "summary", setup_postfix_summary(ctl, changes));
}

/* verdict - with --check a missing piece is a failure */
static int
verdict(const struct ctl *ctl, const json_t *changes, const json_t *notes,
    json_t *answer)
{
	size_t missing = ctl->check ? json_array_size(changes) : 0, i;
	const json_t *note;
	json_t *failure;

	json_array_foreach (notes, i, note)
		missing += obj_yes(note, "must");
	if (!(ctl->check || ctl->prove) || missing == 0)
		return EX_OK;
	failure = ctl_failure(
	    "postmeterctl setup postfix --apply makes the changes; what needs attention is for you to decide",
	    "settings of Postfix missing or in the way: %zu", missing);
	json_object_update(answer, failure);
	json_decref(failure);
	return 1;
}

/* setup_postfix_audit - findings in place of the notes that must be heeded: it
 * has them */
static void
setup_postfix_audit(
    const struct postfix *pf, const struct config *conf, json_t *notes)
{
	json_t *found = postfix_audit(pf, conf);

	for (size_t i = json_array_size(notes); i-- > 0;)
		if (json_is_true(
			json_object_get(json_array_get(notes, i), "must")))
			json_array_remove(notes, i);
	json_array_extend(notes, found);
	json_decref(found);
}

/* proof - what is in force, after a reload if that is new */
static json_t *
proof(const struct postfix *pf, const struct ctl *ctl,
    const struct config *conf, const json_t *changes, json_t *notes)
{
	if (ctl->apply && json_array_size(changes) > 0 &&
	    postfix_reload(pf) == -1)
		ctl_finding(notes, true, "postfix start",
		    "postfix reload failed: it does not run, or says why above");
	return postfix_prove(pf, conf, notes);
}

/* setup_postfix_work - plan and do.  The answer, or NULL and a failure. */
static json_t *
setup_postfix_work(const struct postfix *pf, const struct ctl *ctl,
    const struct config *conf, json_t *notes, int *code_r, json_t **failure_r)
{
	json_t *made = made_read(pf, failure_r), *changes, *answer = NULL;
	json_t *proofs = NULL;
	int r = 0;

	if (made == NULL)
		return NULL;
	changes = ctl->undo ? postfix_plan_back(pf, made, notes)
			    : postfix_plan(pf, conf, made, notes, failure_r);
	if (changes != NULL && ctl->undo)
		r = undo(pf, changes, failure_r);
	else if (changes != NULL && ctl->apply)
		r = setup_postfix_apply(pf, made, changes, failure_r);
	if (changes != NULL && ctl->check) {
		setup_postfix_audit(pf, conf, notes);
		check_living(ctl, conf, notes);
	} else if (changes != NULL && ctl->apply) {
		check_daemon(conf, notes);
	}
	if (changes != NULL && r == 0 && ctl->prove)
		proofs = proof(pf, ctl, conf, changes, notes);
	if (changes != NULL && r == 0) {
		answer = setup_postfix_tell(pf, ctl, changes, notes);
		if (proofs != NULL)
			json_object_set(answer, "proofs", proofs);
		*code_r = verdict(ctl, changes, notes, answer);
	}
	json_decref(proofs);
	json_decref(changes);
	json_decref(made);
	return answer;
}

static int
setup_postfix(
    const struct ctl *ctl, const struct config *conf, json_t **answer_r)
{
	json_t *notes, *failure = NULL;
	struct postfix pf;
	int code = 1;

	if (postfix_read(&pf, ctl->postfix, &failure) == 0) {
		notes = json_array();
		*answer_r =
		    setup_postfix_work(&pf, ctl, conf, notes, &code, &failure);
		json_decref(notes);
		postfix_free(&pf);
	}
	if (*answer_r == NULL)
		*answer_r = failure;
	return code;
}

int
ctl_setup(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = NULL;
	int code;

	*answer_r = NULL;
	/* --undo must work when the configuration is broken or gone. */
	if (!ctl->undo && (conf = ctl_config(ctl->config, answer_r)) == NULL)
		return EX_CONFIG;
	if (strcmp(ctl->word[0], "sendmail") == 0)
		code = ctl_setup_sendmail(ctl, conf, answer_r);
	else
		code = setup_postfix(ctl, conf, answer_r);
	config_free(&conf);
	return code;
}
