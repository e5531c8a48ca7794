/*
 * prober.c - looks at each smarthost now and then.
 *
 * A thread of its own, because looking means waiting for strangers, and one
 * smarthost after the other, because nobody is in a hurry.
 */
#include <pthread.h>

#include "clock.h"
#include "config.h"
#include "log.h"
#include "prober.h"
#include "smtp_hello.h"
#include "snapshot.h"
#include "tally.h"
#include "thread.h"

#define PATIENCE (10 * SECOND)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool woken;

/* due - when the smarthost is to be looked at next */
static int64_t
due(struct health *h, const struct config *conf, const char *name, int64_t now)
{
	struct health_report r;

	if (!health_ask(h, name, now, &r))
		return now;
	if (r.state == BREAKER_OPEN)
		return r.until;
	if (r.state == BREAKER_HALF_OPEN || r.seen > now)
		return now;
	return r.seen + conf->probe_every;
}

static void
look(struct health *h, const struct smarthost *sh, int64_t now)
{
	struct why why;
	const enum greeting g = smtp_hello(sh->host, sh->port, PATIENCE, &why);

	if (g == GREETING_UNKNOWN) {
		log_warn("smarthost %s could not be looked at: %s", sh->name,
		    why.text);
		return;
	}
	if (g != GREETING_GOOD)
		tally_add(TALLY_PROBES_FAILED, sh->name, NULL, 1);
	if (!health_tell(h, sh->name, g == GREETING_GOOD, why.text, now))
		return;
	if (g == GREETING_GOOD)
		log_info("smarthost %s is well again", sh->name);
	else
		log_warn("smarthost %s is ailing, others are preferred: %s",
		    sh->name, why.text);
}

int64_t
prober_round(struct health *h, int64_t now)
{
	const struct config *conf = snapshot_hold();
	int64_t next = NEVER;

	if (conf->probe_every == 0)
		health_forget(h);
	for (size_t i = 0; conf->probe_every > 0 && i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];
		int64_t when = due(h, conf, sh->name, now);

		if (when <= now) {
			look(h, sh, now);
			when = due(h, conf, sh->name, now);
		}
		/* One that could not be looked at is due like any other. */
		if (when <= now)
			when = now + conf->probe_every;
		next = when - now < next ? when - now : next;
	}
	snapshot_release(&conf);
	return next;
}

/* rest - until so much time has passed, or the configuration changed */
static void
rest(int64_t ms)
{
	const int64_t until = cond_deadline(ms);

	pthread_mutex_lock(&lock);
	while (!woken && cond_wait(&changed, &lock, until))
		;
	woken = false;
	pthread_mutex_unlock(&lock);
}

static void *
run(void *h)
{
	for (;;)
		rest(prober_round(h, clock_now()));
	return NULL;
}

int
prober_start(struct health *h)
{
	pthread_t thread;

	cond_init(&changed);
	if (thread_start(&thread, run, h) != 0)
		return -1;
	pthread_detach(thread);
	return 0;
}

void
prober_wake(void)
{
	pthread_mutex_lock(&lock);
	woken = true;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}
