/*
 * disk.h - a disk that loses its power.
 *
 * What is done to the files of one directory is recorded, with all that was
 * written.  At any point of that record the directory can be made as a disk
 * might hold it after the power failed then: what was synced is there, and of
 * the rest anything or nothing.
 *
 * open, write, pwrite, ftruncate, fsync, fdatasync and unlink (and those that
 * end in 64) are defined in disk.c, in front of libc's.  While nothing is
 * recorded they do the same, but syncs do nothing.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of writes that were not synced. */
enum disk_loss {
	LOSE_ALL,
	LOSE_NOTHING,	/* as if only the process had died */
	LOSE_EARLY,	/* later ones are there, earlier ones not */
	LOSE_SECTORS,	/* each 512 bytes of each may be there */
	LOSE_END,	/* the last one is torn at a multiple of 512 */
	LOSE_CONTENTS,	/* files grew, and the new bytes are zeros */
	DISK_LOSSES
};

extern const char *const disk_loss_name[DISK_LOSSES];
enum disk_loss disk_any_loss(uint64_t *chance);

/* Before the processes that use the directory are forked. */
void	disk_record(const char *directory);
/* No more is recorded; the number of points. */
size_t	disk_stop(void);
/* _exit, in no file's middle. */
_Noreturn void disk_die(void);

/* A client asks for something, and has its answer. */
void	disk_asked(void);
void	disk_answered(void);

struct disk_promises {
	long asked, answered;
	/*
	 * Appended to files with stem in their name, and all before it too:
	 * on the disk, or removed since.
	 */
	long kept;
};

/* Makes the directory as it might be after point n. */
struct disk_promises disk_image(size_t n, enum disk_loss loss,
	    const char *stem, uint64_t *chance);

#endif
