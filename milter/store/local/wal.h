/*
 * wal.h - what was promised, on the disk before the promise is spoken.
 *
 * An append-only chain of files beside the database, BASE-journal.NNNNNNNN.
 * Each frame is: length of the payload (4 bytes), how many frames up to this
 * one were not yet synced when it was written (4), sequence number (8),
 * payload, checksum (8), big endian.  Numbers go up by one from frame to
 * frame and from file to file, so nothing can be missing unseen; and what was
 * damaged can be told from what a power failure kept from the disk.
 */
#ifndef WAL_H
#define WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store.h"
#include "why.h"

#define WAL_HEADER	16		/* bytes before the first frame */
#define WAL_FRAME	24		/* bytes around each payload */
#define WAL_PAYLOAD	(1 << 20)	/* bytes, the longest: 130,000 recipients */

struct wal;

/*
 * Takes one frame from the front of buf.  Returns its bytes and sets *seq_r
 * and *payload_r (inside buf, of length returned - WAL_FRAME); 0 if buf
 * ends before the frame does; -1 if these bytes are no frame.
 */
ssize_t	wal_take(const uint8_t *buf, size_t len, uint64_t *seq_r,
	    const uint8_t **payload_r);

/* Where the chain ends. */
struct wal_end {
	uint64_t seq;		/* of the last frame; as given if there is none */
	uint64_t number;	/* of the last file; 0 if there is none */
	size_t torn;		/* bytes behind it that were never promised */
};

/* False stops the replay: out of memory, or why says what is wrong with it. */
typedef bool wal_each_fn(void *arg, uint64_t seq, const uint8_t *payload,
	    size_t len, struct why *why);

/*
 * Calls each for every frame above from->seq, beginning with file first (0: there
 * is none to read, and a file with a frame above seq is foreign).  STORE_DAMAGED
 * and why: files are missing or damaged; STORE_INACCESSIBLE: they could not be
 * read.  Changes nothing.
 */
struct wal_start {
	uint64_t first, seq;
};
enum store_fault wal_replay(const char *base, const struct wal_start *from,
	    wal_each_fn *each, void *arg, struct wal_end *end_r,
	    struct why *why);

/*
 * Begins file number with frames above seq.  power: wal_wait waits for
 * the disk.  fatal is called from a thread when a sync failed.  NULL and why
 * if that is not possible.
 */
struct wal *wal_begin(const char *base, uint64_t number, uint64_t seq,
	    bool power, void (*fatal)(const char *), struct why *why);

/* Ends the thread and closes; the files stay. */
void	wal_end(struct wal **jp);

/* Where the payload of the next frame goes: room for WAL_PAYLOAD bytes. */
uint8_t	*wal_payload(struct wal *j);

/*
 * Writes the frame with the len bytes put there.  -1 and why: nothing was
 * written, and the next try begins at the same place.  Payload and append are
 * for one thread at a time.
 */
int	wal_append(struct wal *j, size_t len, uint64_t *seq_r,
	    struct why *why);

/* True when the frame is as safe as asked for; false after 2 s of waiting. */
bool	wal_wait(struct wal *j, uint64_t seq);

/*
 * Makes the next file ready.  It does the slow part of wal_turn, and
 * nothing if the file in use is short or an older one is still needed.
 */
int	wal_prepare(struct wal *j, struct why *why);

/* Goes on in the file that was made ready, if one was.  Not beside append. */
void	wal_turn(struct wal *j);

uint64_t wal_number(struct wal *j);	/* of the file in use */

/* Removes the files before number; those that do not exist are no mistake. */
void	wal_remove(const char *base, uint64_t number);

/* False and why if the file in use is not in its place any more. */
bool	wal_in_place(struct wal *j, struct why *why);

#endif
