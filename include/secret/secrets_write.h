/*
 * secrets_write.h - one secret changed, every other byte of the file as it was.
 */
#ifndef SECRETS_WRITE_H
#define SECRETS_WRITE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "bytes.h"

/* --- the text: pure ------------------------------------------------------ */

/* One section `secret "name" { ... }`; spans point into the text. */
struct secret_section {
	struct bytes whole, name;
	struct bytes option;	/* "password = ..." or "file = ..." */
	struct bytes option_name, value; /* its two sides, with quotes */
	const char *inside;	/* behind the opening brace */
};

/*
 * The next section at or behind *p, which moves behind it.  -1 if there is
 * none; what is no text for secrets_load need not be understood.
 */
int	secret_section_next(const char **p, const char *end,
	    struct secret_section *s_r);

/* Room that suffices for the text of len bytes with a secret changed. */
size_t	secrets_edit_capacity(size_t len);

/*
 * Writes the text with the secret set to value, or without it if value is
 * NULL, to dst.  A section that is there keeps its place and its comments.
 * Returns the length; -1 if a secret to be removed is not there.
 */
ssize_t	secrets_edit_change(char *dst, const char *text, size_t len,
	    const char *name, const char *value);

/* --- the file ------------------------------------------------------------ */

/*
 * Does that to file, for secrets_load by uid and gid: into a new file beside
 * it, with the same owner and mode (a new one: uid's own, 0600), read back,
 * synced and only then put in its place.  Changes by others wait meanwhile.
 * 0; or -1 with the reason in errors and the old file untouched.
 */
int	secrets_write(const char *file, uid_t uid, gid_t gid,
	    const char *name, const char *value, FILE *errors);

#endif
