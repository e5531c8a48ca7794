/*
 * view.h - what the page knows of the daemon, asked through the view socket.
 *
 * A question is asked once a second at most, however many look: the answer is
 * kept.  It is asked again in the background, and waited for a moment only.
 * The last good answer stays when the daemon is away, with its age.  Called
 * from one thread.
 */
#ifndef VIEW_H
#define VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "unix_socket.h"

struct view;

struct view *view_new(const struct unix_socket *socket);
void	view_free(struct view **vp);

struct seen {
	const json_t *answer;	/* the last that was "ok"; NULL: never */
	int64_t age;		/* ms since then */
	const char *error;	/* of the last question; NULL: it was answered */
	const char *remedy;
	bool away;		/* the daemon did not speak at all */
};

/*
 * Asks request (taken over).  What s_r points to lives until the next question
 * of more than VIEW_KEPT others.
 */
#define VIEW_KEPT	24
void	view_ask(struct view *v, json_t *request, struct seen *s_r);

/* A command (taken over), never kept; forgets all answers.  A new reference. */
json_t	*view_act(struct view *v, json_t *request);

#endif
