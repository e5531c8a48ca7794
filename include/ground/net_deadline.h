/*
 * net_deadline.h - a connection that is there in time, or is not.
 */
#ifndef NET_DEADLINE_H
#define NET_DEADLINE_H

#include <stdint.h>
#include <sys/socket.h>

/*
 * Waits until fd is ready for events (POLLIN, POLLOUT).  0; or -1 and errno,
 * ETIMEDOUT if deadline (clock_steady, ms) comes first.
 */
int	net_wait(int fd, short events, int64_t deadline);

/*
 * A connected, non-blocking, close-on-exec stream socket; TCP with keepalive
 * and without delay.  -1 and errno.
 */
int	net_connect(const struct sockaddr *addr, socklen_t len,
	    int64_t deadline);

#endif
