/*
 * postmeterctl.c - the operator's tool.
 *
 * One table of commands, one of options.  A command for the daemon is a JSON
 * object made of what the command line said; the daemon, which knows the
 * policies, judges it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "suggest.h"
#include "tool/tool.h"
#include "version.h"

struct command {
	const char *name;
	const char *words;   /* positional arguments, for the usage */
	size_t least, most;  /* how many */
	const char *options; /* those it takes, by their letters below */
	const char *what;
	/* NULL: the daemon answers */
	int (*run)(const struct ctl *ctl, json_t **answer_r);
	const char *name_of[4]; /* of each word, in the daemon's object */
};

static const struct command commands[] = {
	{ "status", "", 0, 0, "", "is all well?", NULL, { NULL } },
	{ "top", "[-n N]", 0, 0, "n", "the fullest limits", NULL, { NULL } },
	{ "show", "WHO", 1, 1, "", "one sender: limits, grants, events", NULL,
	    { "who" } },
	{ "explain",
	    "--sender S [--login L] [--client IP] [--size N] --rcpt R ...", 0,
	    0, "SLCZR", "what would this message be answered?", NULL,
	    { NULL } },
	{ "events", "[WHO] [-n N]", 0, 1, "n", "the newest events", NULL,
	    { "who" } },
	{ "reset", "WHO [POLICY]", 1, 2, "", "forget what WHO has spent", NULL,
	    { "who", "policy" } },
	{ "grant", "WHO POLICY DIMENSION +N --for SPAN [--why TEXT]", 4, 4,
	    "FW", "more for a while", NULL,
	    { "who", "policy", "dimension", "extra" } },
	{ "block", "WHO [--for SPAN] [--why TEXT]", 1, 1, "FW",
	    "refuse all mail of WHO", NULL, { "who" } },
	{ "unblock", "WHO", 1, 1, "", "take that back", NULL, { "who" } },
	{ "reload", "", 0, 0, "", "read the configuration again", NULL,
	    { NULL } },
	{ "export", "", 0, 0, "", "all counters, blocks and events as JSON",
	    NULL, { NULL } },
	{ "check",
	    "[FILE] [--mta [--postfix-config DIR] [--sendmail-config DIR]]", 0,
	    1, "TPM", "is the configuration good?", ctl_check, { NULL } },
	{ "setup",
	    "postfix|sendmail [--apply|--undo|--check] [--postfix-config DIR] [--sendmail-config DIR]",
	    1, 1, "AUKPM", "the mail server's half of the wiring", ctl_setup,
	    { NULL } },
	{ "test", "SMARTHOST [--send ADDRESS [--sender ADDRESS]]", 1, 1, "ES",
	    "can mail be sent through a smarthost?", ctl_test, { NULL } },
	{ "providers", "", 0, 0, "", "what is known about providers",
	    ctl_providers, { NULL } },
	{ "secret", "set NAME | list | remove NAME", 1, 2, "",
	    "the keys of the smarthosts", ctl_secret, { NULL } },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "number", required_argument, NULL, 'n' },
	{ "sender", required_argument, NULL, 'S' },
	{ "login", required_argument, NULL, 'L' },
	{ "client", required_argument, NULL, 'C' },
	{ "size", required_argument, NULL, 'Z' },
	{ "rcpt", required_argument, NULL, 'R' },
	{ "for", required_argument, NULL, 'F' },
	{ "why", required_argument, NULL, 'W' },
	{ "apply", no_argument, NULL, 'A' },
	{ "undo", no_argument, NULL, 'U' },
	{ "check", no_argument, NULL, 'K' },
	{ "mta", no_argument, NULL, 'T' },
	{ "send", required_argument, NULL, 'E' },
	{ "postfix-config", required_argument, NULL, 'P' },
	{ "sendmail-config", required_argument, NULL, 'M' },
	{ NULL, 0, NULL, 0 },
};

/* What main needs beyond struct ctl. */
struct line {
	struct ctl ctl;
	const struct command *command;
	bool json, help, version;
	char seen[32]; /* letters of command options, in order */
};

/* --- usage --------------------------------------------------------------- */

static void
usage_all(FILE *out)
{
	fputs(
	    "usage: postmeterctl [-c FILE] [-s SOCKET] [--json] COMMAND ...\n\n",
	    out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].what);
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

static void
unknown_command(const char *name)
{
	struct suggest near;
	const char *best;

	suggest_init(&near, name);
	for (size_t i = 0; i < COMMANDS; i++)
		suggest_add(&near, commands[i].name);
	best = suggest_best(&near);
	fprintf(stderr, "postmeterctl: there is no such command");
	if (best != NULL)
		fprintf(stderr, "; did you mean %s?", best);
	fprintf(stderr, "\n  postmeterctl -h lists them\n");
}

/* --- the command line ---------------------------------------------------- */

/* note_option - what an option said.  False if it does not exist. */
static bool
note_option(struct line *l, int letter, const char *value)
{
	struct ctl *ctl = &l->ctl;

	switch (letter) {
	case 'c':
		ctl->config = value;
		return true;
	case 's':
		ctl->socket = value;
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
	case 'n':
		ctl->count = value;
		break;
	case 'S':
		ctl->sender = value;
		break;
	case 'L':
		ctl->login = value;
		break;
	case 'C':
		ctl->client = value;
		break;
	case 'Z':
		ctl->size = value;
		break;
	case 'R':
		ctl->rcpt[ctl->nrcpt++] = value;
		break;
	case 'F':
		ctl->span = value;
		break;
	case 'W':
		ctl->why = value;
		break;
	case 'A':
		ctl->apply = true;
		break;
	case 'U':
		ctl->undo = true;
		break;
	case 'K':
		ctl->check = true;
		break;
	case 'T':
		ctl->mta = true;
		break;
	case 'E':
		ctl->send = value;
		break;
	case 'P':
		ctl->postfix = value;
		break;
	case 'M':
		ctl->sendmail = value;
		break;
	default:
		return false;
	}
	if (strchr(l->seen, letter) == NULL)
		l->seen[strlen(l->seen)] = (char)letter;
	return true;
}

/* number - a positive count; -1 if it is none */
static long long
number(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || n < 1 ? -1 : n;
}

/* is_number - a count that is missing is no wrong one */
static bool
is_number(const char *text)
{
	return text == NULL || number(text) != -1;
}

/* option_name - "--for", by its letter */
static const char *
option_name(char letter)
{
	const struct option *o = options;

	while (o->name != NULL && o->val != letter)
		o++;
	return o->name;
}

/* misfit_words - what is wrong with the arguments; NULL if nothing is */
static const char *
misfit_words(const struct line *l, size_t nword)
{
	const struct command *c = l->command;
	const char *first = l->ctl.word[0];

	if (nword < c->least)
		return "an argument is missing";
	if (nword > c->most)
		return "there is an argument too many";
	if (c->run == ctl_secret && !ctl_secret_words(&l->ctl))
		return "it is set NAME, list, or remove NAME";
	if (c->run == ctl_setup && strcmp(first, "postfix") != 0 &&
	    strcmp(first, "sendmail") != 0)
		return "the mail server is postfix or sendmail";
	return NULL;
}

/* misfit - what is wrong with arguments and options; NULL if nothing is */
static const char *
misfit(const struct line *l, size_t nword)
{
	static char why[80];
	const struct ctl *ctl = &l->ctl;
	const struct command *c = l->command;
	const char alien = l->seen[strspn(l->seen, c->options)];

	if (alien != '\0') {
		snprintf(why, sizeof(why), "--%s is not for this command",
		    option_name(alien));
		return why;
	}
	if (!is_number(ctl->count))
		return "-n wants a whole number, 1 or more";
	if (!is_number(ctl->size))
		return "--size wants a whole number of bytes, 1 or more";
	if (strcmp(c->name, "explain") == 0 && ctl->sender == NULL)
		return "--sender is missing";
	if (strcmp(c->name, "explain") == 0 && ctl->nrcpt == 0)
		return "--rcpt is missing";
	if (strcmp(c->name, "grant") == 0 && ctl->span == NULL)
		return "--for is missing: a grant must end some day";
	if (ctl->apply + ctl->undo + ctl->check > 1)
		return "--apply, --undo and --check exclude each other";
	return misfit_words(l, nword);
}

/*
 * take_words - what stands behind the command: its arguments, or more
 * recipients.  How many arguments there are.
 */
static size_t
take_words(struct line *l, char **word, size_t n)
{
	const bool more_rcpt = l->ctl.nrcpt > 0;

	for (size_t i = 0; i < n; i++)
		if (more_rcpt)
			l->ctl.rcpt[l->ctl.nrcpt++] = word[i];
		else if (l->ctl.nword < 4)
			l->ctl.word[l->ctl.nword++] = word[i];
	return more_rcpt ? 0 : n;
}

/* parse - the whole command line.  0, EX_USAGE (told), or -1: help was given */
static int
parse(int argc, char **argv, struct line *l)
{
	const char *why;
	int letter;

	while ((letter = getopt_long(argc, argv, "c:s:hVn:", options, NULL)) !=
	       -1) {
		if (!note_option(l, letter, optarg)) {
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
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			l->command = &commands[i];
	if (l->command == NULL) {
		unknown_command(argv[optind]);
		return EX_USAGE;
	}
	if (l->help) {
		usage_one(stdout, l->command);
		return -1;
	}
	why = misfit(
	    l, take_words(l, argv + optind + 1, (size_t)(argc - optind - 1)));
	if (why != NULL) {
		fprintf(stderr, "postmeterctl %s: %s\n", l->command->name, why);
		usage_one(stderr, l->command);
		return EX_USAGE;
	}
	return 0;
}

/* --- asking the daemon --------------------------------------------------- */

static void
set_text(json_t *request, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(request, name, json_string(value));
}

/* request_of - the object to ask with; a word that is no UTF-8 is left out */
static json_t *
request_of(const struct line *l)
{
	const struct ctl *ctl = &l->ctl;
	json_t *request = json_pack("{s:s}", "command", l->command->name);
	json_t *rcpt = json_array();

	for (size_t i = 0; i < ctl->nrcpt; i++)
		json_array_append_new(rcpt, json_string(ctl->rcpt[i]));
	if (ctl->nrcpt > 0)
		json_object_set(request, "rcpt", rcpt);
	json_decref(rcpt);
	for (size_t i = 0; i < ctl->nword; i++)
		set_text(request, l->command->name_of[i], ctl->word[i]);
	set_text(request, "sender", ctl->sender);
	set_text(request, "login", ctl->login);
	set_text(request, "client", ctl->client);
	set_text(request, "for", ctl->span);
	set_text(request, "why", ctl->why);
	if (ctl->count != NULL)
		json_object_set_new(
		    request, "n", json_integer(number(ctl->count)));
	if (ctl->size != NULL)
		json_object_set_new(
		    request, "size", json_integer(number(ctl->size)));
	return request;
}

/*
 * for_viewers - is the control socket shut to this user, and is there another
 * one for those who look?
 */
static bool
for_viewers(const struct config *conf)
{
	return conf->view_socket.path[0] != '\0' &&
	       access(conf->control_socket.path, W_OK) == -1 && errno == EACCES;
}

/*
 * find_socket - where the daemon listens.  A configuration that is broken
 * just now must not shut the door: then it is the usual place.
 */
static int
find_socket(const struct ctl *ctl, struct unix_socket *ep, json_t **failure_r)
{
	const char *text = ctl->socket;
	struct config *conf =
	    text == NULL ? ctl_config(ctl->config, NULL) : NULL;
	char named[ENDPOINT_PATH_MAX + 8];
	struct why why;

	if (conf != NULL) {
		*ep = for_viewers(conf) ? conf->view_socket
					: conf->control_socket;
		config_free(&conf);
		return 0;
	}
	snprintf(named, sizeof(named), "%s%s",
	    text != NULL && strchr(text, ':') != NULL ? "" : "unix:",
	    text != NULL ? text : CTL_SOCKET_DEFAULT);
	if (unix_socket_parse(named, ep, &why) == 0)
		return 0;
	*failure_r = ctl_failure(why.text, "the socket cannot be used");
	return -1;
}

static int
ask(const struct line *l, json_t **answer_r)
{
	struct unix_socket ep;
	json_t *request;
	int code;

	if (find_socket(&l->ctl, &ep, answer_r) == -1)
		return EX_USAGE;
	request = request_of(l);
	code = ctl_ask(&ep, request, answer_r);
	json_decref(request);
	return code;
}

/* columns - of the terminal, as it says or its user does; 0: not known */
static size_t
columns(void)
{
	const char *said = getenv("COLUMNS");
	const long long n = said != NULL ? number(said) : -1;
	struct winsize w;

	if (n != -1)
		return (size_t)n;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

int
main(int argc, char **argv)
{
	struct line l = { .ctl = { .config = CONFIG_DEFAULT } };
	const char *no_color = getenv("NO_COLOR");
	struct screen sc = { .out = stdout, .err = stderr };
	json_t *answer = NULL;
	const struct output *output;
	int code;

	l.ctl.rcpt = calloc((size_t)argc, sizeof(*l.ctl.rcpt));
	if (l.ctl.rcpt == NULL)
		return EX_OSERR;
	code = parse(argc, argv, &l);
	if (code == 0) {
		sc.pretty = isatty(STDOUT_FILENO);
		sc.width = sc.pretty ? columns() : 0;
		sc.colour =
		    sc.pretty && (no_color == NULL || no_color[0] == '\0');
		output = l.json ? &output_json : &output_text;
		code = l.command->run != NULL ? l.command->run(&l.ctl, &answer)
					      : ask(&l, &answer);
		if (json_is_true(json_object_get(answer, "ok")))
			output->answer(&sc, l.command->name, answer);
		else
			output->failure(&sc, l.command->name, answer);
		json_decref(answer);
	} else if (code == -1) {
		code = EX_OK;
	}
	free(l.ctl.rcpt);
	return fflush(stdout) == EOF && code == EX_OK ? EX_IOERR : code;
}
