/*
 * unix_socket.h - "unix:/path" to a socket that nobody else could have put there.
 *
 * A server that mail programs trust must not be replaceable: the directory of a
 * socket may be written by root and the daemon's user only, the path itself
 * may hold nothing but a dead socket of ours.
 */
#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "why.h"

#define ENDPOINT_PATH_MAX 100	/* sun_path holds 108, libmilter wants some */

struct unix_socket {
	char path[ENDPOINT_PATH_MAX + 1];	/* absolute */
};

/* Who owns a socket and who may connect. */
struct unix_socket_owner {
	uid_t uid;	/* the daemon's user */
	gid_t gid;	/* its group may connect (mode 0660) */
	bool everybody;	/* all may connect (0666): the server asks who it is */
};

/*
 * Parses "unix:/absolute/path" ("local:" is the same).  Returns 0, or -1 and
 * *why, a constant that says what would be right.
 */
int	unix_socket_parse(const char *text, struct unix_socket *ep_r,
	    struct why *why);

/*
 * Makes the last directory of the path if it is missing (0750, 0755 for
 * everybody, owner as given),
 * then checks it: a directory, no symlink, owned by root or owner->uid, not
 * writable by group or others, and so every directory above it (a sticky one
 * passes above the last, never as the last).  A dead socket at the path that
 * owner->uid or root owns is removed.  Returns 0, or -1 and a sentence in why.
 * *live_r is set if a server answers there: then another daemon runs.
 */
int	unix_socket_prepare(const struct unix_socket *ep,
	    const struct unix_socket_owner *owner, bool *live_r, struct why *why);

/*
 * unix_socket_prepare, then a listening, non-blocking, close-on-exec descriptor
 * with the mode and the owner given.  -1 and a sentence in why otherwise.
 */
int	unix_socket_listen(const struct unix_socket *ep,
	    const struct unix_socket_owner *owner, bool *live_r, struct why *why);

/* Gives an existing socket file the owner and the mode.  0, or -1 and why. */
int	unix_socket_chown(const struct unix_socket *ep,
	    const struct unix_socket_owner *owner, struct why *why);

/* A connected, blocking descriptor for a client, or -1 with errno. */
int	unix_socket_connect(const struct unix_socket *ep);

/*
 * The peer's identity (SO_PEERCRED).  Returns 0, or -1 when the kernel does
 * not say; such a peer is nobody.
 */
int	unix_socket_peer(int fd, uid_t *uid_r, pid_t *pid_r);

#endif
