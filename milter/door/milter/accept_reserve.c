/*
 * accept_reserve.c - the last descriptors are not for libmilter.
 *
 * When accept(2) finds no descriptor, libmilter's listener asks again at once,
 * and again, on a whole processor.  It finds this accept before libc's: here
 * it rests, and what is left of the descriptors stays for the store, the maps
 * and the tool.  A mail server that is hung up on says 451 to its client.
 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RESERVE 16

static int
highest(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1 || r.rlim_cur > 1 << 30)
		return 1 << 30;
	return (int)r.rlim_cur - RESERVE;
}

int
accept(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
	const struct timespec rest = { .tv_nsec = 100 * 1000 * 1000 };
	int conn = accept4(fd, addr, len, SOCK_CLOEXEC);

	if (conn == -1 && (errno == EMFILE || errno == ENFILE)) {
		nanosleep(&rest, NULL);
		errno = EMFILE;
	} else if (conn >= highest()) {
		close(conn);
		errno = EMFILE;
		conn = -1;
	}
	return conn;
}
