/*
 * client.c - puts a question through the daemon's control door.
 *
 * A daemon that is away, silent or talks nonsense is an answer, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include "control.h"
#include "tool.h"

#define ANSWER_MAX (256 * 1024 * 1024)
#define ANSWER_WAIT 60 /* seconds without a byte */

static const char *
remedy_for(int error)
{
	if (error == EACCES || error == EPERM)
		return "run postmeterctl as root";
	if (error == ENOENT || error == ECONNREFUSED)
		return "start the daemon (systemctl start postmeter), or name its configuration with -c or its socket with -s";
	return "look at the daemon's log (journalctl -u postmeter)";
}

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

/* read_line - up to the newline; NULL with errno.  To be freed. */
static char *
read_line(int fd, size_t *len_r)
{
	size_t len = 0, room = 0;
	char *line = NULL;

	for (;;) {
		ssize_t n;

		if (len == room) {
			char *more = realloc(line, room = room * 2 + 4096);

			if (more == NULL || room > ANSWER_MAX) {
				free(more != NULL ? more : line);
				errno = more != NULL ? EMSGSIZE : ENOMEM;
				return NULL;
			}
			line = more;
		}
		n = recv(fd, line + len, room - len, 0);
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

/* converse - the daemon's words on a connected socket; NULL with errno */
static json_t *
converse(int fd, const json_t *request)
{
	const struct timeval wait = { .tv_sec = ANSWER_WAIT };
	char *text = json_dumps(request, JSON_COMPACT), *line;
	json_t *answer;
	size_t len;

	if (text == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ==
	    -1) {
		free(text);
		return NULL;
	}
	/* A daemon that refuses does not read: its answer says why. */
	if (send_all(fd, text))
		send_all(fd, "\n");
	free(text);
	line = read_line(fd, &len);
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

int
ctl_ask(const struct unix_socket *ep, const json_t *request, json_t **answer_r)
{
	int fd = unix_socket_connect(ep), error = errno;

	*answer_r = NULL;
	if (fd != -1) {
		*answer_r = converse(fd, request);
		error = errno;
		close(fd);
	}
	if (*answer_r == NULL) {
		*answer_r = ctl_failure(remedy_for(error),
		    "the daemon cannot be reached at %s: %s", ep->path,
		    strerror(error));
		return EX_UNAVAILABLE;
	}
	if (!json_is_true(json_object_get(*answer_r, "ok")))
		return 1;
	/* explain: the question was answered, but the answer is no. */
	return json_is_false(json_object_get(*answer_r, "passes")) ? 1 : EX_OK;
}

/*
 * for_viewers - is the control socket shut to this user, and is there another
 * one for those who look?
 */
static bool
for_viewers(const struct config *conf)
{
	return conf->view_socket.path[0] != '\0' &&
	       access(conf->control_socket.path, W_OK) == -1 && errno == EACCES;
}

/*
 * find_socket - where the daemon listens.  A configuration that is broken
 * just now must not shut the door: then it is the usual place.
 */
static int
find_socket(const struct ctl *ctl, struct unix_socket *ep, json_t **failure_r)
{
	const char *text = ctl->socket;
	struct config *conf =
	    text == NULL ? ctl_config(ctl->config, NULL) : NULL;
	char named[ENDPOINT_PATH_MAX + 8];
	struct why why;

	if (conf != NULL) {
		*ep = for_viewers(conf) ? conf->view_socket
					: conf->control_socket;
		config_free(&conf);
		return 0;
	}
	snprintf(named, sizeof(named), "%s%s",
	    text != NULL && strchr(text, ':') != NULL ? "" : "unix:",
	    text != NULL ? text : CTL_SOCKET_DEFAULT);
	if (unix_socket_parse(named, ep, &why) == 0)
		return 0;
	*failure_r = ctl_failure(why.text, "the socket cannot be used");
	return -1;
}

int
ctl_ask_daemon(const struct ctl *ctl, const json_t *request, json_t **answer_r)
{
	struct unix_socket ep;

	if (find_socket(ctl, &ep, answer_r) == -1)
		return EX_USAGE;
	return ctl_ask(&ep, request, answer_r);
}
