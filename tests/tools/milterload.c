/*
 * milterload.c - many mail servers' worth of messages against one milter, and
 * a ledger of every answer.
 *
 * A limit is only as exact as what clients were told, and only the clients
 * know what they were told when the milter dies in the middle.  So they write
 * it down, one line a message: id, sender, what became of it, how many
 * recipients were accepted, the words of a refusal.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "milterclient.h"

#define STUCK (120 * 1000) /* ms without any answer: give up */
#define RETRY 20           /* ms between two attempts to connect */
#define RECIPIENTS_MAX 10000

struct client {
	struct milterclient *m; /* NULL: not connected */
	size_t left;            /* messages still to send */
	bool idle, under_way;
	char id[32], sender[64];
	struct mc_message msg;
};

static struct {
	const char *socket;
	size_t clients, messages, recipients, senders, abort_every;
	int patience; /* s to wait for a milter that is away */
	FILE *ledger;
} want = {
	.clients = 1,
	.messages = 1,
	.recipients = 1,
	.senders = 1,
};

static struct client *client;
static struct pollfd *pfd;
static const char *recipient[RECIPIENTS_MAX];
static size_t sent, recipients, total[MC_UNANSWERED + 1];
static const char *const name[] = {
	[MC_ACCEPTED] = "accepted",
	[MC_REFUSED] = "refused",
	[MC_DEFERRED] = "deferred",
	[MC_ABORTED] = "aborted",
	[MC_DROPPED] = "dropped",
	[MC_UNANSWERED] = "unanswered",
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
usage(void)
{
	fputs(
	    "usage: milterload -s SOCKET [-c connections] [-m messages each]\n"
	    "           [-r recipients each] [-S senders] [-a N: abort every"
	    " N-th]\n"
	    "           [-w seconds to wait for a milter that is away]"
	    " [-l LEDGER]\n",
	    stderr);
	exit(EX_USAGE);
}

static size_t
number(const char *text, size_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || end == text || n > max)
		usage();
	return n;
}

static void
open_ledger(const char *path)
{
	want.ledger = fopen(path, "a");
	if (want.ledger == NULL) {
		perror(path);
		exit(EX_CANTCREAT);
	}
}

static void
read_options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "s:c:m:r:S:a:w:l:")) != -1) {
		if (opt == 's')
			want.socket = optarg;
		else if (opt == 'c')
			want.clients = number(optarg, 10000);
		else if (opt == 'm')
			want.messages = number(optarg, 10000000);
		else if (opt == 'r')
			want.recipients = number(optarg, RECIPIENTS_MAX);
		else if (opt == 'S')
			want.senders = number(optarg, 10000000);
		else if (opt == 'a')
			want.abort_every = number(optarg, 10000000);
		else if (opt == 'w')
			want.patience = (int)number(optarg, 3600);
		else if (opt == 'l')
			open_ledger(optarg);
		else
			usage();
	}
	if (want.socket == NULL || optind != argc || want.clients == 0 ||
	    want.recipients == 0 || want.senders == 0)
		usage();
}

static void
make_recipients(void)
{
	for (size_t i = 0; i < want.recipients; i++) {
		char *r;

		if (asprintf(&r, "rcpt%zu@example.org", i) == -1)
			exit(EX_OSERR);
		recipient[i] = r;
	}
}

/* --- one client -------------------------------------------------------------
 */

static void
next_message(struct client *c)
{
	snprintf(c->id, sizeof(c->id), "%zX-%zu", (size_t)getpid(), sent);
	snprintf(c->sender, sizeof(c->sender), "sender%zu@office.example",
	    sent % want.senders);
	sent++;
	c->left--;
	c->msg = (struct mc_message){
		.id = c->id,
		.sender = c->sender,
		.recipient = recipient,
		.nrecipient = want.recipients,
		.body = "A message.\r\n",
		.abort = want.abort_every != 0 && sent % want.abort_every == 0,
	};
	c->under_way = true;
	c->idle = false;
	mc_send(c->m, &c->msg);
}

/* book - the message has ended; the ledger is flushed, for we may be killed */
static void
book(struct client *c)
{
	const struct mc_result *r = mc_result(c->m);

	if (!c->under_way)
		return;
	c->under_way = false;
	total[r->verdict]++;
	if (r->verdict == MC_ACCEPTED)
		recipients += r->recipients;
	if (want.ledger == NULL)
		return;
	fprintf(want.ledger, "%s %s %s %zu %s\n", c->id, c->sender,
	    name[r->verdict], r->recipients, r->reply);
	fflush(want.ledger);
}

static void
hang_up(struct client *c)
{
	mc_close(&c->m);
	c->idle = false;
}

/* step - what one client does now that it may have been answered */
static void
step(struct client *c)
{
	switch (mc_step(c->m)) {
	case MC_BUSY:
		break;
	case MC_IDLE:
		book(c);
		c->idle = true;
		break;
	case MC_GONE:
		book(c);
		hang_up(c);
		break;
	}
}

/* --- all of them ------------------------------------------------------------
 */

/* connect_all - those that have something left to say; how many could not */
static size_t
connect_all(void)
{
	size_t away = 0;

	for (size_t i = 0; i < want.clients; i++) {
		if (client[i].m != NULL || client[i].left == 0)
			continue;
		client[i].m = mc_open(want.socket);
		if (client[i].m == NULL)
			away++;
	}
	return away;
}

/* start_together - nobody speaks before everybody was heard */
static bool
start_together(void)
{
	static bool started;

	for (size_t i = 0; i < want.clients && !started; i++)
		if (!client[i].idle)
			return false;
	started = true;
	return true;
}

/* speak - who is idle sends the next message, or goes; how many are left */
static size_t
speak(void)
{
	bool go = start_together();
	size_t busy = 0;

	for (size_t i = 0; i < want.clients; i++) {
		struct client *c = &client[i];

		/* An answer may be there before the next poll: ask at once. */
		while (go && c->idle && c->left > 0) {
			next_message(c);
			step(c);
		}
		if (c->idle && c->left == 0)
			hang_up(c);
		busy += c->m != NULL || c->left > 0;
	}
	return busy;
}

/* listen - waits for answers; false if none came for too long */
static bool
listen(int timeout)
{
	int n;

	for (size_t i = 0; i < want.clients; i++)
		pfd[i] = (struct pollfd){
			.fd = client[i].m != NULL ? mc_fd(client[i].m) : -1,
			.events = POLLIN,
		};
	n = poll(pfd, want.clients, timeout);
	for (size_t i = 0; i < want.clients; i++)
		if (pfd[i].fd != -1 && pfd[i].revents != 0)
			step(&client[i]);
	return n != 0;
}

static int
run(void)
{
	double heard = now(), there = now();

	while (speak() > 0) {
		size_t away = connect_all();

		if (away == 0)
			there = now();
		if (away > 0 && now() - there > want.patience) {
			fprintf(stderr, "milterload: %s: %s\n", want.socket,
			    strerror(errno));
			return EX_UNAVAILABLE;
		}
		if (listen(away > 0 ? RETRY : STUCK))
			heard = now();
		if (now() - heard > STUCK / 1000.0) {
			fputs("milterload: no answer any more\n", stderr);
			return EX_TEMPFAIL;
		}
	}
	return EX_OK;
}

static void
print_totals(double seconds)
{
	printf("messages=%zu", sent);
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		printf(" %s=%zu", name[i], total[i]);
	printf(" recipients=%zu seconds=%.3f\n", recipients, seconds);
}

int
main(int argc, char **argv)
{
	double start = now();
	int rc;

	read_options(argc, argv);
	make_recipients();
	client = calloc(want.clients, sizeof(*client));
	pfd = calloc(want.clients, sizeof(*pfd));
	if (client == NULL || pfd == NULL)
		return EX_OSERR;
	for (size_t i = 0; i < want.clients; i++)
		client[i].left = want.messages;
	rc = run();
	print_totals(now() - start);
	if (want.ledger != NULL)
		fclose(want.ledger);
	return rc;
}
