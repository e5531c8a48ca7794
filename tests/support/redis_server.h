/*
 * redis_server.h - a Redis of a test's own: in the test's directory, on a UNIX
 * socket, gone at the end.
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
	char socket[108], directory[64];
	pid_t pid;
};

bool	redis_is_installed(void);

/* A connection to it; NULL if there is none within five seconds. */
redisContext *redis_dial(const struct redis_server *s);

/* One command, its reply thrown away.  False if it was an error. */
bool	redis_tell(const struct redis_server *s, const char *command);

/*
 * The wall clock of the servers that are started from now on: they stand at
 * *redis_clock (ms).  NULL: they have the machine's.
 */
extern volatile int64_t *redis_clock;

/* From now on; the clock is a file in the directory, and stands at now. */
void	redis_own_clock(const char *directory, int64_t now);

pid_t	redis_spawn(const char *const *argv);

/* name tells several in one directory apart; more is a list of arguments. */
void	redis_start(struct redis_server *s, const char *directory,
	    const char *name, const char *const *more);

/* A port of the loopback that nobody has. */
unsigned redis_free_port(void);

void	redis_kill(struct redis_server *s);

#endif
