/*
 * control.h - the operator's door: one JSON object asks, one answers.
 *
 * postmeterctl sends {"command": "show", "who": "..."} and a newline, the
 * daemon answers one object and a newline and closes.  "ok" is true or false;
 * if false, "error" says why and "remedy" what to do.  Only root and the
 * daemon's user may ask (SO_PEERCRED).
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <jansson.h>

#include "store.h"

#define CONTROL_REQUEST_MAX 65536	/* bytes */

struct control_server;

struct control_env {
	struct store *store;
	const char *config_file;
	/*
	 * Reads configuration and secrets again and publishes both, or keeps
	 * both and returns -1 with the lines of error in *errors_r (free it).
	 */
	int (*reload)(char **errors_r);
};

struct control_server *control_start(int fd, const struct control_env *env);
void	control_stop(struct control_server **sp);

/*
 * What one request is answered: the door without its socket, for tests and
 * the fuzzer.  actor is the peer's user name.  A new reference, never NULL.
 */
json_t	*control_answer(const struct control_env *env, const char *request,
	    size_t len, const char *actor);

#endif
