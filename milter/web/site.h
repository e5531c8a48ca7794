/*
 * site.h - the page as a whole: a request in, an answer out.
 */
#ifndef SITE_H
#define SITE_H

#include "config.h"
#include "guard.h"
#include "view.h"

struct site {
	struct guard guard;
	const struct config *conf;	/* web-readers, web-actors */
	struct view *view;
};

/* rs is empty; now is of the wall clock (ms). */
void	site_answer(struct site *s, const struct web_request *rq, int64_t now,
	    struct web_response *rs);

#endif
