/*
 * redis_server.c - a Redis of a test's own.
 */
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "redis_server.h"

volatile int64_t *redis_clock;

/* REDIS_SERVER=/path/valkey-server: the same tests with another one. */
static const char *
redis_binary(void)
{
	const char *path = getenv("REDIS_SERVER");

	return path != NULL ? path : "/usr/bin/redis-server";
}

bool
redis_is_installed(void)
{
	return access(redis_binary(), X_OK) == 0;
}

redisContext *
redis_dial(const struct redis_server *s)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < 500; i++) {
		redisContext *c = redisConnectUnix(s->socket);

		if (c != NULL && c->err == 0)
			return c;
		if (c != NULL)
			redisFree(c);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

bool
redis_tell(const struct redis_server *s, const char *command)
{
	redisContext *c = redis_dial(s);
	redisReply *r = c == NULL ? NULL : redisCommand(c, command);
	bool good = r != NULL && r->type != REDIS_REPLY_ERROR;

	if (r != NULL)
		freeReplyObject(r);
	if (c != NULL)
		redisFree(c);
	return good;
}

void
redis_own_clock(const char *directory, int64_t now)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/clock", directory);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || ftruncate(fd, sizeof(*redis_clock)) == -1 ||
	    setenv("SERVER_CLOCK", path, 1) == -1)
		abort();
	redis_clock = mmap(NULL, sizeof(*redis_clock), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (redis_clock == MAP_FAILED)
		abort();
	close(fd);
	*redis_clock = now;
}

/* Beside the tests that need it: tests/store/X, tests/support/Y.so. */
static const char *
redis_shim(void)
{
	static char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);

	if (n <= 0)
		abort();
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/../support/server_clock.so");
	return path;
}

pid_t
redis_spawn(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (redis_clock != NULL &&
		    setenv("LD_PRELOAD", redis_shim(), 1) == -1)
			_exit(127);
		execve(redis_binary(), (char *const *)(uintptr_t)argv, environ);
		_exit(127);
	}
	return pid;
}

void
redis_start(struct redis_server *s, const char *directory, const char *name,
    const char *const *more)
{
	const char *argv[40] = { "redis-server", "--port", "0", "--unixsocket",
		s->socket, "--unixsocketperm", "700", "--dir", directory,
		"--save", "", "--daemonize", "no", "--loglevel", "warning",
		"--logfile", "redis.log", "--enable-debug-command", "yes" };
	size_t n = 19;
	redisContext *c;

	snprintf(s->directory, sizeof(s->directory), "%s", directory);
	snprintf(s->socket, sizeof(s->socket), "%s/%s.sock", directory, name);
	for (; more != NULL && *more != NULL && n < 38; more++)
		argv[n++] = *more;
	s->pid = redis_spawn(argv);
	if ((c = redis_dial(s)) == NULL)
		abort();
	redisFree(c);
}

unsigned
redis_free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		abort();
	close(fd);
	return ntohs(sin.sin_port);
}

void
redis_kill(struct redis_server *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
}
