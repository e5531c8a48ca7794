/*
 * client.c - puts a question through the daemon's control door.
 *
 * A daemon that is away, silent or talks nonsense is an answer, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon.h"
#include "tool.h"

static const char *
remedy_for(int error)
{
	if (error == EACCES || error == EPERM)
		return "run postmeterctl as root";
	if (error == ENOENT || error == ECONNREFUSED)
		return "start the daemon (systemctl start postmeter), or name its configuration with -c or its socket with -s";
	return "look at the daemon's log (journalctl -u postmeter)";
}

int
ctl_ask(const struct unix_socket *ep, const json_t *request, json_t **answer_r)
{
	int error;

	*answer_r = daemon_ask(ep, request, DAEMON_WAIT);
	error = errno;
	if (*answer_r == NULL) {
		*answer_r = ctl_failure(remedy_for(error),
		    "the daemon cannot be reached at %s: %s", ep->path,
		    strerror(error));
		return EX_UNAVAILABLE;
	}
	if (!json_is_true(json_object_get(*answer_r, "ok")))
		return 1;
	/* It was answered, but the answer is no, or something is found wrong.
	 */
	return json_is_false(json_object_get(*answer_r, "passes")) ||
		       json_is_true(json_object_get(*answer_r, "finding"))
		   ? 1
		   : EX_OK;
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
