/*
 * keyed_hash.h - SipHash-1-3 (Aumasson, Bernstein), for tables whose keys are
 * chosen by whoever sends mail: with a secret of the process nobody can make
 * them all meet in one bucket.
 *
 * keyed_hash_begin, keyed_hash_text for each part, keyed_hash_end.
 */
#ifndef KEYED_HASH_H
#define KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

struct keyed_hash {
	uint64_t v[4], word;
	size_t n;
};

/* A secret from the kernel.  0, or -1 and errno. */
int	keyed_hash_secret(uint64_t secret_r[2]);

void	keyed_hash_begin(struct keyed_hash *h, const uint64_t secret[2]);

/* A text and its NUL: "a", "bc" is another than "ab", "c". */
void	keyed_hash_text(struct keyed_hash *h, const char *text);

uint64_t keyed_hash_end(struct keyed_hash *h);

#endif
