/*
 * milterload.c - many mail servers' worth of messages against one milter, and
 * a ledger of every answer.
 *
 * A limit is only as exact as what clients were told, and only the clients
 * know what they were told when the milter dies in the middle.  So they write
 * it down, one line a message: id, sender, what became of it, how many
 * recipients were accepted, the words of a refusal.
 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "load.h"

#define STUCK 120.0 /* s without any answer: give up */
#define RETRY 0.02  /* s between two attempts to connect */

struct client {
	struct load_client c;
	size_t left; /* messages still to send */
	bool under_way;
};

static struct {
	const char *socket;
	size_t clients, messages, abort_every;
	size_t patience; /* s to wait for a milter that is away */
	struct load_mail mail;
	FILE *ledger;
} want = {
	.clients = 1,
	.messages = 1,
	.mail = { .recipients = 1, .senders = 1 },
};

static struct client *client;
static size_t sent, recipients, total[MC_UNANSWERED + 1];
static const char *const name[] = {
	[MC_ACCEPTED] = "accepted",
	[MC_REFUSED] = "refused",
	[MC_DEFERRED] = "deferred",
	[MC_ABORTED] = "aborted",
	[MC_DROPPED] = "dropped",
	[MC_UNANSWERED] = "unanswered",
};

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

static void
open_ledger(const char *path)
{
	want.ledger = fopen(path, "a");
	if (want.ledger == NULL)
		err(EX_CANTCREAT, "%s", path);
}

static void
read_options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "s:c:m:r:S:a:w:l:")) != -1) {
		if (opt == 's')
			want.socket = optarg;
		else if (opt == 'c')
			want.clients = load_number(optarg, 10000);
		else if (opt == 'm')
			want.messages = load_number(optarg, 10000000);
		else if (opt == 'r')
			want.mail.recipients =
			    load_number(optarg, LOAD_RECIPIENTS);
		else if (opt == 'S')
			want.mail.senders = load_number(optarg, 10000000);
		else if (opt == 'a')
			want.abort_every = load_number(optarg, 10000000);
		else if (opt == 'w')
			want.patience = load_number(optarg, 3600);
		else if (opt == 'l')
			open_ledger(optarg);
		else
			usage();
	}
	if (want.socket == NULL || optind != argc || want.clients == 0 ||
	    want.mail.recipients == 0 || want.mail.senders == 0)
		usage();
}

/* --- one client -------------------------------------------------------------
 */

static void
next_message(struct client *c)
{
	size_t nth = sent + 1;

	c->under_way = true;
	c->left--;
	load_send(&c->c, &want.mail, sent,
	    want.abort_every != 0 && nth % want.abort_every == 0);
	sent = nth;
}

/* book - the message has ended; the ledger is flushed, for we may be killed */
static void
book(struct client *c)
{
	const struct mc_result *r = mc_result(c->c.m);

	if (!c->under_way)
		return;
	c->under_way = false;
	total[r->verdict]++;
	if (r->verdict == MC_ACCEPTED)
		recipients += r->recipients;
	if (want.ledger == NULL)
		return;
	fprintf(want.ledger, "%s %s %s %zu %s\n", c->c.id, c->c.sender,
	    name[r->verdict], r->recipients, r->reply);
	fflush(want.ledger);
}

/* step - what one client does now that it may have been answered */
static void
step(struct client *c)
{
	switch (mc_step(c->c.m)) {
	case MC_BUSY:
		break;
	case MC_IDLE:
		book(c);
		c->c.idle = true;
		break;
	case MC_GONE:
		book(c);
		load_hang_up(&c->c);
		break;
	}
}

static void
heard(void *arg, struct load_client *c)
{
	(void)arg;
	step((struct client *)c);
}

/* --- all of them ------------------------------------------------------------
 */

/* connect_all - those that have something left to say; how many could not */
static size_t
connect_all(void)
{
	size_t away = 0;

	for (size_t i = 0; i < want.clients; i++) {
		if (client[i].c.m == NULL && client[i].left > 0 &&
		    !load_connect(&client[i].c, want.socket))
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
		if (!client[i].c.idle)
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
		while (go && c->c.idle && c->left > 0) {
			next_message(c);
			step(c);
		}
		if (c->c.idle && c->left == 0)
			load_hang_up(&c->c);
		busy += c->c.m != NULL || c->left > 0;
	}
	return busy;
}

static int
run(void)
{
	double answered = load_now(), there = answered;

	while (speak() > 0) {
		size_t away = connect_all();

		if (away == 0)
			there = load_now();
		if (away > 0 && load_now() - there > (double)want.patience) {
			warn("%s", want.socket);
			return EX_UNAVAILABLE;
		}
		if (load_hear(away > 0 ? RETRY : STUCK, heard, NULL))
			answered = load_now();
		if (load_now() - answered > STUCK) {
			warnx("no answer any more");
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
	double start = load_now();
	int rc;

	read_options(argc, argv);
	client = calloc(want.clients, sizeof(*client));
	if (client == NULL)
		return EX_OSERR;
	for (size_t i = 0; i < want.clients; i++)
		client[i].left = want.messages;
	rc = run();
	print_totals(load_now() - start);
	if (want.ledger != NULL)
		fclose(want.ledger);
	return rc;
}
