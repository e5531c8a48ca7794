/*
 * control.h - the operator's door: one JSON object asks, one answers.
 *
 * postmeterctl sends {"command": "show", "who": "..."} and a newline, the
 * daemon answers one object and a newline and closes.  "ok" is true or false;
 * if false, "error" says why and "remedy" what to do.  A time is an object
 * {"ms": 1700000000000, "text": "14:05 +0200 (in 2h 10m)"}, so that machine
 * and person read the same and only the daemon needs to know the time zone.
 *
 * There are two such doors.  The control socket is for root and the daemon's
 * user (SO_PEERCRED) and takes every command.  The view socket lets in the
 * users of view-peers as well, answers what only reads, and takes the commands
 * that view-may names.  A peer that speaks for somebody (a web page for whom
 * its proxy logged in) says so in "by": the command is then noted as "PEER:BY".
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "desk.h"
#include "store.h"

#define CONTROL_REQUEST_MAX 65536	/* bytes */

struct control_server;

enum control_door { CONTROL_DOOR, VIEW_DOOR };

/* Who asks, and where. */
struct control_peer {
	enum control_door door;
	const char *name;	/* of the user, "uid N" if he has none */
};

struct control_env {
	struct store *store;
	struct health *health;	/* NULL: nobody looks at smarthosts */
	struct gate *gate;	/* NULL: no exit is metered */
	const char *config_file;
	int64_t started;		/* ms */
	/*
	 * Reads configuration and secrets again and publishes both, or keeps
	 * both and returns -1 with the lines of error in *errors_r (free it).
	 */
	int (*reload)(char **errors_r);
};

/*
 * Starts the thread that answers on a listening, non-blocking descriptor,
 * which it takes over.  What env points to must outlive it.  NULL if out of
 * resources.  Each door has a thread of its own: a crowd at one does not keep
 * the operator waiting at the other.
 */
struct control_server *control_start(int fd, enum control_door door,
	    const struct control_env *env);

/* Closes all peers, joins the thread. */
void	control_stop(struct control_server **sp);

/*
 * What one request is answered: the door without its socket, for tests and
 * the fuzzer.  A new reference, never NULL; JSON's null if out of memory.
 */
json_t	*control_answer(const struct control_env *env,
	    const struct control_peer *peer, const char *request, size_t len,
	    int64_t now);

#endif
