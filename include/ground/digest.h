/*
 * digest.h - 64 bits that stand for some bytes.
 *
 * The first 8 bytes of SHA-256, big endian.  Used for journal checksums and
 * for telling recipients apart: among 10,000 recipients two share a digest
 * with a chance of 3 in 10^12.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>

uint64_t digest64(const void *bytes, size_t len);

#endif
