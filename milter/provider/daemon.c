/*
 * daemon.c - a question put through the daemon's control door.
 *
 * A daemon that is away, silent or talks nonsense is an answer, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon.h"

#define ANSWER_MAX (256 * 1024 * 1024)

/* send_all - the request and a newline; false with errno if it broke off */
static bool
send_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		text += n;
		left -= (size_t)n;
	}
	return true;
}

/* daemon_read_line - up to the newline; NULL with errno.  To be freed. */
static char *
daemon_read_line(int fd, size_t *len_r)
{
	size_t len = 0, capacity = 0;
	char *line = NULL;

	for (;;) {
		ssize_t n;

		if (len == capacity) {
			char *more =
			    realloc(line, capacity = capacity * 2 + 4096);

			if (more == NULL || capacity > ANSWER_MAX) {
				free(more != NULL ? more : line);
				errno = more != NULL ? EMSGSIZE : ENOMEM;
				return NULL;
			}
			line = more;
		}
		n = recv(fd, line + len, capacity - len, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ECONNRESET;
			free(line);
			return NULL;
		}
		len += (size_t)n;
		if (line[len - 1] == '\n') {
			*len_r = len;
			return line;
		}
	}
}

/* daemon_converse - the daemon's words on a connected socket; NULL with errno
 */
static json_t *
daemon_converse(int fd, const json_t *request, int seconds)
{
	const struct timeval wait = { .tv_sec = seconds };
	char *text, *line;
	json_t *answer;
	size_t len;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == -1)
		return NULL;
	text = json_dumps(request, JSON_COMPACT);
	if (text == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	/* A daemon that refuses does not read: its answer says why. */
	if (send_all(fd, text))
		send_all(fd, "\n");
	explicit_bzero(text, strlen(text)); /* it may hold a token */
	free(text);
	line = daemon_read_line(fd, &len);
	if (line == NULL)
		return NULL;
	answer = json_loadb(line, len, 0, NULL);
	free(line);
	if (!json_is_object(answer)) {
		json_decref(answer);
		errno = EPROTO;
		return NULL;
	}
	return answer;
}

json_t *
daemon_ask(const struct unix_socket *ep, const json_t *request, int wait)
{
	int fd = unix_socket_connect(ep), error;
	json_t *answer;

	if (fd == -1)
		return NULL;
	answer = daemon_converse(fd, request, wait);
	error = errno;
	close(fd);
	errno = error;
	return answer;
}
