/*
 * call.c - questions that wait for the server, answered together.
 *
 * Who finds nobody at it leads: answers all that wait, on the records as they
 * were last seen, and swaps what that changes in one go.  Meanwhile the next
 * ones gather, and the first of them leads then.  So a daemon never competes
 * with itself, and the more ask, the more a journey carries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "thread.h"
#include "work.h"

#define BATCH 64      /* questions that one swap answers */
#define TURN_WAITS 20 /* ms that another daemon has for its turn */
#define LATE "the store's server did not answer in time"

/* A question on the stack of its thread. */
struct redis_call {
	redis_answer_fn *answer;
	void *arg;
	enum store_answer a;
	struct why *why;
	bool wrote; /* a swap would have changed something for it */
	bool is_taken, is_done, leads;
	pthread_cond_t turn;
	TAILQ_ENTRY(redis_call) next;
};

struct batch {
	struct redis_call *call[BATCH];
	size_t n;
};

/* --- one swap ----------------------------------------------------------- */

static void
answer_all(struct redis_work *w, struct batch *b)
{
	work_again(w);
	for (size_t i = 0; i < b->n; i++) {
		struct redis_call *c = b->call[i];
		size_t before = w->nchange;

		c->a = c->answer(w, c->arg, c->why);
		c->wrote = w->nchange > before;
	}
}

static void
pause_ms(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	nanosleep(&pause, NULL);
}

/*
 * The same swap again, as often as it takes: it cannot happen twice, because
 * it changes what it compares.  So an answer that was lost with its connection
 * can still be had.  WORK_CHANGED: it was not done, answer again.
 */
static enum store_answer
swap_once(struct redis_work *w, enum work_how how, int64_t deadline,
    enum work_outcome *o_r, struct why *why)
{
	bool unsure = false;
	int waits = 0;

	for (;;) {
		int64_t left = deadline - clock_steady();
		struct why reason = WHY_NONE;
		enum store_answer a = STORE_FAILED;

		why_set(&reason, LATE);
		if (left > 0)
			a = work_swap(w, how, (int)left, o_r, &reason);
		if (a == STORE_OK && *o_r == WORK_CHANGED && unsure)
			a = work_was_done(w);
		if (a == STORE_NONE)
			return STORE_OK;
		if (a == STORE_OK && *o_r == WORK_CHANGED && unsure)
			*o_r = WORK_DONE;
		if (a == STORE_OK && *o_r != WORK_WAIT)
			return STORE_OK;
		if (a == STORE_OK) {
			pause_ms();
			how = ++waits < TURN_WAITS ? how : WORK_AT_ONCE;
			continue;
		}
		unsure |= a == STORE_UNCERTAIN && work_writes(w);
		if (a == STORE_UNCERTAIN && left > 0)
			continue;
		why_set(why, "%s", reason.text);
		return unsure ? STORE_UNCERTAIN : STORE_FAILED;
	}
}

static enum store_answer
swap_batch(struct redis_work *w, struct batch *b, struct why *why)
{
	int64_t deadline = clock_steady() + w->store->timeout;
	enum work_outcome o = WORK_CHANGED;
	enum store_answer a = STORE_OK;

	for (unsigned losses = 0; a == STORE_OK && o != WORK_DONE; losses++) {
		answer_all(w, b);
		a = work_pack(w, why);
		if (a != STORE_OK)
			break;
		if (w->nrecord > 0 || work_writes(w)) {
			a = swap_once(w, losses > 1 ? WORK_AGAIN : WORK_FIRST,
			    deadline, &o, why);
		} else {
			work_alone(w);
			o = WORK_DONE;
		}
	}
	return a;
}

/* --- together ----------------------------------------------------------- */

/* With the queue's lock held. */
static void
redis_call_take(struct redis_store *s, struct batch *b)
{
	struct redis_call *c;

	b->n = 0;
	while (b->n < BATCH && (c = TAILQ_FIRST(&s->queue)) != NULL) {
		TAILQ_REMOVE(&s->queue, c, next);
		c->is_taken = true;
		b->call[b->n++] = c;
	}
}

/* With the queue's lock held: answers go out, the next one leads. */
static void
redis_call_leave(
    struct redis_store *s, struct batch *b, const struct redis_call *own)
{
	struct redis_call *c;

	for (size_t i = 0; i < b->n; i++) {
		b->call[i]->is_done = true;
		if (b->call[i] != own)
			pthread_cond_signal(&b->call[i]->turn);
	}
	c = TAILQ_FIRST(&s->queue);
	s->is_led = c != NULL;
	if (c != NULL) {
		c->leads = true;
		pthread_cond_signal(&c->turn);
	}
}

/* With the queue's lock held, but not while the server is waited for. */
static void
lead(struct redis_store *s, const struct redis_call *own)
{
	struct redis_work w;
	struct batch b;
	struct why why = WHY_NONE;
	enum store_answer a;

	redis_call_take(s, &b);
	pthread_mutex_unlock(&s->queue_lock);
	work_begin(&w, s);
	a = swap_batch(&w, &b, &why);
	work_end(&w);
	for (size_t i = 0; a != STORE_OK && i < b.n; i++) {
		struct redis_call *c = b.call[i];

		c->a = c->wrote ? a : STORE_FAILED;
		why_set(c->why, "%s", why.text);
	}
	pthread_mutex_lock(&s->queue_lock);
	redis_call_leave(s, &b, own);
}

enum store_answer
redis_call(struct redis_store *s, redis_answer_fn *answer, void *arg,
    int timeout, struct why *why)
{
	struct redis_call c = { .answer = answer, .arg = arg, .why = why };
	int64_t deadline = cond_deadline(timeout);

	cond_init(&c.turn);
	pthread_mutex_lock(&s->queue_lock);
	TAILQ_INSERT_TAIL(&s->queue, &c, next);
	c.leads = !s->is_led;
	s->is_led = true;
	while (!c.leads && !c.is_done)
		if (!cond_wait(&c.turn, &s->queue_lock,
			c.is_taken ? NEVER : deadline) &&
		    !c.is_taken && !c.leads)
			break;
	if (c.leads) {
		lead(s, &c);
	} else if (!c.is_done) {
		TAILQ_REMOVE(&s->queue, &c, next);
		c.a = STORE_FAILED;
		why_set(why, LATE);
	}
	pthread_mutex_unlock(&s->queue_lock);
	pthread_cond_destroy(&c.turn);
	return c.a;
}

bool
redis_answer_seen(
    struct redis_store *s, redis_answer_fn *answer, void *arg, int64_t age)
{
	int64_t oldest = age == NEVER ? INT64_MIN : clock_steady() - age;
	struct redis_work w;
	struct why why;
	bool good;

	work_begin(&w, s);
	good = answer(&w, arg, &why) == STORE_OK;
	for (size_t i = 0; good && i < w.nrecord; i++)
		good = w.record[i]->at != NEVER && w.record[i]->at >= oldest;
	work_end(&w);
	return good;
}
