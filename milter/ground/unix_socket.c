/*
 * unix_socket.c - "unix:/path" to a socket that nobody else could have put
 * there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "safe_path.h"
#include "unix_socket.h"

int
unix_socket_parse(const char *text, struct unix_socket *ep_r, struct why *why)
{
	const char *path = NULL;

	if (strncmp(text, "unix:", 5) == 0)
		path = text + 5;
	else if (strncmp(text, "local:", 6) == 0)
		path = text + 6;
	if (path == NULL || path[0] != '/') {
		why_set(why,
		    "want a UNIX socket with an absolute path, such as unix:/run/postmeter/control.sock");
		return -1;
	}
	if (strlen(path) > ENDPOINT_PATH_MAX) {
		why_set(why, "a socket's path may have at most 100 bytes");
		return -1;
	}
	if (path[strlen(path) - 1] == '/') {
		why_set(why,
		    "this is a directory, want a path that ends in the socket's name");
		return -1;
	}
	memcpy(ep_r->path, path, strlen(path) + 1);
	return 0;
}

static void
address_of(const struct unix_socket *ep, struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", ep->path);
}

static int
connect_as(const struct unix_socket *ep, int type)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	address_of(ep, &sun);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
unix_socket_connect(const struct unix_socket *ep)
{
	return connect_as(ep, SOCK_STREAM);
}

/* --- the socket ---------------------------------------------------------- */

/* clear_path - nothing may be there but a dead socket of ours, and that goes */
static int
clear_path(int dir, const char *name, const struct unix_socket *ep,
    const struct unix_socket_owner *owner, bool *live_r, struct why *why)
{
	struct stat st;
	int fd;

	*live_r = false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return 0;
		why_set(why, "%s: %s", ep->path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode) ||
	    (st.st_uid != 0 && st.st_uid != owner->uid)) {
		why_set(why,
		    "%s is there and is no socket of postmeter's: look what it is and remove it",
		    ep->path);
		return -1;
	}
	/* A hung server lets a caller wait: EAGAIN is an answer, too. */
	fd = connect_as(ep, SOCK_STREAM | SOCK_NONBLOCK);
	if (fd != -1 || errno == EAGAIN) {
		*live_r = true;
		if (fd != -1)
			close(fd);
		why_set(why,
		    "a program answers on %s: postmeter is already running",
		    ep->path);
		return -1;
	}
	if (errno != ECONNREFUSED) {
		why_set(why,
		    "%s is there, and whether a program answers on it cannot be known (%s): look what it is and remove it",
		    ep->path, strerror(errno));
		return -1;
	}
	if (unlinkat(dir, name, 0) == -1) {
		why_set(why, "cannot remove the dead socket %s: %s", ep->path,
		    strerror(errno));
		return -1;
	}
	return 0;
}

int
unix_socket_prepare(const struct unix_socket *ep,
    const struct unix_socket_owner *owner, bool *live_r, struct why *why)
{
	const struct safe_path_new make = { owner->uid, owner->gid,
		owner->everybody ? 0755 : 0750 };
	const char *name;
	int rc, dir;

	*live_r = false;
	dir = safe_path_open(ep->path, owner->uid, &make, &name, why);
	if (dir == -1)
		return -1;
	rc = clear_path(dir, name, ep, owner, live_r, why);
	close(dir);
	return rc;
}

int
unix_socket_chown(const struct unix_socket *ep,
    const struct unix_socket_owner *owner, struct why *why)
{
	if (lchown(ep->path, owner->uid, owner->gid) == -1 ||
	    chmod(ep->path, owner->everybody ? 0666 : 0660) == -1) {
		why_set(why, "cannot give %s to postmeter's user: %s", ep->path,
		    strerror(errno));
		return -1;
	}
	return 0;
}

int
unix_socket_listen(const struct unix_socket *ep,
    const struct unix_socket_owner *owner, bool *live_r, struct why *why)
{
	struct sockaddr_un sun;
	mode_t old;
	int fd, rc;

	if (unix_socket_prepare(ep, owner, live_r, why) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		why_set(why, "socket: %s", strerror(errno));
		return -1;
	}
	address_of(ep, &sun);
	/*
	 * Not open to others even for a moment.  The umask is the whole
	 * process's: only at start, before the first thread.
	 */
	old = umask(0177);
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	if (rc == -1 || listen(fd, SOMAXCONN) == -1) {
		why_set(
		    why, "cannot listen on %s: %s", ep->path, strerror(errno));
		close(fd);
		return -1;
	}
	if (unix_socket_chown(ep, owner, why) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int
unix_socket_peer(int fd, uid_t *uid_r, pid_t *pid_r)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return -1;
	*uid_r = cred.uid;
	*pid_r = cred.pid;
	return 0;
}
