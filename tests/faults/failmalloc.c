/*
 * failmalloc.c - memory runs out at one chosen call (LD_PRELOAD).
 *
 * FAILMALLOC names a file of two 64 bit numbers: the first is counted down by
 * every allocation, and the one that makes it zero gets none; the second
 * counts them all.  The file is mapped, so a test can arm a running process.
 *
 * libc's own questions for users are spared: when its name service gets no
 * memory for its tables, glibc 2.36 dereferences NULL or fails an assertion.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

struct plan {
	_Atomic int64_t until;
	_Atomic int64_t total;
};

static struct plan *plan;
static _Thread_local int spared;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAILMALLOC");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd == -1)
		return;
	p = mmap(
	    NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		plan = p;
}

static int
fails(void)
{
	if (plan == NULL || spared)
		return 0;
	atomic_fetch_add(&plan->total, 1);
	if (atomic_load(&plan->until) <= 0 ||
	    atomic_fetch_sub(&plan->until, 1) != 1)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}

struct passwd *
getpwnam(const char *name)
{
	struct passwd *(*real)(const char *);
	struct passwd *pw;

	*(void **)&real = dlsym(RTLD_NEXT, "getpwnam");
	spared++;
	pw = real(name);
	spared--;
	return pw;
}

int
getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t len,
    struct passwd **found)
{
	int (*real)(
	    const char *, struct passwd *, char *, size_t, struct passwd **);
	int rc;

	*(void **)&real = dlsym(RTLD_NEXT, "getpwnam_r");
	spared++;
	rc = real(name, pw, buf, len, found);
	spared--;
	return rc;
}
