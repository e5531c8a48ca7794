/*
 * trace.c - between those who note and the file: a ring of entries and two
 * sets of sums, of which one is filled while the other is written.
 *
 * Noting copies and returns; what takes time is the thread's.  A flood of
 * refusals of one account is told singly a few times a second and summed
 * beyond that, so it can neither displace everybody else's entries nor fill
 * the disk faster than a mail server can say no.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "log.h"
#include "thread.h"
#include "trace_db.h"

#define RING 2048   /* entries; a power of two */
#define SUMS 2048   /* accounts between two writes; a power of two */
#define HOURS 256   /* smarthosts between two writes, each with its hour */
#define SINGLY 10   /* refusals of one account, between two writes */
#define PACE SECOND /* between two writes */
#define SETTLE (2 * SECOND)

/* Sums of one pace: open addressing by digest; n == 0 of key: free. */
struct sums {
	struct trace_day day[SUMS];
	struct trace_refusals refusals[SUMS];
	bool day_used[SUMS], refusals_used[SUMS];
	size_t ndays, nrefusals;
	struct trace_hour hour[HOURS];
	size_t nhours;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	pthread_t thread; /* of whoever opens and closes */
	/*
	 * Entries [tail, head) are the thread's to read without the lock: those
	 * who note only write at head and advance it.
	 */
	struct trace_entry *ring; /* guarded by lock, but for these */
	size_t head, tail;        /* guarded by lock */
	struct sums *filling;     /* guarded by lock */
	struct sums *writing;     /* guarded by lock; the thread's own */
	uint64_t asked, written;  /* guarded by lock: tickets of settle */
	bool ending;              /* guarded by lock */
	uint64_t noted, dropped;  /* guarded by lock */
	struct why trouble;       /* guarded by lock */
} t = { .lock = PTHREAD_MUTEX_INITIALIZER };

static atomic_bool is_open;
/* Read: to ask; written: to close.  Taken before the lock of t. */
static pthread_rwlock_t using = PTHREAD_RWLOCK_INITIALIZER;
static struct trace_db *db; /* guarded by using; set once it is open */

/* --- sums ---------------------------------------------------------------- */

static size_t
trace_slot_of(const char *who, uint64_t more)
{
	return (
	    size_t)((digest64(who, strlen(who)) ^ more * 0x9e3779b97f4a7c15u) %
		    SUMS);
}

/* trace_day_of - the sums of an account and day, made if there is room */
static struct trace_day *
trace_day_of(struct sums *s, const char *who, int day)
{
	size_t i = trace_slot_of(who, (uint64_t)day);

	while (s->day_used[i] &&
	       (s->day[i].day != day || strcmp(s->day[i].who, who) != 0))
		i = (i + 1) % SUMS;
	if (s->day_used[i])
		return &s->day[i];
	if (s->ndays >= SUMS - SUMS / 8 && strcmp(who, "(others)") != 0)
		return trace_day_of(s, "(others)", day);
	if (s->ndays == SUMS - 1)
		return NULL;
	s->ndays++;
	s->day_used[i] = true;
	s->day[i] = (struct trace_day){ .day = day };
	snprintf(s->day[i].who, sizeof(s->day[i].who), "%s", who);
	return &s->day[i];
}

static bool
same_refusals(const struct trace_refusals *r, const char *who, int64_t hour,
    const struct trace_entry *e)
{
	return r->hour == hour && strcmp(r->who, who) == 0 &&
	       strcmp(r->policy, e->policy) == 0 &&
	       strcmp(r->verdict, e->verdict) == 0;
}

/* refusals_of - those of an account in the hour of an entry */
static struct trace_refusals *
refusals_of(struct sums *s, const char *who, const struct trace_entry *e)
{
	const int64_t hour = e->when - e->when % HOUR;
	size_t i = trace_slot_of(who, (uint64_t)hour);

	while (s->refusals_used[i] &&
	       !same_refusals(&s->refusals[i], who, hour, e))
		i = (i + 1) % SUMS;
	if (s->refusals_used[i])
		return &s->refusals[i];
	if (s->nrefusals >= SUMS - SUMS / 8 && strcmp(who, "(others)") != 0)
		return refusals_of(s, "(others)", e);
	if (s->nrefusals == SUMS - 1)
		return NULL;
	s->nrefusals++;
	s->refusals_used[i] = true;
	s->refusals[i] =
	    (struct trace_refusals){ .hour = hour, .first = e->when };
	snprintf(s->refusals[i].who, sizeof(s->refusals[i].who), "%s", who);
	memcpy(s->refusals[i].policy, e->policy, sizeof(e->policy));
	memcpy(s->refusals[i].verdict, e->verdict, sizeof(e->verdict));
	return &s->refusals[i];
}

/* add_refusal - false if there were enough of the kind to be told singly */
static bool
add_refusal(struct sums *s, const struct trace_entry *e)
{
	struct trace_refusals *r = refusals_of(s, e->who, e);

	if (r == NULL)
		return false;
	r->n++;
	r->last = e->when;
	memcpy(r->rcpt, e->rcpt, sizeof(r->rcpt));
	memcpy(r->text, e->text, sizeof(r->text));
	return r->n <= SINGLY;
}

/* sum_delivery - what left by a smarthost, and what did not */
static void
sum_delivery(struct sums *s, const struct trace_entry *e)
{
	const int64_t hour = e->when - e->when % HOUR;
	struct trace_hour *h = s->hour;

	while (h < s->hour + s->nhours &&
	       (h->hour != hour || strcmp(h->smarthost, e->smarthost) != 0))
		h++;
	if (h == s->hour + HOURS)
		return;
	if (h == s->hour + s->nhours) {
		*h = (struct trace_hour){ .hour = hour };
		memcpy(h->smarthost, e->smarthost, sizeof(h->smarthost));
		s->nhours++;
	}
	h->sent += e->recipients > 0;
	h->recipients += e->recipients;
	h->failed += e->recipients == 0;
}

/* add_sums - false if the entry need not be told singly */
static bool
add_sums(struct sums *s, const struct trace_entry *e)
{
	struct trace_day *d;

	if (e->stage == TRACE_DELIVERY)
		sum_delivery(s, e);
	if (e->sum == TRACE_NOTHING || e->sum == TRACE_FAILED)
		return true;
	d = trace_day_of(s, e->who, e->day);
	if (d != NULL) {
		d->sent += e->sum == TRACE_SENT;
		d->refused += e->sum == TRACE_REFUSED;
		d->held += e->sum == TRACE_HELD;
		if (e->sum == TRACE_SENT) {
			d->recipients += e->recipients;
			d->bytes += e->bytes;
		}
	}
	return e->sum != TRACE_REFUSED || add_refusal(s, e);
}

void
trace_note(const struct trace_entry *e)
{
	if (!atomic_load(&is_open))
		return;
	pthread_mutex_lock(&t.lock);
	if (t.filling != NULL) {
		t.noted++;
		if (!add_sums(t.filling, e) || t.head - t.tail == RING)
			t.dropped++;
		else
			t.ring[t.head++ % RING] = *e;
	}
	pthread_mutex_unlock(&t.lock);
}

/* --- the thread ---------------------------------------------------------- */

/* write_sums - the set that nobody fills any more */
static int
write_sums(const struct sums *s, struct why *why)
{
	for (size_t i = 0; i < SUMS; i++) {
		if (s->day_used[i] &&
		    trace_db_add_day(db, &s->day[i], why) == -1)
			return -1;
		if (s->refusals_used[i] &&
		    trace_db_add_refusals(db, &s->refusals[i], why) == -1)
			return -1;
	}
	for (size_t i = 0; i < s->nhours; i++)
		if (trace_db_add_hour(db, &s->hour[i], why) == -1)
			return -1;
	return 0;
}

static int
trace_write_batch(size_t from, size_t to, const struct sums *s, struct why *why)
{
	if (trace_db_begin(db, why) == -1)
		return -1;
	for (size_t i = from; i < to; i++)
		if (trace_db_put_entry(db, &t.ring[i % RING], why) == -1)
			return -1;
	if (write_sums(s, why) == -1)
		return -1;
	return trace_db_end(db, clock_now(), why);
}

/* round - takes what is there and writes it; lock held before and after */
static void
write_round(void)
{
	struct sums *const s = t.filling;
	const size_t from = t.tail, to = t.head;
	const uint64_t ticket = t.asked;
	struct why why = WHY_NONE;
	bool told;
	int rc = 0;

	t.filling = t.writing;
	t.writing = s;
	pthread_mutex_unlock(&t.lock);
	if (from != to || s->ndays > 0 || s->nrefusals > 0 || s->nhours > 0)
		rc = trace_write_batch(from, to, s, &why);
	if (rc == -1)
		trace_db_undo(db);
	memset(s->day_used, 0, sizeof(s->day_used));
	memset(s->refusals_used, 0, sizeof(s->refusals_used));
	s->ndays = s->nrefusals = s->nhours = 0;
	pthread_mutex_lock(&t.lock);
	told = t.trouble.text[0] != '\0';
	t.trouble = rc == -1 ? why : WHY_NONE;
	if (rc == -1 && !told)
		log_warn("%s; mail goes on, its trace is lost", why.text);
	t.dropped += rc == -1 ? to - from : 0;
	t.tail = to;
	t.written = ticket;
	pthread_cond_broadcast(&t.done);
}

static void *
trace_run(void *arg)
{
	bool last = false;

	pthread_mutex_lock(&t.lock);
	while (!last) {
		const int64_t until = cond_deadline(PACE);

		while (!t.ending && t.asked == t.written &&
		       t.head - t.tail < RING / 2 &&
		       cond_wait(&t.work, &t.lock, until))
			;
		last = t.ending; /* what came before it is written */
		write_round();
	}
	pthread_mutex_unlock(&t.lock);
	return arg;
}

static void
free_all(void)
{
	free(t.ring);
	free(t.filling);
	free(t.writing);
	t.ring = NULL;
	t.filling = t.writing = NULL;
	trace_db_close(&db);
}

int
trace_open(const char *path, int64_t keep, uint64_t size, struct why *why)
{
	db = trace_db_open(path, keep, size, why);
	if (db == NULL)
		return -1;
	t.ring = calloc(RING, sizeof(*t.ring));
	t.filling = calloc(1, sizeof(*t.filling));
	t.writing = calloc(1, sizeof(*t.writing));
	t.head = t.tail = 0;
	t.asked = t.written = t.noted = t.dropped = 0;
	t.ending = false;
	t.trouble.text[0] = '\0';
	cond_init(&t.work);
	cond_init(&t.done);
	if (t.ring == NULL || t.filling == NULL || t.writing == NULL ||
	    thread_start(&t.thread, trace_run, NULL) != 0) {
		why_set(why, "trace: out of resources");
		free_all();
		return -1;
	}
	atomic_store(&is_open, true);
	return 0;
}

void
trace_close(void)
{
	if (!atomic_exchange(&is_open, false))
		return;
	pthread_mutex_lock(&t.lock);
	t.ending = true;
	pthread_cond_signal(&t.work);
	pthread_mutex_unlock(&t.lock);
	pthread_join(t.thread, NULL);
	pthread_rwlock_wrlock(&using);
	pthread_mutex_lock(&t.lock);
	free_all();
	pthread_mutex_unlock(&t.lock);
	pthread_rwlock_unlock(&using);
}

bool
trace_settle(void)
{
	const int64_t until = cond_deadline(SETTLE);
	uint64_t ticket;
	bool written;

	if (!atomic_load(&is_open))
		return true;
	pthread_mutex_lock(&t.lock);
	ticket = ++t.asked;
	pthread_cond_signal(&t.work);
	while (t.written < ticket && !t.ending &&
	       cond_wait(&t.done, &t.lock, until))
		;
	written = t.written >= ticket && t.trouble.text[0] == '\0';
	pthread_mutex_unlock(&t.lock);
	return written;
}

void
trace_stats(struct trace_stats *st_r)
{
	pthread_mutex_lock(&t.lock);
	st_r->open = t.filling != NULL;
	st_r->noted = t.noted;
	st_r->dropped = t.dropped;
	st_r->trouble = t.trouble;
	pthread_mutex_unlock(&t.lock);
}

/* --- queries ------------------------------------------------------------- */

int
trace_find(const struct trace_query *q, trace_entry_fn *each, void *arg,
    struct why *why)
{
	int rc = 0;

	(void)trace_settle();
	pthread_rwlock_rdlock(&using);
	if (db != NULL)
		rc = trace_db_find(db, q, each, arg, why);
	pthread_rwlock_unlock(&using);
	return rc;
}

int
trace_held(trace_entry_fn *each, void *arg, struct why *why)
{
	int rc = 0;

	(void)trace_settle();
	pthread_rwlock_rdlock(&using);
	if (db != NULL)
		rc = trace_db_held(db, each, arg, why);
	pthread_rwlock_unlock(&using);
	return rc;
}

int
trace_history(const char *who, int since_day, size_t n, trace_day_fn *each,
    void *arg, struct why *why)
{
	int rc = 0;

	(void)trace_settle();
	pthread_rwlock_rdlock(&using);
	if (db != NULL)
		rc = trace_db_history(db,
		    &(struct trace_list){ who, since_day, n }, each, arg, why);
	pthread_rwlock_unlock(&using);
	return rc;
}

int
trace_refusals(const char *who, int64_t since, size_t n,
    trace_refusals_fn *each, void *arg, struct why *why)
{
	int rc = 0;

	(void)trace_settle();
	pthread_rwlock_rdlock(&using);
	if (db != NULL)
		rc = trace_db_refusals(
		    db, &(struct trace_list){ who, since, n }, each, arg, why);
	pthread_rwlock_unlock(&using);
	return rc;
}

int
trace_hours(int64_t since, trace_hour_fn *each, void *arg, struct why *why)
{
	int rc = 0;

	pthread_rwlock_rdlock(&using);
	if (db != NULL)
		rc = trace_db_hours(db, since, each, arg, why);
	pthread_rwlock_unlock(&using);
	return rc;
}
