/*
 * view.c - what the page knows of the daemon, asked through the view socket.
 *
 * Whoever asks first waits for the answer.  After that a thread asks again, and
 * those who look are shown what is known if the answer does not come at once:
 * nobody waits for a walk through all senders.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon.h"
#include "obj.h"
#include "thread.h"
#include "view.h"

#define PATIENCE 5         /* s, for an answer */
#define FRESH (1 * SECOND) /* an answer is not asked for again */
#define REST 4             /* times what the last answer took */
#define SOON 10            /* ms: so long an answer is waited for */

/* A question that is asked again: who has it. */
enum again { QUIET, WANTED, ASKED, CAME };

struct known {
	char *question;            /* NULL: a free place */
	json_t *answer;            /* the last that was good; NULL: never */
	json_t *failure;           /* of the last; NULL: it was answered */
	int64_t asked, took, good; /* of the steady clock */
	bool away;
	/* Each guarded by lock of the view, as is the question: */
	enum again again;
	unsigned ticket; /* another one: the place is another question's */
	json_t *came;
	int64_t came_asked, came_took;
	bool came_away;
};

struct view {
	struct unix_socket socket;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct known known[VIEW_KEPT]; /* guarded by lock, as far as it says */
	bool ending;                   /* guarded by lock */
};

/* forget - the lock is held, or nobody else is there */
static void
forget(struct known *k)
{
	const unsigned ticket = k->ticket + 1;

	free(k->question);
	json_decref(k->answer);
	json_decref(k->failure);
	json_decref(k->came);
	*k = (struct known){ .ticket = ticket };
}

/* place - of a question (taken over): its own, a free one, or the oldest */
static struct known *
place(struct view *v, char *question)
{
	struct known *oldest = v->known;

	for (struct known *k = v->known; k < v->known + VIEW_KEPT; k++) {
		if (k->question != NULL && strcmp(k->question, question) == 0) {
			free(question);
			return k;
		}
		if (k->asked < oldest->asked)
			oldest = k;
	}
	forget(oldest);
	oldest->question = question;
	return oldest;
}

static json_t *
view_away(int error)
{
	char text[200];

	snprintf(text, sizeof(text), "The daemon cannot be reached: %s.",
	    strerror(error));
	return obj_failure(
	    error == EACCES
		? "add the page's user to view-peers and look at the mode of the view socket's directory"
		: "systemctl status postmeter",
	    text);
}

/* view_put - a question to the daemon; the answer says ok or why not */
static json_t *
view_put(const struct view *v, const json_t *request, bool *away_r)
{
	json_t *answer = daemon_ask(&v->socket, request, PATIENCE);
	const int error = errno;

	*away_r = answer == NULL;
	return answer != NULL ? answer : view_away(error);
}

/* keep - answer (taken over), that came at asked */
static void
keep(struct known *k, json_t *answer, int64_t asked, int64_t took)
{
	k->asked = asked;
	k->took = took;
	json_decref(k->failure);
	k->failure = NULL;
	if (obj_yes(answer, "ok")) {
		json_decref(k->answer);
		k->answer = answer;
		k->good = asked;
	} else {
		k->failure = answer;
	}
}

/* ask_now - and wait for the answer */
static void
ask_now(struct view *v, struct known *k, const json_t *request)
{
	const int64_t since = clock_steady();
	json_t *answer = view_put(v, request, &k->away);
	const int64_t asked = clock_steady();

	keep(k, answer, asked, asked - since);
}

/* --- the thread ----------------------------------------------------------- */

/* ask_again - a question that is wanted; lock held before and after */
static void
ask_again(struct view *v, struct known *k)
{
	json_t *request = json_loads(k->question, 0, NULL), *answer;
	const unsigned ticket = k->ticket;
	int64_t since, asked;
	bool is_away;

	k->again = ASKED;
	pthread_mutex_unlock(&v->lock);
	since = clock_steady();
	answer = view_put(v, request, &is_away);
	asked = clock_steady();
	json_decref(request);
	pthread_mutex_lock(&v->lock);
	if (k->ticket != ticket) {
		json_decref(answer);
		return;
	}
	k->again = CAME;
	k->came = answer;
	k->came_away = is_away;
	k->came_asked = asked;
	k->came_took = asked - since;
	pthread_cond_signal(&v->done);
}

static struct known *
next_wanted(struct view *v)
{
	for (struct known *k = v->known; k < v->known + VIEW_KEPT; k++)
		if (k->again == WANTED)
			return k;
	return NULL;
}

static void *
view_run(void *arg)
{
	struct view *v = arg;

	pthread_mutex_lock(&v->lock);
	while (!v->ending) {
		struct known *k = next_wanted(v);

		if (k != NULL)
			ask_again(v, k);
		else
			cond_wait(&v->work, &v->lock, cond_deadline(NEVER));
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

struct view *
view_new(const struct unix_socket *socket)
{
	struct view *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->socket = *socket;
	pthread_mutex_init(&v->lock, NULL);
	cond_init(&v->work);
	cond_init(&v->done);
	if (thread_start(&v->thread, view_run, v) != 0) {
		pthread_cond_destroy(&v->work);
		pthread_cond_destroy(&v->done);
		pthread_mutex_destroy(&v->lock);
		free(v);
		return NULL;
	}
	return v;
}

void
view_free(struct view **vp)
{
	struct view *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	pthread_mutex_lock(&v->lock);
	v->ending = true;
	pthread_cond_signal(&v->work);
	pthread_mutex_unlock(&v->lock);
	pthread_join(v->thread, NULL);
	for (size_t i = 0; i < VIEW_KEPT; i++)
		forget(&v->known[i]);
	pthread_cond_destroy(&v->work);
	pthread_cond_destroy(&v->done);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* --- those who look ------------------------------------------------------- */

/* adopt - what the thread has brought */
static void
adopt(struct known *k)
{
	if (k->again != CAME)
		return;
	k->away = k->came_away;
	keep(k, k->came, k->came_asked, k->came_took);
	k->came = NULL;
	k->again = QUIET;
}

/* refresh - asks for it again if it is time; lock held, which waits a moment */
static void
refresh(struct view *v, struct known *k)
{
	const int64_t soon = cond_deadline(SOON);
	int64_t rest;

	adopt(k);
	rest = k->took * REST > FRESH ? k->took * REST : FRESH;
	if (k->again != QUIET || clock_steady() - k->asked < rest)
		return;
	k->again = WANTED;
	pthread_cond_signal(&v->work);
	while (k->again != CAME && cond_wait(&v->done, &v->lock, soon))
		continue;
	adopt(k);
}

void
view_ask(struct view *v, json_t *request, struct seen *s_r)
{
	char *question = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
	struct known *k;
	bool first;

	memset(s_r, 0, sizeof(*s_r));
	if (question == NULL) {
		json_decref(request);
		s_r->error = "Memory is out.";
		return;
	}
	pthread_mutex_lock(&v->lock);
	k = place(v, question);
	first = k->asked == 0;
	if (!first)
		refresh(v, k);
	pthread_mutex_unlock(&v->lock);
	if (first)
		ask_now(v, k, request);
	json_decref(request);
	s_r->answer = k->answer;
	s_r->age = clock_steady() - k->good;
	s_r->away = k->away;
	if (k->failure == NULL)
		return;
	s_r->error = json_string_value(json_object_get(k->failure, "error"));
	s_r->remedy = json_string_value(json_object_get(k->failure, "remedy"));
	if (s_r->error == NULL)
		s_r->error = "The daemon says something else than an answer.";
}

json_t *
view_act(struct view *v, json_t *request)
{
	bool is_away;
	json_t *answer = view_put(v, request, &is_away);

	json_decref(request);
	pthread_mutex_lock(&v->lock);
	for (size_t i = 0; i < VIEW_KEPT; i++)
		forget(&v->known[i]);
	pthread_mutex_unlock(&v->lock);
	return answer;
}
