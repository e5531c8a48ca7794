/*
 * server.c - the map and auth doors: Postfix's and Sendmail's socketmap.
 *
 * One thread asks poll who has something to say.  A peer gets its answers in
 * the order of its questions, one at a time, so what it costs is bounded; one
 * that dawdles is closed, and only its own mail waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "credentials.h"
#include "gate.h"
#include "log.h"
#include "netstring.h"
#include "owner.h"
#include "snapshot.h"
#include "socketmap.h"
#include "tally.h"
#include "thread.h"
#include "tokens.h"
#include "unix_socket.h"

#define PEERS 1024
#define IN_SIZE (NETSTRING_MAX + 16) /* one request and its frame */
#define OUT_SIZE (TOKEN_MAX + 2048)  /* the longest answer and its frame */
#define PATIENCE (5 * SECOND)        /* to send a request, to take an answer */
#define IDLE HOUR                    /* Postfix itself hangs up after 10 s */
#define SWEEP (10 * SECOND) /* between two looks for owners that went */
#define TURN 16             /* requests of one peer before it is another's */

struct peer {
	int fd;
	pid_t pid;
	struct asker who;
	bool ready;    /* more requests are in, for its next turn */
	int64_t since; /* the state it is in: idle, asking, taking */
	size_t nin, nout, taken;
	char in[IN_SIZE];
	char out[OUT_SIZE];
};

struct socketmap_server {
	pthread_t thread;
	int door[DOORS], stop;
	struct desk desk; /* its conf is each answer's own */
	size_t npeer, most;
	struct peer *peer[PEERS];
	int64_t accept_paused_until; /* out of descriptors: listen again then */
	int64_t logged;              /* when a refusal was last logged */
	int64_t swept;               /* when owners were last looked for */
};

/* log_throttled - a line for the log, but not more than one a minute */
static void
log_throttled(
    struct socketmap_server *s, const struct peer *p, const char *what)
{
	int64_t now = clock_steady();

	if (s->logged != 0 && now - s->logged < MINUTE)
		return;
	s->logged = now;
	log_warn("auth-socket: process %ld %s", (long)p->pid, what);
}

/* socketmap_answer - frames the answer to one request into p->out */
static void
socketmap_answer(
    struct socketmap_server *s, struct peer *p, struct bytes request)
{
	char text[OUT_SIZE - 16];

	answer_request(&s->desk, &p->who, request, text, sizeof(text));
	p->nout = netstring_put(p->out, sizeof(p->out), text, strlen(text));
	p->taken = 0;
	explicit_bzero(text, sizeof(text));
}

/* --- peers --------------------------------------------------------------- */

static void
socketmap_peer_close(struct socketmap_server *s, size_t i)
{
	struct peer *p = s->peer[i];

	close(p->fd);
	explicit_bzero(p->out, sizeof(p->out));
	free(p);
	s->peer[i] = s->peer[--s->npeer];
}

/*
 * peer_gone - the peer itself hung up: Postfix does so when it has been idle,
 * never in a delivery, and when its process ends.  A second connection of the
 * process (this daemon was away for a moment) still speaks for it.
 */
static void
peer_gone(struct socketmap_server *s, size_t i)
{
	const struct peer *p = s->peer[i];
	bool last = s->desk.gate != NULL;
	char owner[LEASE_OWNER];

	memcpy(owner, p->who.owner, sizeof(owner));
	socketmap_peer_close(s, i);
	for (size_t k = 0; k < s->npeer && last; k++)
		last = strcmp(s->peer[k]->who.owner, owner) != 0;
	if (last) {
		struct desk desk = s->desk;

		desk.conf = snapshot_hold();
		gate_end(&desk, owner, clock_now());
		snapshot_release(&desk.conf);
	}
}

/* next_request - the next complete request, if no answer waits.  -1: nonsense
 */
static int
next_request(struct socketmap_server *s, struct peer *p)
{
	struct bytes request;
	ssize_t used;

	if (p->nout > 0)
		return 0;
	used = netstring_take(p->in, p->nin, &request);
	if (used <= 0)
		return (int)used;
	socketmap_answer(s, p, request);
	p->nin -= (size_t)used;
	memmove(p->in, p->in + used, p->nin);
	p->since = clock_steady();
	return 1;
}

/* socketmap_peer_write - as much of the answer as the peer takes now.  -1: it
 * is gone */
static int
socketmap_peer_write(struct peer *p)
{
	if (p->nout == 0)
		return 0;
	while (p->taken < p->nout) {
		ssize_t n = send(
		    p->fd, p->out + p->taken, p->nout - p->taken, MSG_NOSIGNAL);

		if (n == -1)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		p->taken += (size_t)n;
	}
	explicit_bzero(p->out, p->nout);
	p->nout = p->taken = 0;
	p->since = clock_steady();
	return 0;
}

/*
 * peer_serve - answers what is complete, until the peer has to do something or
 * it is another's turn
 */
static int
peer_serve(struct socketmap_server *s, struct peer *p)
{
	int rc = 1;

	for (int n = 0; n < TURN && rc == 1; n++) {
		if (socketmap_peer_write(p) == -1)
			return -1;
		rc = next_request(s, p);
	}
	p->ready = rc == 1;
	return rc;
}

static int
socketmap_peer_read(struct socketmap_server *s, struct peer *p)
{
	ssize_t n;

	if (p->nin == sizeof(p->in))
		return peer_serve(s, p); /* full: the answer must go first */
	n = recv(p->fd, p->in + p->nin, sizeof(p->in) - p->nin, 0);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	if (p->nin == 0)
		p->since = clock_steady();
	p->nin += (size_t)n;
	return peer_serve(s, p);
}

/* is_busy - a delivery lasts as long as it lasts: silence is no fault */
static bool
is_busy(const struct socketmap_server *s, const struct peer *p)
{
	return p->who.door == DOOR_AUTH && s->desk.gate != NULL &&
	       gate_is_busy(s->desk.gate, p->who.owner);
}

/* overdue - has the peer kept a request or an answer for too long? */
static bool
overdue(const struct socketmap_server *s, const struct peer *p, int64_t now)
{
	if (p->nin > 0 || p->nout > 0)
		return now - p->since > PATIENCE;
	return now - p->since > IDLE && !is_busy(s, p);
}

/*
 * evict_idle - hangs up on the peer of that door that has been idle for
 * longest; each door has half of the places, so a crowd at one costs the other
 * nothing.  False if there is no place.
 */
static bool
evict_idle(struct socketmap_server *s, enum door door)
{
	size_t there = 0, oldest = s->npeer;

	for (size_t i = 0; i < s->npeer; i++) {
		const struct peer *p = s->peer[i];

		if (p->who.door != door)
			continue;
		there++;
		if ((oldest == s->npeer || p->since < s->peer[oldest]->since) &&
		    !is_busy(s, p))
			oldest = i;
	}
	if (there < s->most / DOORS)
		return true;
	if (oldest == s->npeer)
		return false;
	socketmap_peer_close(s, oldest);
	return true;
}

static bool
admitted(struct socketmap_server *s, const struct peer *p)
{
	const struct config *conf;
	pid_t pid;
	uid_t uid;
	bool ok;

	if (p->who.door != DOOR_AUTH)
		return true;
	if (unix_socket_peer(p->fd, &uid, &pid) == -1)
		return false;
	conf = snapshot_hold();
	ok = credentials_peer_allowed(conf, uid);
	snapshot_release(&conf);
	if (!ok) {
		tally_add(TALLY_AUTH_REFUSED, NULL, NULL, 1);
		log_throttled(s, p, "is not in auth-peers: hung up");
	}
	return ok;
}

static void
peer_accept(struct socketmap_server *s, enum door door)
{
	int fd =
	    accept4(s->door[door], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct peer *p;

	if (fd == -1) {
		/* Out of descriptors or memory: poll would call at once. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			s->accept_paused_until = clock_steady() + 100;
		return;
	}
	p = evict_idle(s, door) ? calloc(1, sizeof(*p)) : NULL;
	if (p == NULL) {
		close(fd);
		return;
	}
	p->fd = fd;
	p->who.door = door;
	p->since = clock_steady();
	if (unix_socket_peer(fd, &p->who.uid, &p->pid) == -1)
		p->who.uid = (uid_t)-1;
	owner_name(p->pid, p->who.owner);
	s->peer[s->npeer++] = p;
	if (!admitted(s, p))
		socketmap_peer_close(s, s->npeer - 1);
}

/* --- the thread ---------------------------------------------------------- */

/* listen_for - what each descriptor may wake us for; returns the wait in ms */
static int
listen_for(struct socketmap_server *s, struct pollfd *fds)
{
	int64_t now = clock_steady(), wait = SWEEP;

	for (int i = 0; i < DOORS; i++)
		fds[i] = (struct pollfd){ .fd = s->door[i],
			.events = now < s->accept_paused_until ? 0 : POLLIN };
	if (now < s->accept_paused_until)
		wait = s->accept_paused_until - now;
	fds[DOORS] = (struct pollfd){ .fd = s->stop, .events = POLLIN };
	for (size_t i = 0; i < s->npeer; i++) {
		const struct peer *p = s->peer[i];

		fds[DOORS + 1 + i] = (struct pollfd){ .fd = p->fd,
			.events = p->nout > 0 ? POLLOUT : POLLIN };
		if ((p->nin > 0 || p->nout > 0) && wait > SECOND)
			wait = SECOND;
		if (p->ready)
			wait = 0;
	}
	return (int)wait;
}

/* socketmap_sweep - some that held leases ended while nobody listened to them
 */
static void
socketmap_sweep(struct socketmap_server *s)
{
	const int64_t now = clock_steady();
	struct desk desk = s->desk;

	if (desk.gate == NULL || now - s->swept < SWEEP)
		return;
	s->swept = now;
	desk.conf = snapshot_hold();
	gate_sweep(&desk, socketmap_owner, clock_now());
	snapshot_release(&desk.conf);
}

static void
serve_peers(struct socketmap_server *s, const struct pollfd *fds)
{
	int64_t now = clock_steady();

	/* From the last: hanging up puts the last one, already served, here. */
	for (size_t i = s->npeer; i-- > 0;) {
		struct peer *p = s->peer[i];
		short got = fds[DOORS + 1 + i].revents;
		int rc = 0;

		if (got & POLLOUT || p->ready)
			rc = peer_serve(s, p);
		else if (got & (POLLIN | POLLHUP | POLLERR))
			rc = socketmap_peer_read(s, p);
		if (rc == -1)
			peer_gone(s, i);
		else if (overdue(s, p, now))
			socketmap_peer_close(s, i);
	}
}

static void *
socketmap_serve(void *arg)
{
	struct socketmap_server *s = arg;
	static struct pollfd fds[DOORS + 1 + PEERS];

	for (;;) {
		int wait = listen_for(s, fds);

		if (poll(fds, DOORS + 1 + s->npeer, wait) == -1 &&
		    errno != EINTR)
			log_warn("poll: %s", strerror(errno));
		serve_peers(s, fds);
		socketmap_sweep(s);
		if (fds[DOORS].revents != 0)
			break;
		for (int i = 0; i < DOORS; i++)
			if (fds[i].revents & POLLIN)
				peer_accept(s, (enum door)i);
	}
	while (s->npeer > 0)
		socketmap_peer_close(s, s->npeer - 1);
	return NULL;
}

/* most_peers - they leave three quarters of all descriptors to others */
static size_t
most_peers(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1 || r.rlim_cur / 4 > PEERS)
		return PEERS;
	return r.rlim_cur / 4 > 1 ? r.rlim_cur / 4 : 1;
}

struct socketmap_server *
socketmap_start(int map_fd, int auth_fd, const struct desk *desk)
{
	struct socketmap_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->most = most_peers();
	s->door[DOOR_MAP] = map_fd;
	s->door[DOOR_AUTH] = auth_fd;
	s->desk = *desk;
	s->stop = eventfd(0, EFD_CLOEXEC);
	if (s->stop == -1 ||
	    thread_start(&s->thread, socketmap_serve, s) != 0) {
		if (s->stop != -1)
			close(s->stop);
		free(s);
		return NULL;
	}
	return s;
}

void
socketmap_stop(struct socketmap_server **sp)
{
	struct socketmap_server *s = *sp;

	(void)eventfd_write(s->stop, 1);
	pthread_join(s->thread, NULL);
	for (int i = 0; i < DOORS; i++)
		close(s->door[i]);
	close(s->stop);
	free(s);
	*sp = NULL;
}
