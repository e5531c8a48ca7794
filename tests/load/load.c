/*
 * load.c - connections, and messages that differ in nothing but their names.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

/* A prime: all senders have their turn, and neighbours are far apart. */
#define SHUFFLE ((size_t)2654435761)

static int ears = -1; /* epoll: hundreds of connections, few of them ready */

double
load_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

size_t
load_number(const char *text, size_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || end == text || n > max)
		errx(EX_USAGE, "%s: not a number up to %zu", text, max);
	return n;
}

bool
load_connect(struct load_client *c, const char *socket)
{
	struct epoll_event e = { .events = EPOLLIN, .data = { .ptr = c } };

	/* Moments are kept to a microsecond, not to the usual fifty. */
	if (ears == -1 && (prctl(PR_SET_TIMERSLACK, 1UL) == -1 ||
			      (ears = epoll_create1(EPOLL_CLOEXEC)) == -1))
		err(EX_OSERR, "epoll");
	c->m = mc_open(socket);
	if (c->m == NULL)
		return false;
	if (epoll_ctl(ears, EPOLL_CTL_ADD, mc_fd(c->m), &e) == -1)
		err(EX_OSERR, "epoll");
	return true;
}

void
load_hang_up(struct load_client *c)
{
	mc_close(&c->m);
	c->idle = false;
}

/* recipient_list - the first n of them, the same for every message */
static const char *const *
recipient_list(size_t n)
{
	static const char *list[LOAD_RECIPIENTS];
	static size_t made;

	for (; made < n; made++) {
		char *r;

		if (asprintf(&r, "rcpt%zu@example.org", made) == -1)
			err(EX_OSERR, "recipients");
		list[made] = r;
	}
	return list;
}

void
load_send(struct load_client *c, const struct load_mail *mail, size_t serial,
    bool abort)
{
	size_t sender =
	    serial % 100 < mail->hot ? 0 : serial * SHUFFLE % mail->senders;

	/* The process is part of it: a ledger may have several writers. */
	snprintf(c->id, sizeof(c->id), "%zX-%zu", (size_t)getpid(), serial);
	snprintf(
	    c->sender, sizeof(c->sender), "sender%zu@office.example", sender);
	c->msg = (struct mc_message){
		.id = c->id,
		.sender = c->sender,
		.login = mail->login ? c->sender : NULL,
		.recipient = recipient_list(mail->recipients),
		.nrecipient = mail->recipients,
		.body = "A message.\r\n",
		.abort = abort,
	};
	c->idle = false;
	mc_send(c->m, &c->msg);
}

bool
load_hear(double seconds, load_heard_fn *heard, void *arg)
{
	struct epoll_event event[64];
	struct timespec ts = { 0 };
	int n;

	if (seconds > 0) {
		ts.tv_sec = (time_t)seconds;
		ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	}
	n = epoll_pwait2(ears, event, 64, &ts, NULL);
	if (n == -1 && errno != EINTR)
		err(EX_OSERR, "epoll");
	for (int i = 0; i < n; i++)
		heard(arg, event[i].data.ptr);
	return n > 0;
}
