/*
 * run_program.c - another program, and what it printed.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_program.h"

extern char **environ;

/* spawn - its process, or -1 with errno; out is its standard output */
static pid_t
spawn(const char *const argv[], int out, bool quiet)
{
	posix_spawn_file_actions_t actions;
	char sbin[256], **args;
	pid_t pid;
	int error;

	memcpy(&args, &argv, sizeof(args)); /* posix_spawn changes nothing */
	error = posix_spawn_file_actions_init(&actions);
	if (error != 0) {
		errno = error;
		return -1;
	}
	error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (error == 0 && quiet)
		error = posix_spawn_file_actions_addopen(
		    &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (error == 0)
		error =
		    posix_spawnp(&pid, argv[0], &actions, NULL, args, environ);
	if (error == ENOENT && strchr(argv[0], '/') == NULL) {
		snprintf(sbin, sizeof(sbin), "/usr/sbin/%s", argv[0]);
		error = posix_spawn(&pid, sbin, &actions, NULL, args, environ);
	}
	posix_spawn_file_actions_destroy(&actions);
	errno = error;
	return error == 0 ? pid : -1;
}

/* program_slurp - all that comes, terminated; NULL if memory is out or it broke
 */
static char *
program_slurp(int fd)
{
	size_t len = 0, size = 0;
	char *text = NULL, *more;
	ssize_t n;

	for (;;) {
		if (size - len < 2) {
			more = realloc(text, size = size * 2 + 4096);
			if (more == NULL)
				break;
			text = more;
		}
		n = read(fd, text + len, size - len - 1);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			text[len] = '\0';
			if (n == 0)
				return text;
			break;
		}
		len += (size_t)n;
	}
	free(text);
	return NULL;
}

int
run_program(
    const char *const argv[], bool quiet, char **said_r, struct why *why)
{
	int out[2] = { -1, STDERR_FILENO }, status = 0;
	pid_t pid, ended;

	if (said_r != NULL) {
		*said_r = NULL;
		if (pipe2(out, O_CLOEXEC) == -1) {
			why_set(why, "%s: %s", argv[0], strerror(errno));
			return -1;
		}
	}
	pid = spawn(argv, out[1], quiet);
	if (pid == -1)
		why_set(
		    why, "%s cannot be started: %s", argv[0], strerror(errno));
	if (said_r != NULL) {
		close(out[1]);
		if (pid != -1 && (*said_r = program_slurp(out[0])) == NULL)
			why_set(why, "%s: its answer cannot be read", argv[0]);
		close(out[0]);
	}
	if (pid == -1)
		return -1;
	while ((ended = waitpid(pid, &status, 0)) == -1 && errno == EINTR)
		continue;
	if (ended == -1) {
		why_set(why, "%s: %s", argv[0], strerror(errno));
	} else if (said_r == NULL || *said_r != NULL) {
		return WIFEXITED(status) ? WEXITSTATUS(status)
					 : 128 + WTERMSIG(status);
	}
	if (said_r != NULL) {
		free(*said_r);
		*said_r = NULL;
	}
	return -1;
}
