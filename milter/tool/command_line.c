/*
 * command_line.c - from what was typed to a command and its options, or a line
 * that says what is wrong with it.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "command.h"
#include "suggest.h"
#include "version.h"

#define OPTIONS_MOST 64
#define OPTION_FIRST 256 /* what getopt calls the first row of ctl_options */

static const struct option general[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
};
#define GENERAL (sizeof(general) / sizeof(general[0]))

const struct command *
command_find(const char *name)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* --- usage --------------------------------------------------------------- */

static void
usage_all(FILE *out)
{
	fputs(
	    "usage: postmeterctl [-c FILE] [-s SOCKET] [--json] COMMAND ...\n\n",
	    out);
	for (const struct command *c = commands; c->name != NULL; c++)
		fprintf(out, "  %-9s %s\n", c->name, c->what);
	fputs(
	    "\npostmeterctl COMMAND -h tells its arguments; all is in postmeterctl(8).\n",
	    out);
}

static void
usage_one(FILE *out, const struct command *c)
{
	fprintf(out,
	    "usage: postmeterctl [-c FILE] [-s SOCKET] [--json] %s%s%s\n",
	    c->name, c->words[0] != '\0' ? " " : "", c->words);
}

/* help_one - its usage, what it does, and how it looks when it is used */
static void
help_one(FILE *out, const struct command *c)
{
	usage_one(out, c);
	fprintf(out, "\n  %s\n\nexamples:\n", c->what);
	for (size_t i = 0; i < 2 && c->example[i] != NULL; i++)
		fprintf(out, "  postmeterctl %s\n", c->example[i]);
}

static void
unknown_command(const char *name)
{
	struct suggest near;
	const char *best;

	suggest_init(&near, name);
	for (const struct command *c = commands; c->name != NULL; c++)
		suggest_add(&near, c->name);
	best = suggest_best(&near);
	fprintf(stderr, "postmeterctl: there is no such command");
	if (best != NULL)
		fprintf(stderr, "; did you mean %s?", best);
	fprintf(stderr, "\n  postmeterctl -h lists them\n");
}

/* --- the line ------------------------------------------------------------ */

/* long_options - the rows of both tables as getopt wants them */
static void
long_options(struct option *dst)
{
	size_t n = GENERAL;

	memcpy(dst, general, sizeof(general));
	for (size_t i = 0; ctl_options[i].name != NULL; i++)
		dst[n++] = (struct option){ ctl_options[i].name,
			ctl_options[i].kind == OPTION_FLAG ? no_argument
							   : required_argument,
			NULL, OPTION_FIRST + (int)i };
	dst[n] = (struct option){ NULL, 0, NULL, 0 };
}

/* command_line_row_of - the row of ctl_options that getopt means; NULL if none
 */
static const struct ctl_option *
command_line_row_of(int letter)
{
	if (letter >= OPTION_FIRST)
		return &ctl_options[letter - OPTION_FIRST];
	for (const struct ctl_option *o = ctl_options; o->name != NULL; o++)
		if (o->letter == letter && letter != 0)
			return o;
	return NULL;
}

/* note_option - what a row of ctl_options said */
static bool
note_option(
    struct command_line *l, const struct ctl_option *o, const char *value)
{
	if (o == NULL || o->name == NULL)
		return false;
	option_note(o, &l->ctl, value);
	l->seen |= (uint64_t)1 << (o - ctl_options);
	return true;
}

static bool
note_critical(struct command_line *l, const char *value)
{
	const struct ctl_option *o = ctl_options;

	while (o->name != NULL && strcmp(o->name, "critical") != 0)
		o++;
	return note_option(l, o, value);
}

/* command_line_note - what an option said.  False if it does not exist. */
static bool
command_line_note(struct command_line *l, int letter, const char *value)
{
	switch (letter) {
	case 'c':
		/* The plugins of a monitoring system have it so. */
		if (l->ctl.nagios)
			return note_critical(l, value);
		l->ctl.config = value;
		return true;
	case 's':
		l->ctl.socket = value;
		return true;
	case 'j':
		l->json = true;
		return true;
	case 'h':
		l->help = true;
		return true;
	case 'V':
		l->version = true;
		return true;
	default:
		return note_option(l, command_line_row_of(letter), value);
	}
}

/* command_line_takes - does the option stand in the usage of the command? */
static bool
command_line_takes(const struct command *c, const struct ctl_option *o)
{
	const char letter[] = { '-', o->letter, '\0' };

	for (const char *p = strchr(c->words, '-'); p != NULL;
	     p = strchr(p, '-')) {
		const size_t n = strcspn(p, " ]|");

		if ((n == 2 && strncmp(p, letter, n) == 0) ||
		    (n == strlen(o->name) + 2 && strncmp(p, "--", 2) == 0 &&
			strncmp(p + 2, o->name, n - 2) == 0))
			return true;
		p += n;
	}
	return false;
}

/* misfit_options - what is wrong with them; NULL if nothing is */
static const char *
misfit_options(const struct command_line *l)
{
	static char words[80];

	for (size_t i = 0; ctl_options[i].name != NULL; i++) {
		const struct ctl_option *o = &ctl_options[i];
		const char *wrong = NULL;

		if ((l->seen >> i & 1) == 0)
			continue;
		if (!command_line_takes(l->command, o))
			wrong = "is not for this command";
		else
			wrong = option_misfit(o, &l->ctl);
		if (wrong == NULL)
			continue;
		if (o->letter != 0)
			snprintf(
			    words, sizeof(words), "-%c %s", o->letter, wrong);
		else
			snprintf(
			    words, sizeof(words), "--%s %s", o->name, wrong);
		return words;
	}
	return NULL;
}

/* misfit - what is wrong with arguments and options; NULL if nothing is */
static const char *
misfit(const struct command_line *l, size_t nword)
{
	const struct command *c = l->command;
	const char *wrong = misfit_options(l);

	if (wrong != NULL)
		return wrong;
	if (nword < c->least)
		return "an argument is missing";
	if (nword > c->most)
		return "there is an argument too many";
	return c->misfit != NULL ? c->misfit(&l->ctl) : NULL;
}

/*
 * take_words - what stands behind the command: its arguments, or more
 * recipients.  How many arguments there are.
 */
static size_t
take_words(struct command_line *l, char **word, size_t n)
{
	struct ctl *ctl = &l->ctl;
	const bool more_rcpt = ctl->rcpt.n > 0;

	for (size_t i = 0; i < n; i++)
		if (more_rcpt)
			ctl->rcpt.v[ctl->rcpt.n++] = word[i];
		else if (ctl->nword < CTL_WORDS)
			ctl->word[ctl->nword++] = word[i];
	ctl->words = word;
	ctl->nwords = more_rcpt ? 0 : n;
	return ctl->nwords;
}

int
command_line_parse(int argc, char **argv, struct command_line *l)
{
	struct option all[GENERAL + OPTIONS_MOST + 1];
	const char *wrong;
	int letter;

	long_options(all);
	while (
	    (letter = getopt_long(argc, argv, "c:s:hVn:w:", all, NULL)) != -1) {
		if (!command_line_note(l, letter, optarg)) {
			usage_all(stderr);
			return EX_USAGE;
		}
	}
	if (l->version) {
		printf("postmeterctl %s\n", POSTMETER_VERSION);
		return -1;
	}
	if (optind == argc) {
		usage_all(l->help ? stdout : stderr);
		return l->help ? -1 : EX_USAGE;
	}
	l->command = l->ctl.command = command_find(argv[optind]);
	if (l->command == NULL) {
		unknown_command(argv[optind]);
		return EX_USAGE;
	}
	if (l->help) {
		help_one(stdout, l->command);
		return -1;
	}
	wrong = misfit(
	    l, take_words(l, argv + optind + 1, (size_t)(argc - optind - 1)));
	if (wrong != NULL) {
		fprintf(
		    stderr, "postmeterctl %s: %s\n", l->command->name, wrong);
		usage_one(stderr, l->command);
		return EX_USAGE;
	}
	return 0;
}
