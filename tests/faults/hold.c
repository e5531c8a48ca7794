/*
 * hold.c - peers that say something and then nothing more.
 *
 *   hold -n COUNT SOCKET BYTES   COUNT connections, each says BYTES (with \xNN
 *                                escapes), reads nothing, and stays
 *   hold -r COUNT SOCKET BYTES   the same, BYTES again and again until the
 *                                other side takes no more
 *   hold -a SOCKET BYTES         one connection; its answer is printed
 *
 * Those that stay say "holding COUNT" and end with a signal.  A connection
 * that is refused or hung up on is not opened again.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static void
usage(void)
{
	fputs("usage: hold -n|-r COUNT SOCKET BYTES | hold -a SOCKET BYTES\n",
	    stderr);
	exit(EX_USAGE);
}

/* unescape - \xNN in place; returns the length */
static size_t
unescape(char *s)
{
	char *to = s;

	for (char *p = s; *p != '\0'; to++) {
		char hex[3] = "";

		if (p[0] == '\\' && p[1] == 'x' && p[2] != '\0' &&
		    p[3] != '\0') {
			memcpy(hex, p + 2, 2);
			*to = (char)strtoul(hex, NULL, 16);
			p += 4;
		} else {
			*to = *p++;
		}
	}
	return (size_t)(to - s);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (fd != -1 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
say(int fd, const char *bytes, size_t len)
{
	return send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)len;
}

static int
ask(const char *path, const char *bytes, size_t len)
{
	char answer[65536];
	int fd = connect_to(path);
	ssize_t n;

	if (fd == -1 || !say(fd, bytes, len)) {
		perror(path);
		return EX_UNAVAILABLE;
	}
	shutdown(fd, SHUT_WR);
	while ((n = recv(fd, answer, sizeof(answer), 0)) > 0)
		fwrite(answer, 1, (size_t)n, stdout);
	return n == 0 ? 0 : EX_IOERR;
}

static _Noreturn void
hold(const char *path, size_t count, bool again, const char *bytes, size_t len)
{
	const struct timespec breath = { .tv_nsec = 2 * 1000 * 1000 };
	const struct rlimit many = { count + 16, count + 16 };
	size_t holding = 0;

	(void)setrlimit(RLIMIT_NOFILE, &many);
	for (size_t i = 0; i < count; i++) {
		int fd = connect_to(path);

		if (fd == -1)
			continue;
		holding++;
		for (bool more = len > 0; more && say(fd, bytes, len);)
			more = again;
		nanosleep(&breath, NULL);
	}
	printf("holding %zu\n", holding);
	fflush(stdout);
	for (;;)
		(void)pause();
}

int
main(int argc, char **argv)
{
	size_t len;

	if (argc == 4 && strcmp(argv[1], "-a") == 0) {
		len = unescape(argv[3]);
		return ask(argv[2], argv[3], len);
	}
	if (argc != 5 ||
	    (strcmp(argv[1], "-n") != 0 && strcmp(argv[1], "-r") != 0))
		usage();
	len = unescape(argv[4]);
	hold(argv[3], strtoul(argv[2], NULL, 10), argv[1][1] == 'r', argv[4],
	    len);
}
