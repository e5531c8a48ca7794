/*
 * secure_mem.h - memory for secrets: never in swap, in a core or in a child.
 */
#ifndef SECURE_MEM_H
#define SECURE_MEM_H

#include <stddef.h>

#include "why.h"

struct secure_mem {
	char *p;
	size_t size;
};


/* size zeroed bytes.  0, or -1 and the reason with its remedy in why. */
int	secure_mem_new(struct secure_mem *mem_r, size_t size,
	    struct why *why);

/* Wipes and gives back; harmless if there is nothing. */
void	secure_mem_free(struct secure_mem *mem);

/*
 * For libraries that keep secrets on the heap: malloc's memory, wiped before
 * it is given back.
 */
void	secure_free(void *p);
void	*secure_realloc(void *p, size_t size);

#endif
