/*
 * wal_file.h - the files of the journal's chain and the frames in them: what
 * writing and replaying one share.
 */
#ifndef WAL_FILE_H
#define WAL_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wal.h"

/* Makes a frame of the len bytes at dst + 16; all up to synced are on the disk. */
void	wal_put_frame(uint8_t *dst, size_t len, uint64_t seq, uint64_t synced);

/* All up to here was on the disk when this frame was written. */
uint64_t wal_frame_synced(const uint8_t *frame, uint64_t seq);

void	wal_put_header(uint8_t dst[WAL_HEADER], uint64_t number);

/* The name of a file of the chain, to be freed; NULL if out of memory. */
char	*wal_file_name(const char *base, uint64_t number);

/* The numbers of all files, ascending; v is to be freed.  -1 and errno. */
struct wal_numbers {
	uint64_t *v;
	size_t n, capacity;
};
int	wal_list_files(const char *base, struct wal_numbers *list);

/* -1 and errno. */
int	wal_write_all(int fd, const uint8_t *src, size_t len, off_t at);

/* A new file with nothing but its header, safe on the disk; -1 and errno. */
int	wal_create_file(const char *base, uint64_t number);

#endif
