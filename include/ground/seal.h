/*
 * seal.h - words that only the holder of a key can have written: HMAC-SHA256
 * over what they are for, whom they are for, and until when.
 */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stdint.h>

#define SEAL_KEY	32	/* bytes */
#define SEAL_TEXT	96	/* of a seal, NUL included */

struct seal_key {
	unsigned char byte[SEAL_KEY];
};

/* A key of random bytes; -1 if the system has none. */
int	seal_key_make(struct seal_key *key_r);

/*
 * "WHEN-MAC" in hexadecimal: that whom may do purpose, as of when (ms).
 * text has SEAL_TEXT bytes; -1 if memory is out.
 */
int	seal_write(const struct seal_key *key, const char *purpose,
	    const char *whom, int64_t when, char *text);

/*
 * Is text such a seal?  *when_r is then the time in it; whether that is still
 * good is the caller's to say.  Takes as long for a wrong one as for a right.
 */
bool	seal_read(const struct seal_key *key, const char *purpose,
	    const char *whom, const char *text, int64_t *when_r);

#endif
