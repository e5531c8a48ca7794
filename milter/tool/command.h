/*
 * command.h - a command is one row (commands.def) and its functions; an option
 * is one row (options.c).
 *
 * The rows serve the usage, the help, the check of what was typed, the request
 * to the daemon, the choice of the printer, and the completion, which reads the
 * usage.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "tool.h"

struct command {
	const char *name;
	const char *words;	/* arguments and options: it takes those that
				 * stand here, as "--for SPAN" or "-n N" */
	size_t least, most;	/* arguments */
	const char *what;
	/* NULL: the daemon is asked, its object made of what was typed. */
	int (*run)(const struct ctl *ctl, json_t **answer_r);
	/* For people; the answer was made harmless. */
	void (*print)(const struct screen *sc, const json_t *answer);
	const char *found;	/* member that is printed of a failure too */
	const char *name_of[CTL_WORDS]; /* of each argument, for the daemon */
	const char *example[2];	/* behind "postmeterctl " */
	/* What is wrong with the arguments; NULL if nothing is. */
	const char *(*misfit)(const struct ctl *ctl);
};

/* All of them, closed by one without a name. */
extern const struct command commands[];

const struct command *command_find(const char *name);

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER, OPTION_LIST };

struct ctl_option {
	const char *name;	/* "for" */
	char letter;		/* 'n', 0 if it has none */
	enum option_kind kind;
	size_t at;		/* offsetof(struct ctl, ...): bool, const char *,
				 * or struct ctl_list */
	const char *member;	/* in the daemon's object; NULL: not told to it */
};

/* Those of commands, closed by one without a name. */
extern const struct ctl_option ctl_options[];

/* Notes what an option said. */
void	option_note(const struct ctl_option *o, struct ctl *ctl,
	    const char *value);

/* What is wrong with the value that was noted; NULL if nothing is. */
const char *option_misfit(const struct ctl_option *o, const struct ctl *ctl);

/* The object to ask the daemon with; a word that is no UTF-8 is left out. */
json_t	*command_request(const struct command *c, const struct ctl *ctl);

/* What was typed. */
struct command_line {
	struct ctl ctl;
	const struct command *command;
	bool json, help, version;
	uint64_t seen;		/* bit i: ctl_options[i] was given */
};

/* 0, EX_USAGE (told), or -1: help was given. */
int	command_line_parse(int argc, char **argv, struct command_line *l);

#endif
