/*
 * storebench.c - charges a second and how long one takes, for each store
 * named: storebench STORE...
 */
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

#define CHARGES 20000 /* of all threads */
#define KEYS 1000

static const char text[] =
    "time-zone = \"UTC\"\n"
    "policy \"account\" { per = \"account\" messages = {\"1M/24h\", \"1M/1h\"} "
    "recipients = {\"1M/day\"} }\n"
    "policy \"company\" { per = \"everyone\" recipients = {\"100M/24h\"} }\n"
    "rule \"everybody\" { policies = {} }\n";

struct load {
	struct store *store;
	const struct config *conf;
	size_t n, failed;
	int64_t *took; /* us */
	unsigned seed;
};

static int64_t
microseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
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
	char why[STORE_WHY];
	struct decision d;

	b.line[0].policy = config_policy(l->conf, "account");
	b.line[0].key = key;
	b.line[1].policy = config_policy(l->conf, "company");
	b.line[1].key = "*";
	if (store_charge(l->store, &b, "", &d, why) != STORE_OK && !l->failed++)
		fprintf(stderr, "storebench: %s\n", why);
}

static void *
run(void *arg)
{
	struct load *l = arg;
	char key[32];

	for (size_t i = 0; i < l->n; i++) {
		int64_t start = microseconds();

		snprintf(key, sizeof(key), "k%d", rand_r(&l->seed) % KEYS);
		charge(l, key);
		l->took[i] = microseconds() - start;
	}
	return NULL;
}

static int
by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
measure(struct store *s, const struct config *conf, const char *name,
    size_t threads)
{
	int64_t *took = calloc(CHARGES, sizeof(*took)), start;
	struct load *load = calloc(threads, sizeof(*load));
	pthread_t *thread = calloc(threads, sizeof(*thread));
	size_t each = CHARGES / threads, n = each * threads, failed = 0;

	if (took == NULL || load == NULL || thread == NULL)
		abort();
	start = microseconds();
	for (size_t i = 0; i < threads; i++) {
		load[i] = (struct load){ s, conf, each, 0, took + i * each,
			(unsigned)i };
		if (pthread_create(&thread[i], NULL, run, &load[i]) != 0)
			abort();
	}
	for (size_t i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		failed += load[i].failed;
	}
	start = microseconds() - start;
	qsort(took, n, sizeof(*took), by_size);
	printf("%-40s %3zu threads %8.0f/s  p50 %6.2f ms  p99 %6.2f ms  "
	       "%zu failed\n",
	    name, threads, (double)n * 1e6 / (double)start,
	    (double)took[n / 2] / 1e3, (double)took[n * 99 / 100] / 1e3,
	    failed);
	free(took);
	free(load);
	free(thread);
}

static void
fatal(const char *why)
{
	fprintf(stderr, "storebench: %s\n", why);
	exit(1);
}

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
	return conf;
}

int
main(int argc, char **argv)
{
	static const size_t threads[] = { 1, 8, 50 };
	struct config *conf = load_config();

	if (conf == NULL)
		return 1;
	log_open("storebench", LOG_LEVEL_WARN);
	for (int i = 1; i < argc; i++) {
		char why[STORE_WHY];
		struct store *s;
		int code;

		free(conf->store);
		if ((conf->store = strdup(argv[i])) == NULL)
			abort();
		s = store_open(conf, fatal, why, sizeof(why), &code);
		if (s == NULL)
			fatal(why);
		for (size_t k = 0; k < 3; k++)
			measure(s, conf, argv[i], threads[k]);
		store_close(&s);
	}
	config_free(&conf);
	return 0;
}
