/*
 * run_program.h - another program, and what it printed.  Not for the daemon,
 * which starts none.
 */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include <stdbool.h>

#include "why.h"

/*
 * Runs argv (closed by NULL), found by PATH or, a plain user's having no sbin,
 * in /usr/sbin, without a shell and with this process's standard input.  Its
 * standard output comes back in *said_r, terminated, to be freed; where
 * said_r is NULL it goes to standard error.  quiet: what it writes to standard
 * error is thrown away.  Waits for its end.
 *
 * Its exit code; 128 and the signal's number if one ended it; -1 and why if it
 * could not be started or read.  *said_r is NULL then.
 */
int	run_program(const char *const argv[], bool quiet, char **said_r,
	    struct why *why);

#endif
