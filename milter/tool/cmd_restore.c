/*
 * cmd_restore.c - a backup takes the place of what is there.
 *
 * All of it is looked at as the daemon would, before anything is touched; what
 * it replaces is kept beside the store.  The daemon must not run: its lock is
 * held meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "backup.h"
#include "credentials.h"
#include "run_program.h"
#include "secrets.h"
#include "store_url.h"
#include "tool.h"

#define NO_OWNER ((uid_t)-1)

struct restore {
	struct backup_stage stage;
	struct config *conf;    /* the backup's */
	const char *config;     /* where it goes */
	const char *store;      /* path; NULL: shared, or in memory */
	char kept[BACKUP_PATH]; /* where what was there goes */
	uid_t uid;
	gid_t gid;
	json_t **answer_r;
};

static int
restore_refused(struct restore *r, const char *why)
{
	*r->answer_r = ctl_failure(
	    "nothing was changed", "the backup is not restored: %s", why);
	return -1;
}

static bool
is_in_backup(const struct restore *r, const char *name)
{
	char path[BACKUP_PATH];
	struct stat st;

	backup_stage_path(&r->stage, name, path);
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* --- looking ------------------------------------------------------------- */

static int
look_at_secrets(struct restore *r)
{
	char path[BACKUP_PATH], *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	struct secrets *s = NULL;
	int rc = 0;

	if (errors == NULL)
		return restore_refused(r, "out of memory");
	backup_stage_path(&r->stage, BACKUP_SECRETS, path);
	rc = credentials_user(r->conf, &r->uid, &r->gid, errors);
	if (rc == 0 && r->conf->secrets[0] != '\0') {
		s = secrets_load(path, r->uid, r->gid, errors);
		rc = s == NULL ? -1 : 0;
		secrets_free(&s);
	}
	fclose(errors);
	if (rc == -1)
		*r->answer_r = ctl_mistakes(
		    text, "the backup is not restored, nothing was changed");
	free(text);
	return rc;
}

static int
look(struct restore *r, const char *file)
{
	char path[BACKUP_PATH];
	struct why why = WHY_NONE;

	if (run_program((const char *const[]){ "tar", "-C", r->stage.dir,
			    "-xpzf", file, NULL },
		true, NULL, &why) != 0 ||
	    !is_in_backup(r, BACKUP_CONFIG)) {
		why_set(&why, "%s is damaged, or was not made by backup", file);
		return restore_refused(r, why.text);
	}
	backup_stage_path(&r->stage, BACKUP_CONFIG, path);
	r->conf = ctl_config(path, r->answer_r);
	if (r->conf == NULL || look_at_secrets(r) == -1)
		return -1;
	r->store = store_url_file(r->conf->store);
	if (r->store == NULL)
		return 0;
	if (!is_in_backup(r, BACKUP_STORE))
		return restore_refused(
		    r, "it has no counters, and its store is a file");
	if (backup_store_opens(&r->stage, r->conf, &why) == -1)
		return restore_refused(r, why.text);
	return 0;
}

/* --- replacing ----------------------------------------------------------- */

/*
 * lock_store - the descriptor that keeps the daemon away; -1: it runs, or there
 * is no directory for its store
 */
static int
lock_store(struct restore *r)
{
	char path[BACKUP_PATH];
	struct why why;
	int fd;

	snprintf(path, sizeof(path), "%s-lock", r->store);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    fchown(fd, r->uid, r->gid) == 0)
		return fd;
	if (fd != -1 && errno == EWOULDBLOCK)
		why_set(&why,
		    "the daemon runs: stop it first (systemctl stop postmeter)");
	else
		why_set(&why,
		    "%s: %s: install postmeter first, run this as root", path,
		    strerror(errno));
	if (fd != -1)
		close(fd);
	return restore_refused(r, why.text);
}

/* keep_store - moves the old store into the new directory r->kept */
static int
keep_store(struct restore *r, struct why *why)
{
	static const char *const tail[] = { "", "-wal", "-shm", "-journal.*" };

	for (size_t i = 0; i < sizeof(tail) / sizeof(tail[0]); i++) {
		char pattern[BACKUP_PATH], to[2 * BACKUP_PATH];
		glob_t g;

		snprintf(pattern, sizeof(pattern), "%s%s", r->store, tail[i]);
		if (glob(pattern, 0, NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++) {
			snprintf(to, sizeof(to), "%s/%s", r->kept,
			    strrchr(g.gl_pathv[k], '/') + 1);
			if (rename(g.gl_pathv[k], to) == -1) {
				why_set(why, "%s: %s", to, strerror(errno));
				globfree(&g);
				return -1;
			}
		}
		globfree(&g);
	}
	return 0;
}

/*
 * put_in_place - the backup's file name becomes path, whole or not at all, with
 * the owner that it had, or for uid alone; what was there is copied to r->kept
 */
static int
put_in_place(const struct restore *r, const char *name, const char *path,
    uid_t uid, struct why *why)
{
	char from[BACKUP_PATH], part[BACKUP_PATH];
	int fd, rc = -1;

	backup_stage_path(&r->stage, name, from);
	snprintf(part, sizeof(part), "%s.restore", path);
	if ((access(path, F_OK) == 0 &&
		backup_copy(path, r->kept, why) == -1) ||
	    backup_copy(from, part, why) == -1) {
		why_set(why, "%s cannot be written", part);
		return -1;
	}
	fd = open(part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1 &&
	    (uid == NO_OWNER ||
		(fchown(fd, uid, r->gid) == 0 && fchmod(fd, 0600) == 0)) &&
	    fsync(fd) == 0 && rename(part, path) == 0)
		rc = 0;
	else
		why_set(why, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return rc;
}

static int
replace(struct restore *r)
{
	struct why why = WHY_NONE;

	snprintf(r->kept, sizeof(r->kept), "%s-before-restore.XXXXXX",
	    r->store != NULL ? r->store : r->config);
	if (mkdtemp(r->kept) == NULL)
		return restore_refused(r, strerror(errno));
	if (put_in_place(r, BACKUP_CONFIG, r->config, NO_OWNER, &why) == 0 &&
	    (r->conf->secrets[0] == '\0' ||
		put_in_place(r, BACKUP_SECRETS, r->conf->secrets, NO_OWNER,
		    &why) == 0) &&
	    (r->store == NULL ||
		(keep_store(r, &why) == 0 && put_in_place(r, BACKUP_STORE,
						 r->store, r->uid, &why) == 0)))
		return 0;
	*r->answer_r = ctl_failure(
	    "correct that and restore again; nothing of the old was removed",
	    "the backup is restored in part: %s; what was there is in %s",
	    why.text, r->kept);
	return -1;
}

int
ctl_restore(const struct ctl *ctl, json_t **answer_r)
{
	struct restore r = { .config = ctl->config, .answer_r = answer_r };
	struct why why;
	int fd = -1, rc;

	if (backup_stage_new(&r.stage, &why) == -1)
		return restore_refused(&r, why.text), 1;
	rc = look(&r, ctl->word[0]);
	if (rc == 0 && r.store != NULL)
		rc = fd = lock_store(&r);
	if (rc != -1)
		rc = replace(&r);
	if (rc == 0)
		*answer_r = json_pack("{s:b, s:s, s:s, s:b}", "ok", 1, "file",
		    ctl->word[0], "kept", r.kept, "counters", r.store != NULL);
	if (fd != -1)
		close(fd);
	backup_stage_remove(&r.stage);
	config_free(&r.conf);
	return rc == 0 ? EX_OK : 1;
}

void
text_restore(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out,
	    "%s is restored%s; what was there is in %s\n"
	    "start the daemon, then: postmeterctl check --mta\n",
	    obj_str(a, "file"),
	    obj_yes(a, "counters")
		? ""
		: ", without counters, which the shared store keeps",
	    obj_str(a, "kept"));
}
