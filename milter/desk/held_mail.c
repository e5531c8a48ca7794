/*
 * held_mail.c - the lines of held mail, in a hash table of lists.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "held_mail.h"
#include "log.h"
#include "trace.h"
#include "window.h"

#define LINES 4096  /* heads of the table; a power of two */
#define MOST 100000 /* messages; behind that nobody waits */
#define PACED 64    /* smarthosts whose pace is known at a time */

struct message {
	struct message *next;
	uint64_t line; /* digest of policy and key */
	int64_t when;  /* ms: a queue id is used again */
	unsigned look; /* the last that saw it */
	char queue_id[TRACE_NAME];
};

static struct {
	pthread_mutex_t lock;
	struct message *line[LINES]; /* guarded by lock, with the messages */
	size_t n;                    /* guarded by lock */
	unsigned look;               /* guarded by lock */
	int64_t looked;              /* guarded by lock */
	struct {
		uint64_t smarthost; /* digest; 0: free */
		struct window left;
	} pace[PACED]; /* guarded by lock */
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t
line_of(const char *policy, const char *key)
{
	return digest64(policy, strlen(policy)) * 31 +
	       digest64(key, strlen(key));
}

/* message_find - where it stands in its line; at the end if it does not */
static struct message **
message_find(uint64_t line, const struct trace_entry *e)
{
	struct message **at = &held.line[line % LINES];

	while (*at != NULL && ((*at)->line != line || (*at)->when != e->when ||
				  strcmp((*at)->queue_id, e->queue_id) != 0))
		at = &(*at)->next;
	return at;
}

static void
message_drop(struct message **at)
{
	struct message *gone = *at;

	*at = gone->next;
	free(gone);
	held.n--;
}

/* message_mark - seen by this look; added if it is new.  Lock held. */
static void
message_mark(const struct trace_entry *e)
{
	const uint64_t line = line_of(e->policy, e->key);
	struct message **at = message_find(line, e);

	if (*at == NULL && held.n < MOST) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return;
		held.n++;
		(*at)->line = line;
		(*at)->when = e->when;
		snprintf((*at)->queue_id, sizeof((*at)->queue_id), "%s",
		    e->queue_id);
	}
	if (*at != NULL)
		(*at)->look = held.look;
}

void
held_mail_add(const struct trace_entry *e)
{
	pthread_mutex_lock(&held.lock);
	message_mark(e);
	pthread_mutex_unlock(&held.lock);
}

static bool
add_from_trace(void *arg, const struct trace_entry *e)
{
	(void)arg;
	held_mail_add(e);
	return true;
}

void
held_mail_begin(int64_t now)
{
	struct why why;

	held.looked = now;
	if (trace_held(add_from_trace, NULL, &why) == -1)
		log_warn("%s: what is held waits until root looks", why.text);
}

void
held_mail_free(void)
{
	pthread_mutex_lock(&held.lock);
	for (size_t i = 0; i < LINES; i++)
		while (held.line[i] != NULL)
			message_drop(&held.line[i]);
	memset(held.pace, 0, sizeof(held.pace));
	pthread_mutex_unlock(&held.lock);
}

void
held_mail_remove(const struct trace_entry *e)
{
	struct message **at;

	pthread_mutex_lock(&held.lock);
	at = message_find(line_of(e->policy, e->key), e);
	if (*at != NULL)
		message_drop(at);
	pthread_mutex_unlock(&held.lock);
}

size_t
held_mail_waiting(const char *policy, const char *key, int64_t now)
{
	uint64_t line;
	size_t n = 0;

	pthread_mutex_lock(&held.lock);
	/* Mostly nothing is held, and every message asks. */
	if (held.n > 0 && now - held.looked < HELD_MAIL_LOOKED) {
		line = line_of(policy, key);
		for (const struct message *m = held.line[line % LINES];
		     m != NULL; m = m->next)
			n += m->line == line;
	}
	pthread_mutex_unlock(&held.lock);
	return n;
}

void
held_mail_stats(size_t *n_r, int64_t *oldest_r)
{
	*oldest_r = 0;
	pthread_mutex_lock(&held.lock);
	*n_r = held.n;
	for (size_t i = 0; i < LINES; i++)
		for (const struct message *m = held.line[i]; m != NULL;
		     m = m->next)
			if (*oldest_r == 0 || m->when < *oldest_r)
				*oldest_r = m->when;
	pthread_mutex_unlock(&held.lock);
}

void
held_mail_look(int64_t now)
{
	pthread_mutex_lock(&held.lock);
	held.look++;
	held.looked = now;
	pthread_mutex_unlock(&held.lock);
}

void
held_mail_sweep(int64_t before, held_mail_gone_fn *gone, void *arg)
{
	pthread_mutex_lock(&held.lock);
	for (size_t i = 0; i < LINES; i++)
		for (struct message **at = &held.line[i]; *at != NULL;) {
			struct message *m = *at;

			if (m->look == held.look || m->when >= before) {
				at = &m->next;
				continue;
			}
			gone(arg, m->queue_id, m->when);
			message_drop(at);
		}
	pthread_mutex_unlock(&held.lock);
}

int64_t
held_mail_pace(const char *smarthost, unsigned rate, int64_t now)
{
	static const struct window_spec minute = { .length = MINUTE };
	const uint64_t name = digest64(smarthost, strlen(smarthost)) | 1;
	struct window *w = &held.pace[name / 2 % PACED].left;
	int64_t when = 0;

	if (rate == 0)
		return 0;
	pthread_mutex_lock(&held.lock);
	if (held.pace[name / 2 % PACED].smarthost != name) {
		held.pace[name / 2 % PACED].smarthost = name;
		window_init(w, &minute);
	}
	if (window_used(w, now) < rate)
		window_add(w, 1, now, NULL);
	else
		when = window_fits_at(w, rate - 1, now);
	pthread_mutex_unlock(&held.lock);
	return when;
}
