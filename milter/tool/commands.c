/*
 * commands.c - the rows of commands.def that an operator types, and what is
 * wrong with arguments where no column says it.
 */
#include <string.h>

#include "command.h"
#include "print.h"

static const char *
misfit_explain(const struct ctl *ctl)
{
	if (ctl->sender == NULL)
		return "--sender is missing";
	return ctl->rcpt.n == 0 ? "--rcpt is missing" : NULL;
}

static const char *
misfit_grant(const struct ctl *ctl)
{
	return ctl->span == NULL ? "--for is missing: a grant must end some day"
				 : NULL;
}

static const char *
misfit_release(const struct ctl *ctl)
{
	if (ctl->due == (ctl->nword == 1))
		return "it is WHO, QUEUEID or --due";
	return ctl->due && ctl->now ? "--due lets nothing go past a limit"
				    : NULL;
}

static const char *
misfit_mail(const struct ctl *ctl)
{
	return ctl->week && !ctl->report ? "--week goes with --report" : NULL;
}

static const char *
misfit_setup(const struct ctl *ctl)
{
	if (ctl->apply + ctl->undo + ctl->check > 1)
		return "--apply, --undo and --check exclude each other";
	if (ctl->prove && (ctl->undo || strcmp(ctl->word[0], "postfix") != 0))
		return "--prove is for postfix, alone or with --apply or --check";
	return strcmp(ctl->word[0], "postfix") != 0 &&
		       strcmp(ctl->word[0], "sendmail") != 0
		   ? "the mail server is postfix or sendmail"
		   : NULL;
}

static const char *
misfit_secret(const struct ctl *ctl)
{
	return ctl_secret_words(ctl) ? NULL
				     : "it is set NAME, list, or remove NAME";
}

const struct command commands[] = {
#define DAEMON_COMMAND(command, effect, ...)                                   \
	{ .name = #command, .print = text_##command, __VA_ARGS__ },
#define TOOL_COMMAND(command, ...)                                             \
	{ .name = #command,                                                    \
		.print = text_##command,                                       \
		.run = ctl_##command,                                          \
		__VA_ARGS__ },
#define BOTH_COMMAND(command, effect, ...)                                     \
	{ .name = #command,                                                    \
		.print = text_##command,                                       \
		.run = ctl_##command,                                          \
		__VA_ARGS__ },
#include "commands.def"
	{ .name = NULL },
};
