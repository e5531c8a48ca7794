/*
 * slowsync.c - every sync takes 5 ms more (LD_PRELOAD).
 *
 * strace could do that, too, but slows down all that a busy daemon does.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int
slow(long call, int fd)
{
	const struct timespec more = { .tv_nsec = 5 * 1000 * 1000 };

	nanosleep(&more, NULL);
	return (int)syscall(call, fd);
}

int
fdatasync(int fd)
{
	return slow(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return slow(SYS_fsync, fd);
}
