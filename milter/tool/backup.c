/*
 * backup.c - where a backup is put together and taken apart, and whether the
 * store in it is one that the daemon takes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "log.h"
#include "run_program.h"
#include "store.h"

int
backup_stage_new(struct backup_stage *stage, struct why *why)
{
	snprintf(
	    stage->dir, sizeof(stage->dir), "/var/tmp/postmeter-backup.XXXXXX");
	if (mkdtemp(stage->dir) != NULL)
		return 0;
	why_set(why, "%s: %s", stage->dir, strerror(errno));
	return -1;
}

void
backup_stage_remove(const struct backup_stage *stage)
{
	struct why why;

	if (run_program(
		(const char *const[]){ "rm", "-rf", "--", stage->dir, NULL },
		true, NULL, &why) != 0)
		log_warn("%s stays behind, with secrets in it: remove it",
		    stage->dir);
}

void
backup_stage_path(const struct backup_stage *stage, const char *name,
    char dst[static BACKUP_PATH])
{
	snprintf(dst, BACKUP_PATH, "%s/%s", stage->dir, name);
}

int
backup_copy(const char *from, const char *to, struct why *why)
{
	if (run_program(
		(const char *const[]){ "cp", "-pL", "--", from, to, NULL },
		true, NULL, why) == 0)
		return 0;
	why_set(why, "%s cannot be copied", from);
	return -1;
}

static void
no_sync(const char *why)
{
	log_error("%s", why);
	exit(1);
}

int
backup_store_opens(
    const struct backup_stage *stage, struct config *conf, struct why *why)
{
	static const struct store_env env = { .fatal = no_sync };
	char *const named = conf->store;
	char url[BACKUP_PATH + 8];
	enum store_fault fault;
	struct store *s;

	snprintf(url, sizeof(url), "sqlite:%s/" BACKUP_STORE, stage->dir);
	conf->store = url;
	s = store_open(conf, &env, why, &fault);
	conf->store = named;
	if (s == NULL)
		return -1;
	store_close(&s);
	return 0;
}
