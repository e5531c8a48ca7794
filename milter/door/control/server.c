/*
 * server.c - the operator's door: a thread that takes questions and hands
 * answers over.
 *
 * It has its own thread because an operator asks most when mail is in
 * trouble: no question may wait for a mail callback and none may delay one.
 * A peer has one request and a few seconds; one that dawdles costs its own
 * place and nobody else's.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "obj.h"
#include "snapshot.h"
#include "thread.h"
#include "unix_socket.h"

#define PEERS 16
#define PATIENCE                                                               \
	(5 * SECOND)      /* for a request, and for each step of reading       \
			     the answer */
#define REST (1 * SECOND) /* after accept failed for want of resources */

struct peer {
	int fd;           /* -1: a free place */
	int64_t deadline; /* of the steady clock */
	char actor[64];
	char *in; /* the request, as far as it came */
	size_t in_len;
	char *out; /* the answer; NULL until there is one */
	size_t out_len, sent;
};

struct control_server {
	struct control_env env;
	enum control_door door;
	pthread_t thread;
	int listen_fd, wake_fd;
	int64_t rest_until;
	struct peer peer[PEERS];
};

static void
peer_close(struct peer *p)
{
	close(p->fd);
	if (p->in != NULL)
		explicit_bzero(p->in, p->in_len); /* it may hold a token */
	free(p->in);
	free(p->out);
	*p = (struct peer){ .fd = -1 };
}

/* peer_answer - from now on the peer gets answer (taken over), nothing else */
static void
peer_answer(struct peer *p, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);

	json_decref(answer);
	if (text == NULL || asprintf(&p->out, "%s\n", text) == -1) {
		p->out = NULL;
		free(text);
		peer_close(p);
		return;
	}
	p->out_len = strlen(p->out);
	free(text);
	p->deadline = clock_steady() + PATIENCE;
}

static json_t *
refusal(const char *error, const char *remedy)
{
	json_t *answer = obj_failure(remedy, error);

	return answer != NULL ? answer : json_null();
}

/* control_is_among - is that user one of view-peers? */
static bool
control_is_among(const struct names *peers, const char *name, uid_t uid)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lu", (unsigned long)uid);
	for (size_t i = 0; i < peers->n; i++)
		if (strcmp(peers->v[i], name) == 0 ||
		    strcmp(peers->v[i], digits) == 0)
			return true;
	return false;
}

static bool
may_view(const char *name, uid_t uid)
{
	const struct config *conf = snapshot_hold();
	const bool may = control_is_among(&conf->view_peers, name, uid);

	snapshot_release(&conf);
	return may;
}

/* peer_name - who asks; false if it is nobody who may */
static bool
peer_name(enum control_door door, int fd, char *dst, size_t size)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	uid_t uid;
	pid_t pid;

	if (unix_socket_peer(fd, &uid, &pid) == -1)
		return false;
	if (getpwuid_r(uid, &pw, buf, sizeof(buf), &found) == 0 &&
	    found != NULL)
		snprintf(dst, size, "%s", pw.pw_name);
	else
		snprintf(dst, size, "uid %lu", (unsigned long)uid);
	return uid == 0 || uid == geteuid() ||
	       (door == VIEW_DOOR && may_view(dst, uid));
}

static void
accept_peer(struct control_server *s)
{
	struct peer *p = s->peer;

	while (p < s->peer + PEERS && p->fd != -1)
		p++;
	if (p == s->peer + PEERS)
		return;
	p->fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (p->fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS)
			s->rest_until = clock_steady() + REST;
		return;
	}
	p->deadline = clock_steady() + PATIENCE;
	if (!peer_name(s->door, p->fd, p->actor, sizeof(p->actor)))
		peer_answer(p,
		    s->door == CONTROL_DOOR
			? refusal(
			      "only root and the daemon's own user may ask here",
			      "run postmeterctl as root")
			: refusal("your user is none of those who may look",
			      "run postmeterctl as root, or add your user to view-peers in the configuration and reload"));
	else if ((p->in = malloc(CONTROL_REQUEST_MAX)) == NULL)
		peer_close(p);
}

static void
peer_read(struct control_server *s, struct peer *p)
{
	ssize_t n =
	    recv(p->fd, p->in + p->in_len, CONTROL_REQUEST_MAX - p->in_len, 0);
	const char *end;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_close(p);
		return;
	}
	end = memchr(p->in + p->in_len, '\n', (size_t)n);
	p->in_len += (size_t)n;
	if (end != NULL)
		peer_answer(p, control_answer(&s->env,
				   &(struct control_peer){ s->door, p->actor },
				   p->in, (size_t)(end - p->in), clock_now()));
	else if (p->in_len == CONTROL_REQUEST_MAX)
		peer_answer(p, refusal("the request is longer than 64 KiB",
				   "ask for less at a time"));
}

static void
peer_write(struct peer *p)
{
	ssize_t n =
	    send(p->fd, p->out + p->sent, p->out_len - p->sent, MSG_NOSIGNAL);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_close(p);
		return;
	}
	p->sent += (size_t)n;
	p->deadline = clock_steady() + PATIENCE;
	if (p->sent == p->out_len)
		peer_close(p);
}

/* patience - closes who was too slow; returns how long poll may sleep, ms */
static int
patience(struct control_server *s, bool resting)
{
	int64_t now = clock_steady(), next = resting ? s->rest_until : NEVER;

	for (struct peer *p = s->peer; p < s->peer + PEERS; p++) {
		if (p->fd == -1)
			continue;
		if (p->deadline <= now)
			peer_close(p);
		else if (p->deadline < next)
			next = p->deadline;
	}
	if (next == NEVER)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static void *
control_serve(void *arg)
{
	struct control_server *s = arg;
	struct pollfd fds[PEERS + 2];

	for (;;) {
		bool resting = s->rest_until > clock_steady();
		int timeout = patience(s, resting);
		bool free_slot = false;

		for (size_t i = 0; i < PEERS; i++) {
			fds[i].fd = s->peer[i].fd;
			fds[i].events =
			    s->peer[i].out != NULL ? POLLOUT : POLLIN;
			free_slot |= s->peer[i].fd == -1;
		}
		fds[PEERS].fd = free_slot && !resting ? s->listen_fd : -1;
		fds[PEERS].events = POLLIN;
		fds[PEERS + 1].fd = s->wake_fd;
		fds[PEERS + 1].events = POLLIN;
		if (poll(fds, PEERS + 2, timeout) <= 0)
			continue;
		if (fds[PEERS + 1].revents != 0)
			return NULL;
		for (size_t i = 0; i < PEERS; i++) {
			if (fds[i].fd == -1 || fds[i].revents == 0)
				continue;
			if (s->peer[i].out != NULL)
				peer_write(&s->peer[i]);
			else
				peer_read(s, &s->peer[i]);
		}
		if (fds[PEERS].fd != -1 && fds[PEERS].revents != 0)
			accept_peer(s);
	}
}

/* server_free - takes a half-built server too */
static void
server_free(struct control_server *s)
{
	for (struct peer *p = s->peer; p < s->peer + PEERS; p++)
		if (p->fd != -1)
			peer_close(p);
	if (s->wake_fd != -1)
		close(s->wake_fd);
	close(s->listen_fd);
	free(s);
}

struct control_server *
control_start(int fd, enum control_door door, const struct control_env *env)
{
	struct control_server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->env = *env;
	s->door = door;
	s->listen_fd = fd;
	for (size_t i = 0; i < PEERS; i++)
		s->peer[i].fd = -1;
	s->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (s->wake_fd == -1) {
		server_free(s);
		return NULL;
	}
	if (thread_start(&s->thread, control_serve, s) != 0) {
		server_free(s);
		return NULL;
	}
	return s;
}

void
control_stop(struct control_server **sp)
{
	struct control_server *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	eventfd_write(s->wake_fd, 1);
	pthread_join(s->thread, NULL);
	server_free(s);
}
