/*
 * seen.h - a cache of what the shared store's records were when last seen.
 *
 * It may be wrong at any time, and need not be right: what is decided on it
 * is either swapped, which finds out, or confirmed.  Bounded in bytes, least
 * recently used first.  Every function may be called from any thread.
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seen;

/* NULL: out of memory. */
struct seen *seen_new(void);
void	seen_free(struct seen **sp);

/*
 * False: not known.  Else *bytes_r is a copy, to be freed (NULL and *len_r 0:
 * there was no such record), and *at_r (clock_steady) says when it was so.
 */
bool	seen_get(struct seen *s, const char *key, uint8_t **bytes_r,
	    size_t *len_r, int64_t *at_r);

/* It is so at that time.  Out of memory: it is forgotten. */
void	seen_put(struct seen *s, const char *key, const uint8_t *bytes,
	    size_t len, int64_t at);

#endif
