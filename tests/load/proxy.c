/*
 * proxy.c - stands between the daemons and the shared store, and forwards
 * bytes until somebody stops it (SIGSTOP): proxy PORT SOCKET.
 *
 * The kernel goes on taking connections and bytes for a process that stands
 * still, and that is how a stalled proxy looks from both sides.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un store = { .sun_family = AF_UNIX };

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* False if from has ended, or to. */
static bool
forward(int from, int to)
{
	char bytes[16384];
	ssize_t n = read(from, bytes, sizeof(bytes));

	return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *
serve(void *arg)
{
	struct pollfd p[2] = { { .events = POLLIN, .fd = (int)(intptr_t)arg },
		{ .events = POLLIN } };
	bool good;

	p[1].fd = socket(AF_UNIX, SOCK_STREAM, 0);
	good = connect(p[1].fd, (struct sockaddr *)&store, sizeof(store)) == 0;
	while (good && poll(p, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			if (p[i].revents != 0)
				good = good && forward(p[i].fd, p[1 - i].fd);
	close(p[0].fd);
	close(p[1].fd);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, peer;
	pthread_t thread;

	if (argc != 3 || strlen(argv[2]) >= sizeof(store.sun_path)) {
		fputs("usage: proxy PORT SOCKET\n", stderr);
		return 64;
	}
	strcpy(store.sun_path, argv[2]);
	sin.sin_port = htons((uint16_t)atoi(argv[1]));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 128) == -1)
		die("proxy");
	while ((peer = accept(fd, NULL, NULL)) != -1) {
		if (pthread_create(
			&thread, NULL, serve, (void *)(intptr_t)peer) != 0)
			die("proxy");
		pthread_detach(thread);
	}
	die("proxy");
}
