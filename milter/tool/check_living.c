/*
 * check_living.c - files can be good while nothing works.
 *
 * Whether a user may do something is asked of the kernel by a process that has
 * become that user, with all its groups: no rule about modes is written again
 * here.  For that it takes root.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "check.h"
#include "store_url.h"
#include "tool.h"

struct question {
	const char *path;
	int mode; /* of access(2); CONNECT: can a socket be opened? */
};
#define CONNECT (-1)

/* --- as another user -------------------------------------------------------
 */

static int
open_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || strlen(path) >= sizeof(sun.sun_path))
		return -1;
	strcpy(sun.sun_path, path);
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun));
}

/* check_living_answer - 0, or errno: the child's work */
static int
check_living_answer(const struct passwd *pw, const struct question *q)
{
	const bool other = geteuid() != pw->pw_uid;

	if (other && (initgroups(pw->pw_name, pw->pw_gid) == -1 ||
			 setgid(pw->pw_gid) == -1 || setuid(pw->pw_uid) == -1))
		return EPERM;
	return (q->mode == CONNECT ? open_socket(q->path)
				   : access(q->path, q->mode)) == 0
		   ? 0
		   : errno;
}

/* ask_as - what the kernel says to that user: 0, or an errno */
static int
ask_as(const struct passwd *pw, const struct question *q)
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == -1)
		return errno;
	if (pid == 0)
		_exit(check_living_answer(pw, q));
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

/* start_remedy - the command that this machine starts (or restarts) it with */
static const char *
start_remedy(bool again)
{
	if (access("/run/systemd/system", F_OK) == 0)
		return again ? "systemctl restart postmeter"
			     : "systemctl start postmeter";
	return again ? "service postmeter restart" : "service postmeter start";
}

/* --- sockets ---------------------------------------------------------------
 */

/* in_group - is a user a member of that group? */
static bool
in_group(const char *user, const char *group)
{
	const struct group *gr = getgrnam(group);

	for (char **name = gr != NULL ? gr->gr_mem : NULL;
	     name != NULL && *name != NULL; name++)
		if (strcmp(*name, user) == 0)
			return true;
	return false;
}

/* socket_remedy - for what the kernel said to the mail server's user */
static void
socket_remedy(
    const struct config *conf, int error, bool postfix, char *dst, size_t size)
{
	const bool away = error == ENOENT || error == ECONNREFUSED;
	char join[100] = "";

	if (!away && postfix && strcmp(conf->user, "root") != 0 &&
	    !in_group(conf->user, "postfix"))
		snprintf(
		    join, sizeof(join), "adduser %s postfix && ", conf->user);
	snprintf(dst, size, "%s%s", join, start_remedy(!away));
}

static void
check_sockets(const struct config *conf, const struct passwd *pw, json_t *found)
{
	const bool postfix = strcmp(pw->pw_name, "postfix") == 0;
	const struct {
		const char *path, *what;
	} door[] = {
		{ conf->milter_socket.path, "all mail gets 451" },
		{ conf->map_socket.path, "no mail finds its smarthost" },
		{ conf->auth_socket.path, "no smarthost gets its login" },
	};
	char remedy[200];

	for (size_t i = 0; i < sizeof(door) / sizeof(door[0]); i++) {
		const int error =
		    ask_as(pw, &(struct question){ door[i].path, CONNECT });

		/* Where it is inet there is nothing to ask as a user. */
		if (error == 0 || door[i].path[0] != '/')
			continue;
		socket_remedy(conf, error, postfix, remedy, sizeof(remedy));
		ctl_finding(found, true, remedy,
		    "user %s cannot open %s: %s; %s", pw->pw_name, door[i].path,
		    strerror(error), door[i].what);
	}
}

/* --- files -----------------------------------------------------------------
 */

/* store_directory - of an embedded store; "" if there is none */
static void
store_directory(const struct config *conf, char *dst, size_t size)
{
	const char *path = store_url_file(conf->store);

	snprintf(dst, size, "%.*s",
	    path != NULL ? (int)(strrchr(path, '/') - path) : 0,
	    path != NULL ? path : "");
}

static void
check_file(const struct passwd *pw, const char *path, int mode,
    const char *what, json_t *found)
{
	const int error = ask_as(pw, &(struct question){ path, mode });
	char remedy[400];

	if (path[0] == '\0' || error == 0)
		return;
	snprintf(remedy, sizeof(remedy),
	    mode == R_OK ? "chgrp %s %s && chmod 640 %s"
			 : "install -d -o %s -m 700 %s",
	    pw->pw_name, path, path);
	/* Who starts as root reads before it is that user; a reload cannot. */
	ctl_finding(found, mode != R_OK, remedy, "user %s cannot %s %s %s: %s",
	    pw->pw_name, mode == R_OK ? "read" : "write", what, path,
	    strerror(error));
}

static void
check_files(const struct config *conf, json_t *found)
{
	const struct passwd *pw = getpwnam(conf->user);
	char directory[400];

	if (pw == NULL) {
		ctl_finding(found, true,
		    "adduser --system --group --home /var/lib/postmeter postmeter",
		    "user %s does not exist", conf->user);
		return;
	}
	store_directory(conf, directory, sizeof(directory));
	check_file(pw, conf->file, R_OK, "its configuration", found);
	check_file(pw, conf->secrets, R_OK, "the secrets", found);
	check_file(pw, directory, W_OK | X_OK, "the store's directory", found);
}

/* --- the daemon ------------------------------------------------------------
 */

void
check_daemon(const struct config *conf, json_t *found)
{
	json_t *request = json_pack("{s:s}", "command", "status"), *said;
	const int code = ctl_ask(&conf->control_socket, request, &said);
	char digest[20];

	snprintf(digest, sizeof(digest), "%016" PRIx64, conf->digest);
	json_decref(request);
	if (code == EX_UNAVAILABLE) {
		ctl_finding(found, true, start_remedy(false),
		    "no daemon answers at %s: all mail gets 451",
		    conf->control_socket.path);
	} else if (strcmp(obj_str(said, "digest"), digest) != 0) {
		ctl_finding(found, true, "postmeterctl reload",
		    "the daemon runs with another configuration than %s",
		    conf->file);
	}
	json_decref(said);
}

void
check_living(const struct ctl *ctl, const struct config *conf, json_t *found)
{
	const struct passwd *pw;

	check_daemon(conf, found);
	for (size_t i = 0; i < conf->auth_peers.n; i++)
		if (getpwnam(conf->auth_peers.v[i]) == NULL)
			ctl_finding(found, false,
			    "name in auth-peers who there is",
			    "auth-peers: user %s does not exist",
			    conf->auth_peers.v[i]);
	if (geteuid() != 0) {
		ctl_finding(found, false, "sudo postmeterctl check --mta",
		    "whether other users can reach sockets and files is not asked");
		return;
	}
	check_files(conf, found);
	pw = getpwnam(ctl_sendmail_here(ctl) && ctl->postfix == NULL
			  ? "root"
			  : "postfix");
	if (pw != NULL)
		check_sockets(conf, pw, found);
}
