/*
 * cmd_setup_sendmail.c - `setup sendmail`: show, do, undo or check Sendmail's
 * half of the wiring.
 *
 * Three files and one order: the parts are there before sendmail.mc names
 * them, and go after it no longer does, so whenever make runs it finds what
 * it needs.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "replace_file.h"
#include "run_program.h"
#include "sendmail_mc.h"
#include "sendmail_wiring.h"
#include "tool.h"

#define MAIL_DIR "/etc/mail"
#define PROGRAM "/usr/sbin/sendmail"

struct file {
	const char *name, *why;
	char *have, *want; /* NULL: not there, not to be there */
};

enum { PART_A, PART_B, MC, FILES };

struct plan {
	char *dir; /* absolute, without links */
	bool ours; /* the system's own directory: make may run */
	struct file file[FILES];
	char *cf, *access, *relay, *aliases; /* for notes; NULL: not there */
};

static const char *
mail_dir(const struct ctl *ctl)
{
	return ctl->sendmail != NULL ? ctl->sendmail : MAIL_DIR;
}

/* --- files --------------------------------------------------------------- */

/* setup_slurp - dir/name as text in *text_r, NULL if it is not there.  0 or -1
 */
static int
setup_slurp(const char *dir, const char *name, char **text_r)
{
	char *path = NULL, *text = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *in;

	*text_r = NULL;
	if (asprintf(&path, "%s/%s", dir, name) == -1)
		return -1;
	in = fopen(path, "re");
	free(path);
	if (in == NULL)
		return errno == ENOENT ? 0 : -1;
	len = getdelim(&text, &size, '\0', in);
	if (text == NULL || (len == -1 && !feof(in))) {
		free(text);
		fclose(in);
		return -1;
	}
	fclose(in);
	text[len == -1 ? 0 : len] = '\0';
	*text_r = text;
	return 0;
}

/* setup_replace - the file in one step, keeping its mode and owner.  0, or -1
 */
static int
setup_replace(const char *path, const char *text, struct why *why)
{
	struct stat like = {
		.st_mode = 0644, .st_uid = geteuid(), .st_gid = getegid()
	};
	char *real = realpath(path, NULL);
	const bool known =
	    real != NULL ? stat(real, &like) == 0 : errno == ENOENT;
	const struct replacement r = { .p = text,
		.len = strlen(text),
		.uid = like.st_uid,
		.gid = like.st_gid,
		.mode = like.st_mode & 07777 };
	int rc = -1;

	if (known)
		rc = replace_file(real != NULL ? real : path, &r, why);
	else
		why_set(why, "%s", strerror(errno));
	free(real);
	return rc;
}

/* setup_settle - makes one file what it should be.  0, or -1 and a failure */
static int
setup_settle(const char *dir, const struct file *f, json_t **failure_r)
{
	char *path = NULL;
	struct why why;
	int rc;

	if (asprintf(&path, "%s/%s", dir, f->name) == -1)
		return -1;
	if (f->want != NULL) {
		rc = setup_replace(path, f->want, &why);
	} else {
		rc = unlink(path) == -1 && errno != ENOENT ? -1 : 0;
		why_set(&why, "%s", strerror(errno));
	}
	if (rc == -1)
		*failure_r = ctl_failure(
		    "run as root; what was done until here can be taken back with --undo",
		    "%s cannot be changed: %s", path, why.text);
	free(path);
	return rc;
}

/* --- the plan ------------------------------------------------------------ */

static void
plan_free(struct plan *p)
{
	for (size_t i = 0; i < FILES; i++) {
		free(p->file[i].have);
		free(p->file[i].want);
	}
	free(p->cf);
	free(p->access);
	free(p->relay);
	free(p->aliases);
	free(p->dir);
}

/* plan_read - what there is.  0, or -1 and a failure */
static int
plan_read(struct plan *p, const struct ctl *ctl, json_t **failure_r)
{
	const char *dir = mail_dir(ctl);

	*p = (struct plan){
		.ours = ctl->sendmail == NULL,
		.file = {
			[PART_A] = { .name = "postmeter-a.m4",
			    .why = "the filter, in front of the mailers" },
			[PART_B] = { .name = "postmeter-b.m4",
			    .why = "mailers, maps and rules, at the end" },
			[MC] = { .name = "sendmail.mc",
			    .why = "names both where they belong" },
		},
	};
	p->dir = realpath(dir, NULL);
	for (size_t i = 0; i < FILES && p->dir != NULL; i++)
		if (setup_slurp(p->dir, p->file[i].name, &p->file[i].have) ==
		    -1)
			goto fail;
	if (p->dir == NULL || p->file[MC].have == NULL ||
	    setup_slurp(p->dir, "sendmail.cf", &p->cf) == -1 ||
	    setup_slurp(p->dir, "access", &p->access) == -1 ||
	    setup_slurp(p->dir, "relay-domains", &p->relay) == -1 ||
	    setup_slurp(p->dir, "aliases", &p->aliases) == -1)
		goto fail;
	return 0;
fail:
	*failure_r = ctl_failure(
	    "is Sendmail here? If its directory is another, name it with --sendmail-config; run as root",
	    "%s/sendmail.mc and what is beside it cannot be read", dir);
	plan_free(p);
	return -1;
}

/* plan_make - what there should be.  0, or -1 and a failure */
static int
plan_make(
    struct plan *p, const struct config *conf, bool undo, json_t **failure_r)
{
	struct why why = { "out of memory" };
	struct file *mc = &p->file[MC];

	if (undo) {
		mc->want = mc_without(mc->have);
	} else {
		mc->want = mc_with(mc->have, p->dir, &why);
		p->file[PART_B].want = mc_part_b();
		if (mc->want != NULL)
			p->file[PART_A].want = mc_part_a(conf, &why);
	}
	if (mc->want != NULL && (undo || (p->file[PART_A].want != NULL &&
					     p->file[PART_B].want != NULL)))
		return 0;
	*failure_r = ctl_failure(
	    "see contrib/sendmail/README.md for the two lines and where they belong",
	    "%s/sendmail.mc cannot take postmeter: %s", p->dir, why.text);
	return -1;
}

static bool
differs(const struct file *f)
{
	if (f->have == NULL || f->want == NULL)
		return f->have != f->want;
	return strcmp(f->have, f->want) != 0;
}

/* settle_parts - the two parts written or removed.  0, or -1 and a failure */
static int
settle_parts(const struct plan *p, json_t **failure_r)
{
	for (size_t i = 0; i < MC; i++)
		if (differs(&p->file[i]) &&
		    setup_settle(p->dir, &p->file[i], failure_r) == -1)
			return -1;
	return 0;
}

/* is_named - does a Makefile still say that sendmail.cf is made of our parts?
 */
static bool
is_named(const char *dir)
{
	char *makefile = NULL;
	bool named;

	named = setup_slurp(dir, "Makefile", &makefile) == 0 &&
		makefile != NULL && strstr(makefile, "postmeter-") != NULL;
	free(makefile);
	return named;
}

/* shows_credentials - is there a sendmail.cf that shows passwords to others
 * than root? */
static bool
shows_credentials(const char *cf)
{
	return cf != NULL && mc_has_credentials(cf) &&
	       cf_privacy(cf) !=
		   (CF_NOVERB | CF_RESTRICTQRUN | CF_RESTRICTEXPAND);
}

/* run_make - make -C dir, directly; what it prints goes to stderr.  0 or -1 */
static int
run_make(const char *dir, json_t **failure_r)
{
	const char *const make[] = { "make", "-C", dir, NULL };
	struct why why;

	fprintf(stderr, "make -C %s\n", dir);
	if (run_program(make, false, NULL, &why) == 0)
		return 0;
	*failure_r =
	    ctl_failure("run it by hand; --undo takes the lines out again",
		"make -C %s failed", dir);
	return -1;
}

/* make_cf - sendmail.cf anew, and read again.  0, or -1 and a failure */
static int
make_cf(struct plan *p, json_t **failure_r)
{
	if (run_make(p->dir, failure_r) == -1)
		return -1;
	free(p->cf);
	if (setup_slurp(p->dir, "sendmail.cf", &p->cf) == 0)
		return 0;
	*failure_r =
	    ctl_failure("run as root", "%s/sendmail.cf cannot be read", p->dir);
	return -1;
}

/*
 * setup_carry_out - the parts before sendmail.mc that names them; taken back,
 * behind the make that forgets them: Debian's Makefile writes itself anew with
 * every file that sendmail.mc includes, and without one of them it never runs
 * again.  0, or -1 and a failure
 */
static int
setup_carry_out(struct plan *p, bool undo, json_t **failure_r)
{
	/* sendmail.mc is written anew so that make sees a change. */
	if ((!undo && settle_parts(p, failure_r) == -1) ||
	    setup_settle(p->dir, &p->file[MC], failure_r) == -1 ||
	    (p->ours && make_cf(p, failure_r) == -1))
		return -1;
	return undo && !is_named(p->dir) ? settle_parts(p, failure_r) : 0;
}

/* --- the answer ---------------------------------------------------------- */

static const char *
setup_summary(const struct ctl *ctl, const struct plan *p, size_t changes)
{
	if (changes == 0)
		return ctl->undo ? "nothing to take back"
				 : "nothing to change: Sendmail is set up";
	if (!ctl->apply && !ctl->undo)
		return "nothing was changed; --apply does it, --undo takes it back";
	if (ctl->undo && is_named(p->dir))
		return "the lines are out; now run make in that directory, --undo once more for the two parts, and restart Sendmail";
	return ctl->sendmail == NULL
		   ? "done; now restart Sendmail"
		   : "done; now run make in that directory and restart Sendmail";
}

/* setup_list - each file that differs, in the words of an operator */
static json_t *
setup_list(const struct plan *p)
{
	json_t *changes = json_array();

	for (size_t i = 0; i < FILES; i++) {
		const struct file *f = &p->file[i];

		if (differs(f))
			json_array_append_new(
			    changes, json_pack("{s:s+++, s:s}", "command",
					 f->want == NULL ? "remove " : "write ",
					 p->dir, "/", f->name, "why", f->why));
	}
	return changes;
}

static int
setup_verdict(
    const struct ctl *ctl, const json_t *notes, size_t missing, json_t *answer)
{
	const json_t *note;
	json_t *failure;
	size_t i;

	json_array_foreach (notes, i, note)
		missing += obj_yes(note, "must");
	if (!ctl->check || missing == 0)
		return EX_OK;
	failure = ctl_failure(
	    "postmeterctl setup sendmail --apply makes the changes; what needs attention is for you to decide",
	    "settings of Sendmail missing or in the way: %zu", missing);
	json_object_update(answer, failure);
	json_decref(failure);
	return 1;
}

/* note_wiring - what the sendmail.cf in force does with postmeter's half */
static void
note_wiring(const struct ctl *ctl, const struct config *conf,
    const struct plan *p, json_t *notes)
{
	char apply[PATH_MAX + 128];
	const struct wiring w = { .conf = conf,
		.cf = p->cf,
		.access = p->access,
		.relay = p->relay,
		.aliases = p->aliases,
		.apply = apply };

	if (ctl->sendmail == NULL)
		snprintf(apply, sizeof(apply),
		    "postmeterctl setup sendmail --apply");
	else
		snprintf(apply, sizeof(apply),
		    "postmeterctl setup sendmail --apply --sendmail-config %s && make -C %s",
		    ctl->sendmail, ctl->sendmail);
	wiring_notes(&w, notes);
}

/* is_spoilt - is sendmail.cf, though made of what is there, not as it was made?
 */
static bool
is_spoilt(
    const struct ctl *ctl, const struct config *conf, const struct plan *p)
{
	json_t *notes = json_array();
	const json_t *note;
	bool spoilt = false;
	size_t i;

	if (p->cf != NULL) {
		mc_notes(conf, p->cf, p->access, notes);
		note_wiring(ctl, conf, p, notes);
	}
	json_array_foreach (notes, i, note)
		spoilt |= obj_yes(note, "must");
	json_decref(notes);
	return spoilt;
}

/* setup_work - plan and do.  The answer, or NULL and a failure. */
static json_t *
setup_work(struct plan *p, const struct ctl *ctl, const struct config *conf,
    int *code_r, json_t **failure_r)
{
	json_t *changes, *notes, *answer;
	const bool stale =
	    !ctl->undo && (shows_credentials(p->cf) || is_spoilt(ctl, conf, p));
	size_t n;

	if (plan_make(p, conf, ctl->undo, failure_r) == -1)
		return NULL;
	changes = setup_list(p);
	n = json_array_size(changes);
	if ((ctl->apply || ctl->undo) && (n > 0 || stale) &&
	    setup_carry_out(p, ctl->undo, failure_r) == -1) {
		json_decref(changes);
		return NULL;
	}
	notes = json_array();
	/* Until make has run sendmail.cf cannot be right. */
	if (!ctl->undo)
		mc_notes(conf,
		    n > 0           ? NULL
		    : p->cf != NULL ? p->cf
				    : "",
		    p->access, notes);
	/* What is in force shows passwords now, whatever else is to be done. */
	if (!ctl->undo && p->cf != NULL && (p->ours || !ctl->apply))
		mc_shown(p->cf, p->access, notes);
	if (!ctl->undo && p->cf != NULL && n == 0)
		note_wiring(ctl, conf, p, notes);
	if (!ctl->undo && p->ours)
		mc_program(PROGRAM, notes);
	answer = json_pack("{s:b, s:o, s:o, s:s}", "ok", 1, "changes", changes,
	    "notes", notes, "summary", setup_summary(ctl, p, n + stale));
	*code_r = setup_verdict(ctl, notes, n, answer);
	return answer;
}

int
ctl_setup_sendmail(
    const struct ctl *ctl, const struct config *conf, json_t **answer_r)
{
	json_t *failure = NULL;
	struct plan p;
	int code = 1;

	*answer_r = NULL;
	if (plan_read(&p, ctl, &failure) == 0) {
		*answer_r = setup_work(&p, ctl, conf, &code, &failure);
		plan_free(&p);
	}
	if (*answer_r == NULL)
		*answer_r = failure;
	return code;
}

/* --- `check --mta` ------------------------------------------------------- */

bool
ctl_sendmail_here(const struct ctl *ctl)
{
	char *cf = NULL;
	bool here;

	if (ctl->sendmail != NULL || ctl->postfix != NULL)
		return ctl->sendmail != NULL;
	here = setup_slurp(MAIL_DIR, "sendmail.cf", &cf) == 0 && cf != NULL &&
	       (mc_has_credentials(cf) ||
		   access("/etc/postfix/main.cf", F_OK) == -1);
	free(cf);
	return here;
}

int
ctl_sendmail_audit(const struct ctl *ctl, const struct config *conf,
    json_t *found, json_t **failure_r)
{
	const char *dir = mail_dir(ctl);
	struct plan p = { .dir = NULL };
	int rc = -1;

	if (setup_slurp(dir, "sendmail.cf", &p.cf) == 0 && p.cf != NULL &&
	    setup_slurp(dir, "access", &p.access) == 0 &&
	    setup_slurp(dir, "relay-domains", &p.relay) == 0 &&
	    setup_slurp(dir, "aliases", &p.aliases) == 0) {
		mc_notes(conf, p.cf, p.access, found);
		mc_shown(p.cf, p.access, found);
		note_wiring(ctl, conf, &p, found);
		if (ctl->sendmail == NULL)
			mc_program(PROGRAM, found);
		rc = 0;
	} else {
		*failure_r = ctl_failure(
		    "is Sendmail here? If its directory is another, name it with --sendmail-config; run as root",
		    "%s/sendmail.cf and access beside it cannot be read", dir);
	}
	plan_free(&p);
	return rc;
}
