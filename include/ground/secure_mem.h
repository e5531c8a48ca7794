/*
 * lockedmem.h - memory for secrets: never in swap, in a core or in a child.
 */
#ifndef LOCKEDMEM_H
#define LOCKEDMEM_H

#include <stddef.h>

struct lockedmem {
	char *p;
	size_t size;
};

#define LOCKEDMEM_WHY 160

/* size zeroed bytes.  0, or -1 and the reason with its remedy in why. */
int	lockedmem_new(struct lockedmem *mem_r, size_t size,
	    char why[LOCKEDMEM_WHY]);

/* Wipes and gives back; harmless if there is nothing. */
void	lockedmem_free(struct lockedmem *mem);

#endif
