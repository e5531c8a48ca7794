/*
 * view.c - what the page knows of the daemon, asked through the view socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon.h"
#include "view.h"

#define PATIENCE 5         /* s, for an answer */
#define FRESH (1 * SECOND) /* an answer is not asked for again */
#define REST 4             /* times what the last answer took */

struct known {
	char *question;  /* NULL: a free place */
	json_t *answer;  /* the last that was good; NULL: never */
	json_t *failure; /* of the last question; NULL: it was answered */
	int64_t asked, took, good; /* of the steady clock */
	bool away;
};

struct view {
	struct unix_socket socket;
	struct known known[VIEW_KEPT];
};

struct view *
view_new(const struct unix_socket *socket)
{
	struct view *v = calloc(1, sizeof(*v));

	if (v != NULL)
		v->socket = *socket;
	return v;
}

static void
forget(struct known *k)
{
	free(k->question);
	json_decref(k->answer);
	json_decref(k->failure);
	*k = (struct known){ .question = NULL };
}

void
view_free(struct view **vp)
{
	struct view *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	for (size_t i = 0; i < VIEW_KEPT; i++)
		forget(&v->known[i]);
	free(v);
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
away(int error)
{
	return json_pack("{s:b, s:o, s:s}", "ok", 0, "error",
	    json_sprintf("The daemon cannot be reached: %s.", strerror(error)),
	    "remedy",
	    error == EACCES
		? "add the page's user to view-peers and look at the mode of the view socket's directory"
		: "systemctl status postmeter");
}

/* view_put - a question to the daemon; the answer says ok or why not */
static json_t *
view_put(const struct view *v, const json_t *request, bool *away_r)
{
	json_t *answer = daemon_ask(&v->socket, request, PATIENCE);
	const int error = errno;

	*away_r = answer == NULL;
	return answer != NULL ? answer : away(error);
}

static void
ask_again(struct view *v, struct known *k, const json_t *request)
{
	const int64_t since = clock_steady();
	json_t *answer = view_put(v, request, &k->away);

	k->asked = clock_steady();
	k->took = k->asked - since;
	json_decref(k->failure);
	k->failure = NULL;
	if (json_is_true(json_object_get(answer, "ok"))) {
		json_decref(k->answer);
		k->answer = answer;
		k->good = k->asked;
	} else {
		k->failure = answer;
	}
}

void
view_ask(struct view *v, json_t *request, struct seen *s_r)
{
	char *question = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
	int64_t rest;
	struct known *k;

	memset(s_r, 0, sizeof(*s_r));
	if (question == NULL) {
		json_decref(request);
		s_r->error = "Memory is out.";
		return;
	}
	k = place(v, question);
	rest = k->took * REST > FRESH ? k->took * REST : FRESH;
	if (k->asked == 0 || clock_steady() - k->asked >= rest)
		ask_again(v, k, request);
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
	for (size_t i = 0; i < VIEW_KEPT; i++)
		forget(&v->known[i]);
	return answer;
}
