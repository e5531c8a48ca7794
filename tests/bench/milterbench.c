/*
 * milterbench.c - how fast milters answer, side by side in one run.
 *
 * A machine is never twice the same, so a speed alone says little.  Here the
 * milters take turns, a few seconds each, round after round, and what is
 * worth keeping is the ratio within a round.
 *
 * Closed loop: each connection sends the next message when the last has been
 * answered.  Open loop (-R): messages are due at fixed times whether or not
 * the milter keeps up, and a latency counts from the time a message was
 * due.  Otherwise a milter that stalls would slow its own examiner down, and
 * the messages that would have waited would never have been asked
 * (coordinated omission).
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "load/load.h"

#define PATIENCE 30.0 /* s for what is under way when a turn is over */
#define TARGETS_MAX 8

struct target {
	const char *name, *socket;
	pid_t pid;      /* 0: its CPU time is not asked for */
	size_t senders; /* 0: as many as of the others */
};

struct client {
	struct load_client c;
	double due, began; /* of the message under way */
	size_t answered;
};

/* Latencies of one turn, ms. */
struct sample {
	size_t n, capacity;
	double *v;
};

/* What one turn of one target gave. */
struct turn {
	double began, ends, seconds, longest, cpu;
	size_t sent, accepted, other, unanswered;
	struct sample eom, message;
};

static struct {
	size_t clients, rounds;
	double seconds, rate;
	bool hold;
	struct load_mail mail;
	size_t ntarget;
	struct target target[TARGETS_MAX];
} want = {
	.clients = 1,
	.rounds = 1,
	.seconds = 1,
	.mail = { .recipients = 1, .senders = 200 },
};

static struct client *client;
static size_t serial;

/* --- options ----------------------------------------------------------------
 */

static void
usage(void)
{
	fputs("usage: milterbench [-c connections] [-r recipients each] "
	      "[-S senders]\n"
	      "           [-P percent of all mail from one hot sender] "
	      "[-L: senders log in]\n"
	      "           [-t seconds a turn] [-n rounds] "
	      "[-R messages a second: open loop]\n"
	      "           NAME=SOCKET[,PID[,SENDERS]] ...\n"
	      "       milterbench -H [-c connections] NAME=SOCKET\n"
	      "           each connection sends one message, then all wait "
	      "until stdin ends\n",
	    stderr);
	exit(EX_USAGE);
}

static double
positive(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (*end != '\0' || end == text || !(n > 0))
		usage();
	return n;
}

static void
add_target(char *text)
{
	struct target *t = &want.target[want.ntarget];
	char *socket = strchr(text, '='), *pid, *senders;

	if (socket == NULL || want.ntarget == TARGETS_MAX)
		usage();
	*socket++ = '\0';
	pid = strchr(socket, ',');
	if (pid != NULL) {
		*pid++ = '\0';
		if ((senders = strchr(pid, ',')) != NULL) {
			*senders++ = '\0';
			t->senders = load_number(senders, 100000000);
		}
		t->pid = (pid_t)load_number(pid, INT32_MAX);
	}
	t->name = text;
	t->socket = socket;
	want.ntarget++;
}

static void
read_options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "c:r:S:P:Lt:n:R:H")) != -1) {
		if (opt == 'c')
			want.clients = load_number(optarg, 100000);
		else if (opt == 'r')
			want.mail.recipients =
			    load_number(optarg, LOAD_RECIPIENTS);
		else if (opt == 'S')
			want.mail.senders = load_number(optarg, 100000000);
		else if (opt == 'P')
			want.mail.hot = load_number(optarg, 100);
		else if (opt == 'L')
			want.mail.login = true;
		else if (opt == 't')
			want.seconds = positive(optarg);
		else if (opt == 'n')
			want.rounds = load_number(optarg, 1000);
		else if (opt == 'R')
			want.rate = positive(optarg);
		else if (opt == 'H')
			want.hold = true;
		else
			usage();
	}
	for (; optind < argc; optind++)
		add_target(argv[optind]);
	if (want.ntarget == 0 || want.clients == 0 ||
	    want.mail.recipients == 0 || want.mail.senders == 0 ||
	    (want.hold && want.ntarget > 1))
		usage();
}

/* --- samples ----------------------------------------------------------------
 */

static void
sample_add(struct sample *s, double v)
{
	if (s->n == s->capacity) {
		s->capacity = s->capacity == 0 ? 4096 : 2 * s->capacity;
		s->v = reallocarray(s->v, s->capacity, sizeof(s->v[0]));
		if (s->v == NULL)
			err(EX_OSERR, "latencies");
	}
	s->v[s->n++] = v;
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* print_sample - it is sorted by that */
static void
print_sample(const char *name, struct sample *s)
{
	static const struct {
		const char *name;
		double part;
	} mark[] = { { "p50", 0.5 }, { "p99", 0.99 }, { "p999", 0.999 },
		{ "max", 1 } };

	printf(", \"%s\": {", name);
	if (s->n > 0)
		qsort(s->v, s->n, sizeof(s->v[0]), by_value);
	for (size_t i = 0; i < sizeof(mark) / sizeof(mark[0]); i++) {
		size_t at = (size_t)(mark[i].part * (double)s->n);

		printf("%s\"%s\": %.3f", i > 0 ? ", " : "", mark[i].name,
		    s->n == 0 ? 0 : s->v[at < s->n ? at : s->n - 1]);
	}
	printf("}");
}

/* --- one client -------------------------------------------------------------
 */

static void
begin_message(struct client *c, struct turn *t, double due)
{
	t->sent++;
	c->due = due;
	c->began = load_now();
	load_send(&c->c, &want.mail, serial++, false);
}

static void
end_message(struct client *c, struct turn *t)
{
	const struct mc_result *r = mc_result(c->c.m);
	double at = load_now(), whole = at - c->due;

	c->answered++;
	if (r->verdict == MC_ACCEPTED)
		t->accepted++;
	else
		t->other++;
	if (whole > t->longest)
		t->longest = whole;
	sample_add(&t->message, whole * 1e3);
	/* What a late start cost is part of the wait for the last answer. */
	if (r->end_sent > 0)
		sample_add(
		    &t->eom, (at - r->end_sent + c->began - c->due) * 1e3);
}

static void
heard(void *turn, struct load_client *lc)
{
	struct client *c = (struct client *)lc;

	switch (mc_step(c->c.m)) {
	case MC_BUSY:
		break;
	case MC_IDLE:
		if (c->began > 0)
			end_message(c, turn);
		c->began = 0;
		c->c.idle = true;
		break;
	case MC_GONE:
		errx(EX_UNAVAILABLE, "a connection was lost");
	}
}

/* --- a turn -----------------------------------------------------------------
 */

/* hear - waits until something was answered or wake is there */
static void
hear(struct turn *t, double wake)
{
	load_hear(wake - load_now(), heard, t);
}

static size_t
count_idle(void)
{
	size_t n = 0;

	for (size_t i = 0; i < want.clients; i++)
		n += client[i].c.idle;
	return n;
}

static void
connect_all(const struct target *to, struct turn *t)
{
	double lid = load_now() + PATIENCE;

	for (size_t i = 0; i < want.clients; i++) {
		client[i] = (struct client){ 0 };
		if (!load_connect(&client[i].c, to->socket))
			err(EX_UNAVAILABLE, "%s", to->socket);
	}
	while (count_idle() < want.clients) {
		if (load_now() > lid)
			errx(EX_UNAVAILABLE, "%s: silent", to->socket);
		hear(t, lid);
	}
}

static void
hang_up_all(struct turn *t)
{
	for (size_t i = 0; i < want.clients; i++) {
		double waited =
		    client[i].c.idle ? 0 : load_now() - client[i].due;

		t->unanswered += !client[i].c.idle;
		if (waited > t->longest)
			t->longest = waited;
		load_hang_up(&client[i].c);
	}
}

/* speak - who is idle sends what is due; when the next will be */
static double
speak(struct turn *t)
{
	static size_t next;
	double due = load_now();

	for (size_t i = 0; i < want.clients; i++, next++) {
		struct client *c = &client[next % want.clients];

		if (!c->c.idle)
			continue;
		if (want.rate > 0) {
			due = t->began + (double)t->sent / want.rate;
			if (due > load_now() || due >= t->ends)
				return due;
		} else {
			due = load_now();
		}
		begin_message(c, t, due);
	}
	return t->ends;
}

/* drain - what is under way may end; what does not, is told as unanswered */
static void
drain(struct turn *t)
{
	double lid = load_now() + PATIENCE;

	while (count_idle() < want.clients && load_now() < lid)
		hear(t, lid);
}

static double
cpu_of(const struct target *to)
{
	struct timespec ts;
	clockid_t id;

	if (to->pid == 0 || clock_getcpuclockid(to->pid, &id) != 0 ||
	    clock_gettime(id, &ts) == -1)
		return 0;
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
take_turn(const struct target *to, struct turn *t)
{
	const size_t senders = want.mail.senders;
	double cpu;

	if (to->senders > 0)
		want.mail.senders = to->senders;
	connect_all(to, t);
	cpu = cpu_of(to);
	t->began = load_now();
	t->ends = t->began + want.seconds;
	while (load_now() < t->ends) {
		double wake = speak(t);

		hear(t, wake < t->ends ? wake : t->ends);
	}
	t->seconds = load_now() - t->began;
	t->cpu = cpu_of(to) - cpu;
	/* Due, and nobody was free to send it: that is a wait, too. */
	while (
	    want.rate > 0 && t->began + (double)t->sent / want.rate < t->ends) {
		speak(t);
		hear(t, load_now() + 0.001);
		if (load_now() > t->ends + PATIENCE)
			break;
	}
	drain(t);
	hang_up_all(t);
	want.mail.senders = senders;
}

static void
print_turn(const struct target *to, size_t round, struct turn *t)
{
	size_t least = SIZE_MAX, most = 0, done = t->accepted + t->other;

	for (size_t i = 0; i < want.clients; i++) {
		size_t n = client[i].answered;

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	printf("{\"round\": %zu, \"target\": \"%s\", \"connections\": %zu, "
	       "\"recipients\": %zu, \"senders\": %zu, \"hot\": %zu, "
	       "\"wanted\": %.0f, \"seconds\": %.3f, \"accepted\": %zu, "
	       "\"other\": %zu, \"unanswered\": %zu, \"per_second\": %.1f, "
	       "\"cpu_us\": %.2f, \"longest_ms\": %.3f, \"least\": %zu, "
	       "\"most\": %zu",
	    round, to->name, want.clients, want.mail.recipients,
	    to->senders > 0 ? to->senders : want.mail.senders, want.mail.hot,
	    want.rate, t->seconds, t->accepted, t->other, t->unanswered,
	    (double)done / t->seconds,
	    done == 0 ? 0 : t->cpu * 1e6 / (double)done, t->longest * 1e3,
	    least, most);
	print_sample("eom_ms", &t->eom);
	print_sample("message_ms", &t->message);
	printf("}\n");
	fflush(stdout);
	free(t->eom.v);
	free(t->message.v);
}

/* run - each round in the other direction, so that drift favours nobody */
static void
run(void)
{
	for (size_t round = 0; round < want.rounds; round++) {
		for (size_t i = 0; i < want.ntarget; i++) {
			const struct target *to =
			    &want.target[round % 2 == 0 ? i
							: want.ntarget - 1 - i];
			struct turn t = { 0 };

			take_turn(to, &t);
			print_turn(to, round, &t);
		}
	}
}

/* hold - for somebody who weighs the milter meanwhile */
static void
hold(void)
{
	struct turn t = { 0 };

	connect_all(&want.target[0], &t);
	t.began = load_now();
	t.ends = t.began + PATIENCE;
	speak(&t);
	drain(&t);
	puts("holding");
	fflush(stdout);
	while (getchar() != EOF)
		;
	hang_up_all(&t);
}

int
main(int argc, char **argv)
{
	read_options(argc, argv);
	client = calloc(want.clients, sizeof(*client));
	if (client == NULL)
		err(EX_OSERR, "connections");
	if (want.hold)
		hold();
	else
		run();
	return 0;
}
