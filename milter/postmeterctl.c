/*
 * postmeterctl.c - the operator's tool.
 *
 * A command for the daemon is a JSON object made of what the command line
 * said; the daemon, which knows the policies, judges it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "tool/command.h"

static int
postmeterctl_ask(const struct command_line *l, json_t **answer_r)
{
	json_t *request = command_request(l->command, &l->ctl);
	const int code = ctl_ask_daemon(&l->ctl, request, answer_r);

	json_decref(request);
	return code;
}

/* columns - of the terminal, as it says or its user does; 0: not known */
static size_t
columns(void)
{
	const char *said = getenv("COLUMNS");
	const long long n = said != NULL ? ctl_number(said) : -1;
	struct winsize w;

	if (n != -1)
		return (size_t)n;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

int
main(int argc, char **argv)
{
	struct command_line l = { .ctl = { .config = CONFIG_DEFAULT } };
	const char *no_color = getenv("NO_COLOR");
	struct screen sc = { .out = stdout, .err = stderr };
	json_t *answer = NULL;
	const struct output *output;
	int code;

	l.ctl.rcpt.v = calloc((size_t)argc, sizeof(*l.ctl.rcpt.v));
	if (l.ctl.rcpt.v == NULL)
		return EX_OSERR;
	code = command_line_parse(argc, argv, &l);
	if (code == 0) {
		sc.pretty = isatty(STDOUT_FILENO);
		sc.width = sc.pretty ? columns() : 0;
		sc.colour =
		    sc.pretty && (no_color == NULL || no_color[0] == '\0');
		output = l.json ? &output_json : &output_text;
		code = l.command->run != NULL ? l.command->run(&l.ctl, &answer)
					      : postmeterctl_ask(&l, &answer);
		if (obj_yes(answer, "ok"))
			output->answer(&sc, l.command, answer);
		else
			output->failure(&sc, l.command, answer);
		json_decref(answer);
	} else if (code == -1) {
		code = EX_OK;
	}
	free(l.ctl.rcpt.v);
	return fflush(stdout) == EOF && code == EX_OK ? EX_IOERR : code;
}
