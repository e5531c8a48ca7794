/*
 * secure_mem.c - memory for secrets: never in swap, in a core or in a child.
 *
 * A mapping of its own, because what malloc gets back it hands out again, and
 * what realloc moves it leaves behind.
 */
#include <stdlib.h>
#include <malloc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "secure_mem.h"

static int
cannot_lock(const struct secure_mem *mem, struct why *why)
{
	struct rlimit limit = { 0, 0 };

	if (errno != ENOMEM && errno != EPERM && errno != EAGAIN) {
		why_set(why, "memory for secrets: %s", strerror(errno));
		return -1;
	}
	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	why_set(why,
	    "cannot lock %zu KiB for secrets, the limit is %llu KiB: raise it (LimitMEMLOCK= in the unit, ulimit -l in a shell)",
	    mem->size / 1024, (unsigned long long)limit.rlim_cur / 1024);
	return -1;
}

int
secure_mem_new(struct secure_mem *mem_r, size_t size, struct why *why)
{
	const size_t page = 4096;

	mem_r->size = (size / page + 1) * page;
	mem_r->p = mmap(NULL, mem_r->size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem_r->p == MAP_FAILED) {
		mem_r->p = NULL;
		why_set(why, "out of memory");
		return -1;
	}
	if (mlock(mem_r->p, mem_r->size) == -1 ||
	    madvise(mem_r->p, mem_r->size, MADV_DONTDUMP) == -1 ||
	    madvise(mem_r->p, mem_r->size, MADV_WIPEONFORK) == -1) {
		(void)cannot_lock(mem_r, why);
		secure_mem_free(mem_r);
		return -1;
	}
	return 0;
}

void
secure_mem_free(struct secure_mem *mem)
{
	if (mem->p == NULL)
		return;
	explicit_bzero(mem->p, mem->size);
	munmap(mem->p, mem->size);
	*mem = (struct secure_mem){ .p = NULL };
}

void
secure_free(void *p)
{
	if (p == NULL)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void *
secure_realloc(void *p, size_t size)
{
	const size_t old = p == NULL ? 0 : malloc_usable_size(p);
	void *grown = malloc(size);

	if (grown == NULL)
		return NULL;
	if (p != NULL)
		memcpy(grown, p, old < size ? old : size);
	secure_free(p);
	return grown;
}
