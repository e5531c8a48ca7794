/*
 * net_deadline.c - a connection that is there in time, or is not.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "net_deadline.h"

int
net_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		const int64_t left = deadline - clock_steady();
		int n;

		n = left > 0 ? poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX)
			     : 0;
		if (n > 0)
			return 0;
		if (n == 0)
			errno = ETIMEDOUT;
		if (n == 0 || errno != EINTR)
			return -1;
	}
}

int
net_connect(const struct sockaddr *addr, socklen_t len, int64_t deadline)
{
	const int on = 1;
	int error = 0;
	socklen_t size = sizeof(error);
	const int fd = socket(
	    addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (addr->sa_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	if (connect(fd, addr, len) == 0)
		return fd;
	if (errno != EINPROGRESS)
		error = errno;
	else if (net_wait(fd, POLLOUT, deadline) == -1 ||
		 getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}
