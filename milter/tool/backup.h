/*
 * backup.h - what a backup is: a compressed tar of the configuration, the
 * secrets and the embedded store, the journal already in it.
 *
 * Left out on purpose: tokens of OAuth, which providers replace as they are
 * used (an old one opens nothing: `login` again), the trace, which counts
 * nothing, and what a shared store holds.
 */
#ifndef BACKUP_H
#define BACKUP_H

#include "config.h"
#include "why.h"

#define BACKUP_CONFIG	"postmeter.conf"
#define BACKUP_SECRETS	"secrets.conf"
#define BACKUP_STORE	"postmeter.db"

#define BACKUP_PATH	4096

/* A directory that only this user can enter; dir is where its files lie. */
struct backup_stage {
	char dir[64];
};

/* 0, or -1 and why. */
int	backup_stage_new(struct backup_stage *stage, struct why *why);
void	backup_stage_remove(const struct backup_stage *stage);

/* The path of the file name there. */
void	backup_stage_path(const struct backup_stage *stage, const char *name,
	    char dst[static BACKUP_PATH]);

/* One file as it is, with owner and mode; to may be a directory. */
int	backup_copy(const char *from, const char *to, struct why *why);

/*
 * Opens the store in stage as the daemon would, which reads all of it, and
 * leaves it closed and without a journal.  0, or -1 and why.
 */
int	backup_store_opens(const struct backup_stage *stage,
	    struct config *conf, struct why *why);

#endif
