/*
 * storebench.c - charges a second and how long one takes, without a mail server
 * in front: storebench [-t seconds] [-n rounds] [-k threads] [-u recipients]
 * NAME=STORE...
 *
 * All stores are open at once and take turns, each round in the other
 * direction; one turn is one line of JSON.  NAME=ping:SOCKET is a bare PING to
 * a Redis there, one connection a thread.  With -u, each charge also writes to
 * one of so many different recipients.  At the end each store says what it
 * counted, and how many charges were answered yes: of all processes together
 * the two are equal.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "log.h"
#include "store.h"

#define KEYS 1000
#define STORES 8
#define MOST 2000000 /* charges of a turn, all threads together */

static const size_t steps[] = { 1, 8, 64, 200 };
static size_t only;       /* threads, if not all of these steps */
static size_t recipients; /* of -u */
static double turn = 1;   /* s */
static size_t rounds = 5;

static const char text[] =
    "time-zone = \"UTC\"\n"
    "policy \"account\" { per = \"account\" messages = {\"1M/24h\", \"1M/1h\"} "
    "recipients = {\"1M/day\"} }\n"
    "policy \"company\" { per = \"everyone\" recipients = {\"100M/24h\"} }\n"
    "policy \"unique\" { per = \"everyone\" "
    "unique-recipients = {\"1M/24h\"} }\n"
    "rule \"everybody\" { policies = {} }\n";

struct load {
	struct store *store;
	const char *ping; /* a socket instead */
	const struct config *conf;
	int64_t end;
	int64_t *took; /* ns, of each; room for most */
	size_t n, most, failed, charged;
	unsigned seed;
};

static int64_t
nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
charge(struct load *l, const char *key)
{
	const struct bill_line line = {
		.cost = { [DIM_MESSAGES] = 1, [DIM_RECIPIENTS] = 2 }, .nrcpt = 2
	};
	struct bill b = { .now = clock_now(),
		.zone = l->conf->zone,
		.nline = 2,
		.ncommon = 2,
		.line = { line, line } };
	uint64_t rcpt;
	struct why why;
	struct decision d;

	b.line[0].policy = config_policy(l->conf, "account");
	b.line[0].key = key;
	b.line[1].policy = config_policy(l->conf, "company");
	b.line[1].key = "*";
	if (recipients > 0) {
		rcpt = (uint64_t)(rand_r(&l->seed) % (int)recipients) *
		       UINT64_C(0x9e3779b97f4a7c15);
		b.line[2] = (struct bill_line){ .policy = config_policy(
						    l->conf, "unique"),
			.key = "*",
			.rcpt = &rcpt,
			.nrcpt = 1 };
		b.nline = b.ncommon = 3;
	}
	if (store_charge(l->store, &b, "", &d, &why) == STORE_OK)
		l->charged += d.fits;
	else if (!l->failed++)
		fprintf(stderr, "storebench: %s\n", why.text);
}

static void *
run(void *arg)
{
	struct load *l = arg;
	redisContext *c = l->ping == NULL ? NULL : redisConnectUnix(l->ping);
	char key[32];

	while (l->n < l->most) {
		int64_t start = nanoseconds();

		if (start >= l->end)
			break;
		snprintf(key, sizeof(key), "k%d", rand_r(&l->seed) % KEYS);
		if (c != NULL)
			freeReplyObject(redisCommand(c, "PING"));
		else
			charge(l, key);
		l->took[l->n++] = nanoseconds() - start;
	}
	if (c != NULL)
		redisFree(c);
	return NULL;
}

static int
by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct target {
	const char *name, *ping;
	struct store *store;
	size_t charged;
};

/* One turn of one store; p50 and p99 in us, longest in ms. */
static void
measure(
    struct target *t, const struct config *conf, size_t round, size_t nthread)
{
	int64_t *took = calloc(MOST, sizeof(*took)), start;
	struct load *load = calloc(nthread, sizeof(*load));
	pthread_t *thread = calloc(nthread, sizeof(*thread));
	size_t n = 0, failed = 0;

	if (took == NULL || load == NULL || thread == NULL)
		abort();
	start = nanoseconds();
	for (size_t i = 0; i < nthread; i++) {
		load[i] = (struct load){ .store = t->store,
			.ping = t->ping,
			.conf = conf,
			.end = start + (int64_t)(turn * 1e9),
			.most = MOST / nthread,
			.took = took + i * (MOST / nthread),
			.seed = (unsigned)i };
		if (pthread_create(&thread[i], NULL, run, &load[i]) != 0)
			abort();
	}
	for (size_t i = 0; i < nthread; i++) {
		pthread_join(thread[i], NULL);
		memmove(took + n, load[i].took, load[i].n * sizeof(*took));
		n += load[i].n;
		failed += load[i].failed;
		t->charged += load[i].charged;
	}
	start = nanoseconds() - start;
	qsort(took, n, sizeof(*took), by_size);
	printf("{\"round\":%zu,\"target\":\"%s\",\"threads\":%zu,"
	       "\"per_second\":%.0f,\"p50\":%.1f,\"p99\":%.1f,"
	       "\"longest\":%.2f,\"failed\":%zu}\n",
	    round, t->name, nthread, (double)n * 1e9 / (double)start,
	    (double)took[n / 2] / 1e3, (double)took[n * 99 / 100] / 1e3,
	    (double)took[n - 1] / 1e6, failed);
	fflush(stdout);
	free(took);
	free(load);
	free(thread);
}

static void
take_turns(struct target *t, size_t n, const struct config *conf)
{
	const size_t *step = only > 0 ? &only : steps;
	size_t nstep = only > 0 ? 1 : sizeof(steps) / sizeof(steps[0]);

	for (size_t k = 0; k < nstep; k++)
		for (size_t round = 0; round < rounds; round++)
			for (size_t i = 0; i < n; i++)
				measure(&t[round % 2 == 0 ? i : n - 1 - i],
				    conf, round, step[k]);
}

static void
fatal(const char *why)
{
	fprintf(stderr, "storebench: %s\n", why);
	exit(1);
}

static const struct store_env env = { .fatal = fatal };

static struct config *
load_config(void)
{
	char path[] = "/tmp/storebench-XXXXXX";
	struct config *conf;
	int fd = mkstemp(path);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		abort();
	close(fd);
	conf = config_load(path, stderr);
	unlink(path);
	if (conf == NULL)
		exit(1);
	return conf;
}

/* "NAME=STORE" */
static struct target
open_target(char *arg, struct config *conf)
{
	struct why why;
	char *equals = strchr(arg, '=');
	struct target t = { .name = arg };
	enum store_fault fault;

	if (equals == NULL)
		fatal("want NAME=STORE");
	*equals = '\0';
	if (strncmp(equals + 1, "ping:", 5) == 0) {
		t.ping = equals + 6;
		return t;
	}
	free(conf->store);
	if ((conf->store = strdup(equals + 1)) == NULL)
		abort();
	t.store = store_open(conf, &env, &why, &fault);
	if (t.store == NULL)
		fatal(why.text);
	return t;
}

/* Two recipients a charge. */
static void
tell_counted(const struct target *t, const struct config *conf)
{
	const struct policy *p = config_policy(conf, "company");
	uint64_t used = 0, max;
	struct counter *c;
	struct why why;

	if (t->store == NULL)
		return;
	if (store_read(t->store, p, "*", clock_now(), &c, &why) == STORE_OK)
		quota_usage(p, c, 0, clock_now(), &used, &max);
	counter_free(&c);
	printf("{\"target\":\"%s\",\"charged\":%zu,\"counted\":%" PRIu64 "}\n",
	    t->name, t->charged, used / 2);
}

int
main(int argc, char **argv)
{
	struct config *conf = load_config();
	struct target target[STORES];
	size_t n = 0;
	int opt;

	log_open("storebench", LOG_LEVEL_WARN);
	while ((opt = getopt(argc, argv, "t:n:k:u:")) != -1) {
		if (opt == 't')
			turn = atof(optarg);
		else if (opt == 'n')
			rounds = (size_t)atoi(optarg);
		else if (opt == 'k')
			only = (size_t)atoi(optarg);
		else if (opt == 'u')
			recipients = (size_t)atoi(optarg);
		else
			return 64;
	}
	for (; optind < argc && n < STORES; optind++)
		target[n++] = open_target(argv[optind], conf);
	take_turns(target, n, conf);
	for (size_t i = 0; i < n; i++)
		tell_counted(&target[i], conf);
	while (n > 0)
		store_close(&target[--n].store);
	config_free(&conf);
	return 0;
}
