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

#include "clock.h"
#include "credentials.h"
#include "escape.h"
#include "log.h"
#include "mailaddr.h"
#include "meter.h"
#include "netstring.h"
#include "sendmail_maps.h"
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
#define RATE 20 /* credentials a second that one process may ask for */
#define BURST 100
#define RECENT 64 /* processes whose rate is remembered */

enum door { DOOR_MAP, DOOR_AUTH, DOORS };

struct peer {
	int fd;
	enum door door;
	pid_t pid;
	int64_t since; /* the state it is in: idle, asking, taking */
	size_t nin, nout, taken;
	char in[IN_SIZE];
	char out[OUT_SIZE];
};

/* How fast a process asks for credentials. */
struct pace {
	pid_t pid;
	int64_t when;
	int64_t tokens; /* thousandths of a request */
};

struct socketmap_server {
	pthread_t thread;
	int door[DOORS], stop;
	struct store *store;
	struct health *health;
	size_t npeer, most;
	struct peer *peer[PEERS];
	struct pace pace[RECENT];
	int64_t deaf_until; /* out of descriptors: listen again then */
	int64_t told;       /* when a refusal was last logged */
};

bool
socketmap_split(struct bytes request, struct bytes *map_r, struct bytes *key_r)
{
	const char *blank =
	    request.len == 0 ? NULL : memchr(request.p, ' ', request.len);

	if (blank == NULL || blank == request.p)
		return false;
	map_r->p = request.p;
	map_r->len = (size_t)(blank - request.p);
	key_r->p = blank + 1;
	key_r->len = request.len - map_r->len - 1;
	return true;
}

/* tell - a line for the log, but not more than one a minute */
static void
tell(struct socketmap_server *s, const struct peer *p, const char *what)
{
	int64_t now = clock_steady();

	if (s->told != 0 && now - s->told < MINUTE)
		return;
	s->told = now;
	log_warn("auth-socket: process %ld %s", (long)p->pid, what);
}

/* --- answers ------------------------------------------------------------- */

/* no_value - why there is none: 0, it does not exist; else it is not known */
static void
no_value(int found, const char *why, char *dst, size_t size)
{
	if (found == 0)
		snprintf(dst, size, "NOTFOUND ");
	else
		snprintf(dst, size, "TEMP %s", why);
}

/* transport - where mail of this envelope sender goes (Postfix) */
static void
transport(const struct config *conf, struct store *store, struct health *health,
    struct bytes key, int64_t now, char *dst, size_t size)
{
	const struct smarthost *sh = NULL;
	struct mailaddr sender;
	struct why why = WHY_NONE;
	int found;

	/*
	 * After NOTFOUND for an address Postfix asks for "@domain".  That is
	 * nobody's mail, and a rule for the domain must not take back what an
	 * earlier rule said of the sender.
	 */
	if (key.len > 0 && key.p[0] == '@') {
		snprintf(dst, size, "NOTFOUND ");
		return;
	}
	mailaddr_canon(&sender, key.p, key.len, conf->recipient_delimiter);
	found = meter_route(conf, store, health, &sender, now, &sh, &why);
	if (found == 1)
		snprintf(dst, size, "OK smarthost-%s:[%s]:%u", sh->name,
		    sh->host, sh->port);
	else
		no_value(found, why.text, dst, size);
}

static const struct map {
	const char *name;
	void (*answer)(const struct config *, struct store *, struct health *,
	    struct bytes key, int64_t now, char *dst, size_t size);
} maps[] = {
	{ "transport", transport },
	{ "route", sendmail_map_route }, /* the mailer for a recipient */
	{ "tls", sendmail_map_tls },     /* how safe its server must be */
};

static bool
is_map(struct bytes map, const char *name)
{
	return map.len == strlen(name) && memcmp(map.p, name, map.len) == 0;
}

static void
answer_map(struct socketmap_server *s, struct bytes map, struct bytes key,
    char *dst, size_t size)
{
	const struct config *conf = snapshot_hold();

	snprintf(dst, size, "TEMP no such map here");
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (is_map(map, maps[i].name))
			maps[i].answer(conf, s->store, s->health, key,
			    clock_now(), dst, size);
	snapshot_release(&conf);
}

/* too_fast - a token bucket for each process that asks for credentials */
static bool
too_fast(struct socketmap_server *s, pid_t pid)
{
	int64_t now = clock_steady();
	struct pace *slot = &s->pace[0];

	for (size_t i = 0; i < RECENT; i++) {
		if (s->pace[i].pid == pid) {
			slot = &s->pace[i];
			break;
		}
		if (s->pace[i].when < slot->when)
			slot = &s->pace[i];
	}
	if (slot->pid != pid)
		*slot = (struct pace){ pid, now, BURST * 1000 };
	slot->tokens += (now - slot->when) * RATE;
	if (slot->tokens > BURST * 1000)
		slot->tokens = BURST * 1000;
	slot->when = now;
	if (slot->tokens < 1000)
		return true;
	slot->tokens -= 1000;
	return false;
}

/* smarthost_key - of the one that the map is named after (Postfix) */
static void
smarthost_key(const struct config *conf, struct bytes map, struct bytes key,
    char *dst, size_t size)
{
	char name[STORE_NAME], nexthop[300];
	struct why why = WHY_NONE;
	int found;

	if (map.len >= sizeof(name) || key.len >= sizeof(nexthop) ||
	    memchr(map.p, '\0', map.len) != NULL ||
	    memchr(key.p, '\0', key.len) != NULL) {
		snprintf(dst, size, "TEMP no such smarthost");
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)map.len, map.p);
	snprintf(nexthop, sizeof(nexthop), "%.*s", (int)key.len, key.p);
	memcpy(dst, "OK ", 3);
	found =
	    credentials_lookup(conf, name, nexthop, dst + 3, size - 3, &why);
	if (found != 1)
		no_value(found, why.text, dst, size);
}

/* answer_auth - a credential, of a smarthost or (Sendmail) of a message */
static void
answer_auth(struct socketmap_server *s, const struct peer *p, struct bytes map,
    struct bytes key, char *dst, size_t size)
{
	const struct config *conf;

	if (too_fast(s, p->pid)) {
		tell(s, p, "asks for credentials too fast: answered TEMP");
		snprintf(dst, size, "TEMP too many requests");
		return;
	}
	conf = snapshot_hold();
	/* A smarthost of that name is still found: its lookup key has brackets. */
	if (is_map(map, "sendmail") && key.len > 0 && key.p[0] != '[')
		sendmail_map_auth(
		    conf, s->store, s->health, key, clock_now(), dst, size);
	else
		smarthost_key(conf, map, key, dst, size);
	snapshot_release(&conf);
}

/* count_lookup - a map's name is told only if we know it */
static void
count_lookup(const struct peer *p, struct bytes map, const char *text)
{
	static const char *const known[] = { "transport", "route", "tls" };
	const char *name = p->door == DOOR_MAP ? "other" : "auth";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (p->door == DOOR_MAP && map.len == strlen(known[i]) &&
		    memcmp(map.p, known[i], map.len) == 0)
			name = known[i];
	tally_add(TALLY_LOOKUPS, name,
	    text[0] == 'O'   ? "ok"
	    : text[0] == 'N' ? "notfound"
			     : "temp",
	    1);
}

/* answer - frames the answer to one request into p->out */
static void
answer(struct socketmap_server *s, struct peer *p, struct bytes request)
{
	char text[OUT_SIZE - 16];
	struct bytes map = { 0 }, key;

	if (!socketmap_split(request, &map, &key))
		snprintf(text, sizeof(text), "TEMP want a map and a lookup key");
	else if (p->door == DOOR_MAP)
		answer_map(s, map, key, text, sizeof(text));
	else
		answer_auth(s, p, map, key, text, sizeof(text));
	count_lookup(p, map, text);
	p->nout = netstring_put(p->out, sizeof(p->out), text, strlen(text));
	p->taken = 0;
	explicit_bzero(text, sizeof(text));
}

/* --- peers --------------------------------------------------------------- */

static void
hang_up(struct socketmap_server *s, size_t i)
{
	struct peer *p = s->peer[i];

	close(p->fd);
	explicit_bzero(p->out, sizeof(p->out));
	free(p);
	s->peer[i] = s->peer[--s->npeer];
}

/* take_request - the next complete request, if no answer waits.  -1: nonsense
 */
static int
take_request(struct socketmap_server *s, struct peer *p)
{
	struct bytes request;
	ssize_t used;

	if (p->nout > 0)
		return 0;
	used = netstring_take(p->in, p->nin, &request);
	if (used <= 0)
		return (int)used;
	answer(s, p, request);
	p->nin -= (size_t)used;
	memmove(p->in, p->in + used, p->nin);
	p->since = clock_steady();
	return 1;
}

/* give - as much of the answer as the peer takes now.  -1: it is gone */
static int
give(struct peer *p)
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

/* converse - answers what is complete, until the peer has to do something */
static int
converse(struct socketmap_server *s, struct peer *p)
{
	int rc;

	do {
		if (give(p) == -1)
			return -1;
		rc = take_request(s, p);
	} while (rc == 1);
	return rc;
}

static int
hear(struct socketmap_server *s, struct peer *p)
{
	ssize_t n;

	if (p->nin == sizeof(p->in))
		return converse(s, p); /* full: the answer must go first */
	n = recv(p->fd, p->in + p->nin, sizeof(p->in) - p->nin, 0);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	if (p->nin == 0)
		p->since = clock_steady();
	p->nin += (size_t)n;
	return converse(s, p);
}

/* overdue - has the peer kept a request or an answer for too long? */
static bool
overdue(const struct peer *p, int64_t now)
{
	return now - p->since > (p->nin > 0 || p->nout > 0 ? PATIENCE : IDLE);
}

/* make_place - hangs up on the peer that has been idle for longest */
static void
make_place(struct socketmap_server *s)
{
	size_t oldest = 0;

	if (s->npeer == 0 || s->npeer < s->most)
		return;
	for (size_t i = 1; i < s->npeer; i++)
		if (s->peer[i]->since < s->peer[oldest]->since)
			oldest = i;
	hang_up(s, oldest);
}

static bool
admitted(struct socketmap_server *s, const struct peer *p)
{
	const struct config *conf;
	pid_t pid;
	uid_t uid;
	bool ok;

	if (p->door != DOOR_AUTH)
		return true;
	if (unix_socket_peer(p->fd, &uid, &pid) == -1)
		return false;
	conf = snapshot_hold();
	ok = credentials_peer_allowed(conf, uid);
	snapshot_release(&conf);
	if (!ok) {
		tally_add(TALLY_AUTH_REFUSED, NULL, NULL, 1);
		tell(s, p, "is not in auth-peers: hung up");
	}
	return ok;
}

static void
welcome(struct socketmap_server *s, enum door door)
{
	int fd =
	    accept4(s->door[door], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct peer *p;
	uid_t uid;

	if (fd == -1) {
		/* Out of descriptors or memory: poll would call at once. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			s->deaf_until = clock_steady() + 100;
		return;
	}
	make_place(s);
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		close(fd);
		return;
	}
	p->fd = fd;
	p->door = door;
	p->since = clock_steady();
	(void)unix_socket_peer(fd, &uid, &p->pid);
	s->peer[s->npeer++] = p;
	if (!admitted(s, p))
		hang_up(s, s->npeer - 1);
}

/* --- the thread ---------------------------------------------------------- */

/* listen_for - what each descriptor may wake us for; returns the wait in ms */
static int
listen_for(struct socketmap_server *s, struct pollfd *fds)
{
	int64_t now = clock_steady(), wait = 10 * SECOND;

	for (int i = 0; i < DOORS; i++)
		fds[i] = (struct pollfd){ .fd = s->door[i],
			.events = now < s->deaf_until ? 0 : POLLIN };
	if (now < s->deaf_until)
		wait = s->deaf_until - now;
	fds[DOORS] = (struct pollfd){ .fd = s->stop, .events = POLLIN };
	for (size_t i = 0; i < s->npeer; i++) {
		const struct peer *p = s->peer[i];

		fds[DOORS + 1 + i] = (struct pollfd){ .fd = p->fd,
			.events = p->nout > 0 ? POLLOUT : POLLIN };
		if ((p->nin > 0 || p->nout > 0) && wait > SECOND)
			wait = SECOND;
	}
	return (int)wait;
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

		if (got & POLLOUT)
			rc = converse(s, p);
		else if (got & (POLLIN | POLLHUP | POLLERR))
			rc = hear(s, p);
		if (rc == -1 || overdue(p, now))
			hang_up(s, i);
	}
}

static void *
serve(void *arg)
{
	struct socketmap_server *s = arg;
	static struct pollfd fds[DOORS + 1 + PEERS];

	for (;;) {
		int wait = listen_for(s, fds);

		if (poll(fds, DOORS + 1 + s->npeer, wait) == -1 &&
		    errno != EINTR)
			log_warn("poll: %s", strerror(errno));
		serve_peers(s, fds);
		if (fds[DOORS].revents != 0)
			break;
		for (int i = 0; i < DOORS; i++)
			if (fds[i].revents & POLLIN)
				welcome(s, (enum door)i);
	}
	while (s->npeer > 0)
		hang_up(s, s->npeer - 1);
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
socketmap_start(
    int map_fd, int auth_fd, struct store *store, struct health *health)
{
	struct socketmap_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->most = most_peers();
	s->door[DOOR_MAP] = map_fd;
	s->door[DOOR_AUTH] = auth_fd;
	s->store = store;
	s->health = health;
	s->stop = eventfd(0, EFD_CLOEXEC);
	if (s->stop == -1 || thread_start(&s->thread, serve, s) != 0) {
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
