/*
 * secrets.h - the passwords of the smarthosts: read through checked descriptors,
 * kept in locked memory, wiped when done.
 *
 * A secret has no printf path: it leaves its arena only through secrets_get,
 * into a buffer that the caller wipes, on its way into an auth reply.
 */
#ifndef SECRETS_H
#define SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct secrets;

#define SECRET_MAX 4096	/* bytes of one password */

/*
 * Reads file: sections `secret "name" { password = "..." }` or `{ file =
 * "..." }` (one line, relative to nothing: an absolute path, or a name that
 * stands for $CREDENTIALS_DIRECTORY/name when written "credential:name").
 *
 * Every file must be regular, with one link, of at most 1 MiB, owned by root
 * or uid, not readable or writable by others nor writable by the group
 * (readable by the group only if it is gid), reached through directories that
 * only root and uid can write (safefile.h has the whole list), no symbolic
 * link anywhere.  It is opened once, checked on the descriptor and read from
 * it; change during the reading is an error.  Values: valid UTF-8 without
 * control characters and what a web page hides in it, not empty, at most
 * SECRET_MAX bytes.
 *
 * NULL on any mistake; each is a line "file:line: what, and the remedy" in
 * errors.  No line ever quotes a value.
 */
struct secrets *secrets_load(const char *file, uid_t uid, gid_t gid,
	    FILE *errors);

/* Wipes and frees. */
void	secrets_free(struct secrets **sp);

/*
 * Copies the secret to dst (terminated).  Returns its length, or -1 if there
 * is no such name or size does not suffice.
 */
ssize_t	secrets_get(const struct secrets *s, const char *name, char *dst,
	    size_t size);

/* Why these bytes cannot be a secret; NULL if they can. */
const char *secrets_value_unfit(const char *value, size_t len);

/* name_is_good (name.h), at most 64. */
bool	secrets_name_good(const char *name);

bool	secrets_has(const struct secrets *s, const char *name);

#endif
