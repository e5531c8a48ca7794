/*
 * tally.c - how often each thing happened since the start.
 *
 * An open-addressed table of series that only grows: a series has its place
 * for as long as the process lives, so a reader that walks it while it is
 * written sees each one once.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "tally.h"

#define SLOTS ((size_t)2 * TALLY_SERIES)

struct series {
	enum tally kind;
	char a[TALLY_LABEL], b[TALLY_LABEL];
	uint64_t n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct series series[TALLY_SERIES]; /* guarded by lock */
static size_t nseries;                     /* guarded by lock */
static uint16_t slot[SLOTS]; /* guarded by lock: index + 1; 0: free */

static struct tally_times times[TALLY_STAGES]; /* guarded by lock */

const double tally_bound[TALLY_BOUNDS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01,
	0.05, 0.25, 1, 2 };

static bool
tally_is(const struct series *s, const struct series *wanted)
{
	return s->kind == wanted->kind && strcmp(s->a, wanted->a) == 0 &&
	       strcmp(s->b, wanted->b) == 0;
}

/* tally_find - its series, made if there is room; NULL if there is none */
static struct series *
tally_find(const struct series *wanted)
{
	uint64_t h = digest64(wanted->a, strlen(wanted->a)) * 31 +
		     digest64(wanted->b, strlen(wanted->b)) +
		     (uint64_t)wanted->kind;
	size_t i = h % SLOTS;

	while (slot[i] != 0 && !tally_is(&series[slot[i] - 1], wanted))
		i = (i + 1) % SLOTS;
	if (slot[i] != 0)
		return &series[slot[i] - 1];
	/* The last places are for "other", one for each kind. */
	if (nseries >= TALLY_SERIES - TALLY_KINDS &&
	    (nseries == TALLY_SERIES || strcmp(wanted->a, "other") != 0))
		return NULL;
	series[nseries] = *wanted;
	slot[i] = (uint16_t)++nseries;
	return &series[nseries - 1];
}

void
tally_add(enum tally kind, const char *a, const char *b, uint64_t n)
{
	struct series wanted = { .kind = kind }, *s;

	snprintf(wanted.a, sizeof(wanted.a), "%s", a != NULL ? a : "");
	snprintf(wanted.b, sizeof(wanted.b), "%s", b != NULL ? b : "");
	pthread_mutex_lock(&lock);
	s = tally_find(&wanted);
	if (s == NULL) {
		wanted = (struct series){ .kind = kind, .a = "other" };
		s = tally_find(&wanted);
	}
	if (s != NULL)
		s->n += n;
	pthread_mutex_unlock(&lock);
}

void
tally_walk(tally_each_fn *each, void *arg)
{
	for (size_t i = 0;; i++) {
		struct series s;
		bool there;

		pthread_mutex_lock(&lock);
		there = i < nseries;
		if (there)
			s = series[i];
		pthread_mutex_unlock(&lock);
		if (!there)
			return;
		each(arg, s.kind, s.a, s.b, s.n);
	}
}

uint64_t
tally_sum(enum tally kind, const char *a)
{
	uint64_t sum = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < nseries; i++)
		if (series[i].kind == kind &&
		    (a == NULL || strcmp(series[i].a, a) == 0))
			sum += series[i].n;
	pthread_mutex_unlock(&lock);
	return sum;
}

int64_t
tally_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
tally_took(enum tally_stage stage, int64_t since)
{
	const int64_t took = tally_clock() - since;
	const double seconds = (double)took / 1e6;
	size_t i = 0;

	while (i < TALLY_BOUNDS && seconds > tally_bound[i])
		i++;
	pthread_mutex_lock(&lock);
	times[stage].count[i]++;
	times[stage].sum += seconds;
	pthread_mutex_unlock(&lock);
	return took;
}

void
tally_times(enum tally_stage stage, struct tally_times *t_r)
{
	pthread_mutex_lock(&lock);
	*t_r = times[stage];
	pthread_mutex_unlock(&lock);
}
