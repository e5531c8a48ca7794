/*
 * http.h - the page's door: HTTP on a socket that listens, by libmicrohttpd.
 */
#ifndef HTTP_H
#define HTTP_H

#include "web.h"
#include "why.h"

struct http;

/*
 * Answers a request; rs is empty and its body is taken over.  Called from one
 * thread.
 */
typedef void http_answer_fn(void *arg, const struct web_request *rq,
	    struct web_response *rs);

/* Serves fd, which is taken over.  NULL and why if it cannot. */
struct http *http_start(int fd, http_answer_fn *answer, void *arg,
	    struct why *why);

/* Ends what is under way and closes the socket. */
void	http_stop(struct http **hp);

#endif
