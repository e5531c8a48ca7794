/*
 * check.h - what `check` and `setup` look at beside the mail server's files.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

#include <jansson.h>

#include "config.h"

struct ctl;

/* Rules, routes and smarthosts that are right and hardly meant.  Pure. */
void	check_rules(const struct config *conf, json_t *list);

/* Does wide match whatever narrow matches?  Pure. */
bool	rule_covers(const struct rule *wide, const struct rule *narrow);

/*
 * The system as it lives: does the daemon answer, with the configuration of
 * the file; can the mail server's user reach its sockets, the daemon's user
 * what it must read and write?  Adds findings (tool.h).
 */
void	check_living(const struct ctl *ctl, const struct config *conf,
	    json_t *found);

/* The first of that alone: it runs, with the configuration of the file. */
void	check_daemon(const struct config *conf, json_t *found);

#endif
