/*
 * cmd_backup.c - a backup of a daemon that runs, or does not, without asking
 * it.
 *
 * First the database is copied, then the journal.  A flush between the two
 * may take away a file of the journal that this copy of the database still
 * needs; the store then refuses to open the copy, and it is made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <sqlite3.h>

#include "backup.h"
#include "run_program.h"
#include "store_url.h"
#include "tool.h"

#define TRIES 10 /* a flush comes once in seconds, a copy takes less */

static int
copy_database(const char *from, const char *to, struct why *why)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *into = NULL;
	int rc = sqlite3_open_v2(from, &db, SQLITE_OPEN_READONLY, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, 10000);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &into, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(into, 1, to, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(into);
	if (rc != SQLITE_DONE)
		why_set(why, "%s: %s", from, sqlite3_errmsg(db));
	sqlite3_finalize(into);
	sqlite3_close(db);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int
copy_journal(
    const char *store, const struct backup_stage *stage, struct why *why)
{
	char pattern[BACKUP_PATH];
	glob_t files;
	int rc = 0;

	snprintf(pattern, sizeof(pattern), "%s-journal.*", store);
	if (glob(pattern, GLOB_ERR, NULL, &files) != 0)
		return 0; /* none: all is in the database, or it says so */
	for (size_t i = 0; rc == 0 && i < files.gl_pathc; i++) {
		char to[BACKUP_PATH];

		snprintf(to, sizeof(to), "%s/" BACKUP_STORE "%s", stage->dir,
		    files.gl_pathv[i] + strlen(store));
		rc = backup_copy(files.gl_pathv[i], to, why);
	}
	globfree(&files);
	return rc;
}

/* drop_copy - what an earlier try left in stage */
static void
drop_copy(const struct backup_stage *stage)
{
	char pattern[BACKUP_PATH];
	glob_t files;

	backup_stage_path(stage, BACKUP_STORE "*", pattern);
	if (glob(pattern, 0, NULL, &files) != 0)
		return;
	for (size_t i = 0; i < files.gl_pathc; i++)
		unlink(files.gl_pathv[i]);
	globfree(&files);
}

static int
copy_store(const struct backup_stage *stage, struct config *conf,
    const char *store, struct why *why)
{
	char database[BACKUP_PATH], lock[BACKUP_PATH];
	int rc = -1;

	backup_stage_path(stage, BACKUP_STORE, database);
	backup_stage_path(stage, BACKUP_STORE "-lock", lock);
	for (int i = 0; rc == -1 && i < TRIES; i++) {
		drop_copy(stage);
		if (copy_database(store, database, why) == -1)
			return -1;
		if (copy_journal(store, stage, why) == 0)
			rc = backup_store_opens(stage, conf, why);
	}
	if (rc == 0)
		unlink(lock);
	return rc;
}

static int
backup_collect(
    const struct backup_stage *stage, struct config *conf, struct why *why)
{
	const char *store = store_url_file(conf->store);
	char to[BACKUP_PATH];

	backup_stage_path(stage, BACKUP_CONFIG, to);
	if (backup_copy(conf->file, to, why) == -1)
		return -1;
	backup_stage_path(stage, BACKUP_SECRETS, to);
	if (conf->secrets[0] != '\0' &&
	    backup_copy(conf->secrets, to, why) == -1)
		return -1;
	return store == NULL ? 0 : copy_store(stage, conf, store, why);
}

/* write_archive - beside its name first: a backup is whole or was never there
 */
static int
write_archive(
    const struct backup_stage *stage, const char *file, struct why *why)
{
	char part[BACKUP_PATH];
	int fd, rc = -1;

	snprintf(part, sizeof(part), "%s.XXXXXX", file);
	fd = mkostemp(part, O_CLOEXEC);
	if (fd == -1) {
		why_set(why, "%s: %s", part, strerror(errno));
		return -1;
	}
	if (run_program((const char *const[]){ "tar", "-C", stage->dir, "-czf",
			    part, ".", NULL },
		false, NULL, why) != 0)
		why_set(why, "tar cannot write %s", part);
	else if (fsync(fd) == -1 || rename(part, file) == -1)
		why_set(why, "%s: %s", file, strerror(errno));
	else
		rc = 0;
	close(fd);
	if (rc == -1)
		unlink(part);
	return rc;
}

int
ctl_backup(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, answer_r);
	struct backup_stage stage = { "" };
	struct why why = WHY_NONE;
	int rc;

	if (conf == NULL)
		return EX_CONFIG;
	rc = backup_stage_new(&stage, &why);
	if (rc == 0) {
		rc = backup_collect(&stage, conf, &why);
		if (rc == 0)
			rc = write_archive(&stage, ctl->word[0], &why);
		backup_stage_remove(&stage);
	}
	*answer_r =
	    rc == 0
		? json_pack("{s:b, s:s, s:b}", "ok", 1, "file", ctl->word[0],
		      "counters", store_url_file(conf->store) != NULL)
		: ctl_failure(
		      "run it as root, with room at FILE and in /var/tmp",
		      "there is no backup: %s", why.text);
	config_free(&conf);
	return rc == 0 ? EX_OK : 1;
}

void
text_backup(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out,
	    "%s has the configuration, the passwords%s: keep it as private as they are\n",
	    obj_str(a, "file"),
	    obj_yes(a, "counters")
		? " and the counters"
		: ", but no counters, which the shared store keeps");
}
