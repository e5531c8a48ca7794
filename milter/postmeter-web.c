/*
 * postmeter-web.c - the page: who has what left.
 *
 * A process and a user of its own, so that a fault in what strangers' browsers
 * can reach is no fault in what holds the keys: it has the view socket and
 * nothing else of the daemon's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>
#if WITH_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "clock.h"
#include "log.h"
#include "privileges.h"
#include "replace_file.h"
#include "service_manager.h"
#include "thread.h"
#include "unix_socket.h"
#include "version.h"
#include "web/http.h"
#include "web/site.h"

#define USER "postmeter-web"
#define QUEUE 64 /* connections that wait to be taken */

static struct {
	const char *file, *listen;
	struct config *conf;
	struct site site;
	struct http *http;
} w = { .file = CONFIG_DEFAULT };

static void
web_usage(FILE *f)
{
	fputs(
	    "usage: postmeter-web [-c FILE] [--listen unix:PATH | 127.0.0.1:PORT]\n"
	    "  -c FILE    the configuration (" CONFIG_DEFAULT ")\n"
	    "  --listen   where: a socket for a proxy that sets X-Remote-User, or\n"
	    "             loopback, with addresses from `postmeterctl web`;\n"
	    "             not needed if systemd hands the socket over\n"
	    "  --version\n",
	    f);
}

/* --- the socket ----------------------------------------------------------- */

/* handed_over - the socket that systemd listens on; -1: there is none */
static int
handed_over(void)
{
#if WITH_SYSTEMD
	return sd_listen_fds(1) == 1 ? SD_LISTEN_FDS_START : -1;
#else
	return -1;
#endif
}

/* listen_loopback - "127.0.0.1:8025"; nowhere else, for nothing is encrypted */
static int
listen_loopback(const char *where, struct why *why)
{
	static const char start[] = "127.0.0.1:";
	struct sockaddr_in at = { .sin_family = AF_INET };
	const int on = 1;
	char *end;
	unsigned long port;
	int fd;

	port = strncmp(where, start, strlen(start)) == 0
		   ? strtoul(where + strlen(start), &end, 10)
		   : UINT32_MAX;
	if (port > UINT16_MAX || *end != '\0') {
		why_set(why,
		    "--listen %s: write unix:/absolute/path or 127.0.0.1:8025; others reach the page through a proxy that knows them",
		    where);
		return -1;
	}
	at.sin_port = htons((uint16_t)port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd != -1 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	    listen(fd, QUEUE) == 0)
		return fd;
	why_set(why, "%s: %s", where, strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static int
listen_there(const char *where, struct why *why)
{
	const struct unix_socket_owner owner = { geteuid(), getegid(), false };
	struct unix_socket at;
	bool live;

	if (strncmp(where, "unix:", 5) != 0)
		return listen_loopback(where, why);
	if (unix_socket_parse(where, &at, why) == -1)
		return -1;
	return unix_socket_listen(&at, &owner, &live, why);
}

/* web_look_at - what kind of socket is it?  -1 and why if it is none for a page
 */
static int
web_look_at(int fd, struct web_rules *rules, struct why *why)
{
	struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(at);
	const struct sockaddr_in *in = (const struct sockaddr_in *)&at;

	if (getsockname(fd, (struct sockaddr *)&at, &len) == -1) {
		why_set(why, "the socket: %s", strerror(errno));
		return -1;
	}
	if (at.ss_family == AF_UNIX) {
		rules->door = WEB_PROXY;
		return 0;
	}
	if (at.ss_family != AF_INET ||
	    ntohl(in->sin_addr.s_addr) != INADDR_LOOPBACK) {
		why_set(why,
		    "the page listens on a UNIX socket or on 127.0.0.1 only");
		return -1;
	}
	rules->door = WEB_LOOPBACK;
	rules->port = ntohs(in->sin_port);
	return 0;
}

/* leave_key - where root finds it, for `postmeterctl web` */
static int
leave_key(struct why *why)
{
	char text[2 * SEAL_KEY + 16];
	struct replacement r = {
		.p = text, .uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600
	};

	for (size_t i = 0; i < SEAL_KEY; i++)
		snprintf(text + 2 * i, 3, "%02x",
		    (unsigned)w.site.guard.token_key.byte[i]);
	snprintf(
	    text + (size_t)2 * SEAL_KEY, 16, " %u\n", w.site.guard.rules.port);
	r.len = strlen(text);
	return replace_file(w.conf->web_key, &r, why);
}

/* --- start and end -------------------------------------------------------- */

/* become - another than root: there is nothing here that needs it */
static int
become(struct why *why)
{
	struct passwd *pw;

	if (geteuid() != 0)
		return 0;
	pw = getpwnam(USER);
	if (pw == NULL || pw->pw_uid == 0) {
		why_set(why,
		    "there is no user " USER
		    ": make one (systemd-sysusers), or start this as another user than root");
		return -1;
	}
	return privileges_drop(pw->pw_uid, pw->pw_gid, why);
}

/* web_prepare - all but the serving.  0 or an exit code, and why. */
static int
web_prepare(int *fd_r, struct why *why)
{
	w.conf = config_load(w.file, stderr);
	if (w.conf == NULL) {
		why_set(why, "%s is not good", w.file);
		return EX_CONFIG;
	}
	if (w.conf->view_socket.path[0] == '\0') {
		why_set(why,
		    "%s has no view-socket: write view-socket = \"unix:/run/postmeter/view.sock\" and view-peers = {\"" USER
		    "\"}",
		    w.file);
		return EX_CONFIG;
	}
	if (become(why) == -1)
		return EX_NOPERM;
	*fd_r = handed_over();
	if (*fd_r == -1 && w.listen == NULL) {
		why_set(why, "no socket: say --listen, or let systemd listen");
		return EX_USAGE;
	}
	if (*fd_r == -1 && (*fd_r = listen_there(w.listen, why)) == -1)
		return EX_CANTCREAT;
	if (web_look_at(*fd_r, &w.site.guard.rules, why) == -1)
		return EX_USAGE;
	w.site.conf = w.conf;
	w.site.view = view_new(&w.conf->view_socket);
	if (w.site.view == NULL || seal_key_make(&w.site.guard.key) == -1 ||
	    seal_key_make(&w.site.guard.token_key) == -1) {
		why_set(why, "memory or random bytes are out");
		return EX_OSERR;
	}
	if (w.site.guard.rules.door == WEB_LOOPBACK && leave_key(why) == -1)
		return EX_CANTCREAT;
	return 0;
}

static void
web_answer(void *arg, const struct web_request *rq, struct web_response *rs)
{
	site_answer(arg, rq, clock_now(), rs);
}

static int
serve(int signals)
{
	struct signalfd_siginfo told;
	struct why why;
	int fd = -1, rc = web_prepare(&fd, &why);

	if (rc == 0 &&
	    (w.http = http_start(fd, web_answer, &w.site, &why)) == NULL)
		rc = EX_OSERR;
	if (rc != 0) {
		log_error("%s", why.text);
		return rc;
	}
	log_info("ready: %s", w.listen != NULL ? w.listen : "systemd listens");
	if (w.site.guard.rules.door == WEB_LOOPBACK)
		log_info(
		    "http://127.0.0.1:%u/, for addresses of `postmeterctl web`",
		    w.site.guard.rules.port);
	service_tell("READY=1");
	while (read(signals, &told, sizeof(told)) == -1 && errno == EINTR)
		continue;
	http_stop(&w.http);
	log_info("stopped");
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "listen", required_argument,
						     NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	int opt, rc, signals;

	while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (opt == 'h' || opt == 'v') {
			if (opt == 'h')
				web_usage(stdout);
			else
				puts("postmeter-web " POSTMETER_VERSION);
			return 0;
		}
		if (opt == 'c')
			w.file = optarg;
		else if (opt == 'l')
			w.listen = optarg;
		else
			optind = argc + 1;
	}
	if (optind != argc) {
		web_usage(stderr);
		return EX_USAGE;
	}
	umask(077);
	log_open("postmeter-web", LOG_LEVEL_INFO);
	privileges_no_cores();
	signals = thread_end_signals();
	if (signals == -1)
		return EX_OSERR;
	rc = serve(signals);
	view_free(&w.site.view);
	config_free(&w.conf);
	return rc;
}
