/*
 * big_endian.h - numbers as bytes, the highest first: in every record that is
 * written, so that another machine reads it.
 *
 * The bytes may lie anywhere; they need no alignment.
 */
#ifndef BIG_ENDIAN_H
#define BIG_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void
be64_put(void *dst, uint64_t n)
{
	n = htobe64(n);
	memcpy(dst, &n, sizeof(n));
}

static inline uint64_t
be64_get(const void *src)
{
	uint64_t n;

	memcpy(&n, src, sizeof(n));
	return be64toh(n);
}

static inline void
be32_put(void *dst, uint32_t n)
{
	n = htobe32(n);
	memcpy(dst, &n, sizeof(n));
}

static inline uint32_t
be32_get(const void *src)
{
	uint32_t n;

	memcpy(&n, src, sizeof(n));
	return be32toh(n);
}

#endif
