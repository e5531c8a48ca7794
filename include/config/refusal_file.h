/*
 * refusal_file.h - what providers say when they refuse, read from text.
 *
 * conf/refusals.conf is part of the program; a file of the administrator's
 * own is asked before it.
 */
#ifndef REFUSAL_FILE_H
#define REFUSAL_FILE_H

#include <stdio.h>

#include "refusal.h"

/*
 * The rules of file ("": none), then those that are built in.  On any mistake
 * NULL, and each is a line "file:line: what is wrong, what would be right" in
 * errors: a rule that does not fit its own sample is one, too.
 */
struct refusals *refusals_load(const char *file, FILE *errors);

#endif
