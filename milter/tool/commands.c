/*
 * commands.c - every command of postmeterctl, one row each.
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
	{ .name = "status",
	    .words = "[--nagios [--warning RANGE] [--critical RANGE]]",
	    .options = "nagios warning critical",
	    .what = "is all well?",
	    .run = ctl_status,
	    .print = text_status,
	    .example = { "status", "status --nagios -w 80 -c 95" } },
	{ .name = "top",
	    .words = "[-n N] [--refused]",
	    .options = "number refused",
	    .what = "the fullest limits, or who is refused most",
	    .print = text_top,
	    .example = { "top -n 50", "top --refused" } },
	{ .name = "show",
	    .words = "WHO",
	    .least = 1,
	    .most = 1,
	    .options = "",
	    .what = "one sender: limits, grants, events",
	    .print = text_show,
	    .name_of = { "who" },
	    .example = { "show alice@office.example", "show 10.0.9.7" } },
	{ .name = "explain",
	    .words =
		"--sender S [--login L] [--client IP] [--size N] --rcpt R ...",
	    .options = "sender login client size rcpt",
	    .what = "what would this message be answered?",
	    .print = text_explain,
	    .example = { "explain --sender alice@office.example --rcpt bob@example.net",
		"explain --sender news@office.example --login news --rcpt a@example.net b@example.net" },
	    .misfit = misfit_explain },
	{ .name = "events",
	    .words = "[WHO] [-n N]",
	    .most = 1,
	    .options = "number",
	    .what = "the newest events",
	    .print = text_events,
	    .name_of = { "who" },
	    .example = { "events -n 50", "events alice@office.example" } },
	{ .name = "trace",
	    .words =
		"[QUEUEID] [--sender WHO] [--rcpt ADDRESS] [--since SPAN] [--refused] [-n N]",
	    .most = 1,
	    .options = "sender rcpt since refused number",
	    .what = "what became of a message, and why",
	    .print = text_trace,
	    .name_of = { "id" },
	    .example = { "trace 4XkP2v3Q1zZ",
		"trace --sender alice@office.example --since 2h --refused" } },
	{ .name = "history",
	    .words = "[WHO] [-n DAYS]",
	    .most = 1,
	    .options = "number",
	    .what = "sent and refused by day",
	    .print = text_history,
	    .name_of = { "who" },
	    .example = { "history alice@office.example", "history -n 7" } },
	{ .name = "reset",
	    .words = "WHO [POLICY]",
	    .least = 1,
	    .most = 2,
	    .options = "",
	    .what = "forget what WHO has spent",
	    .print = text_reset,
	    .name_of = { "who", "policy" },
	    .example = { "reset alice@office.example",
		"reset alice@office.example staff" } },
	{ .name = "grant",
	    .words = "WHO POLICY DIMENSION +N --for SPAN [--why TEXT]",
	    .least = 4,
	    .most = 4,
	    .options = "for why",
	    .what = "more for a while",
	    .print = text_grant,
	    .name_of = { "who", "policy", "dimension", "extra" },
	    .example = { "grant alice@office.example staff messages +200 --for 1d --why \"trade fair\"",
		"grant news@office.example bulk recipients +2k --for 8h" },
	    .misfit = misfit_grant },
	{ .name = "revoke",
	    .words = "WHO [POLICY]",
	    .least = 1,
	    .most = 2,
	    .options = "",
	    .what = "take grants back",
	    .print = text_revoke,
	    .name_of = { "who", "policy" },
	    .example = { "revoke alice@office.example",
		"revoke alice@office.example staff" } },
	{ .name = "held",
	    .words = "[--postfix-config DIR | --sendmail-config DIR]",
	    .options = "postfix-config sendmail-config",
	    .what = "the mail that is held, and why",
	    .run = ctl_held,
	    .print = ctl_held_text,
	    .example = { "held", "--json held" } },
	{ .name = "release",
	    .words =
		"WHO|QUEUEID [--now] | --due [--postfix-config DIR | --sendmail-config DIR]",
	    .most = 1,
	    .options = "due now postfix-config sendmail-config",
	    .what = "let held mail go, charged",
	    .run = ctl_release,
	    .print = ctl_release_text,
	    .example = { "release alice@office.example", "release --due" },
	    .misfit = misfit_release },
	{ .name = "block",
	    .words =
		"WHO [--for SPAN] [--why TEXT] [--hold-queue] [--postfix-config DIR]",
	    .least = 1,
	    .most = 1,
	    .options = "for why hold-queue postfix-config",
	    .what = "refuse all mail of WHO",
	    .run = ctl_block,
	    .print = ctl_block_text,
	    .name_of = { "who" },
	    .example = { "block alice@office.example --hold-queue --why \"password stolen\"",
		"block 10.0.9.0/24 --for 2h" } },
	{ .name = "unblock",
	    .words = "WHO",
	    .least = 1,
	    .most = 1,
	    .options = "",
	    .what = "take that back",
	    .print = text_unblock,
	    .name_of = { "who" },
	    .example = { "unblock alice@office.example",
		"unblock @office.example" } },
	{ .name = "reload",
	    .words = "",
	    .options = "",
	    .what = "read the configuration again",
	    .print = text_reload,
	    .example = { "reload", "check && postmeterctl reload" } },
	{ .name = "export",
	    .words = "",
	    .options = "",
	    .what = "all counters, blocks and events as JSON",
	    .print = text_export,
	    .example = { "export >counters.json", "export | jq .blocks" } },
	{ .name = "metrics",
	    .words = "[--openmetrics]",
	    .options = "openmetrics",
	    .what = "numbers for a monitoring system",
	    .run = ctl_metrics,
	    .print = ctl_metrics_text,
	    .example = { "metrics", "metrics --openmetrics" } },
	{ .name = "report",
	    .words = "[--week]",
	    .options = "week",
	    .what = "a page a day: sent, refused, nearly full",
	    .run = ctl_report,
	    .print = ctl_report_text,
	    .example = { "report", "report --week" } },
	{ .name = "mail",
	    .words = "[--report [--week]] [--postfix-config DIR]",
	    .options = "report week postfix-config",
	    .what = "tell by mail what there is to tell",
	    .run = ctl_mail,
	    .print = ctl_mail_text,
	    .example = { "mail", "mail --report --week" },
	    .misfit = misfit_mail },
	{ .name = "replay",
	    .words = "[--suggest] LOG...",
	    .least = 1,
	    .most = 100000,
	    .options = "suggest",
	    .what = "what would these limits have said to an old mail log?",
	    .run = ctl_replay,
	    .print = ctl_replay_text,
	    .example = { "replay /var/log/mail.log.1 /var/log/mail.log",
		"-c new.conf replay --suggest /var/log/mail.log*" } },
	{ .name = "import",
	    .words =
		"postfix | KIND FILE... [--secrets FILE] [--postfix-config DIR]",
	    .least = 1,
	    .most = 1000,
	    .options = "secrets postfix-config",
	    .what = "what another program was told, as a configuration",
	    .run = ctl_import,
	    .print = ctl_import_text,
	    .example = { "import postfix --secrets /etc/postmeter/secrets.conf >new.conf",
		"import policyd-rate-limit /etc/policyd-rate-limit.yaml >new.conf" },
	    .misfit = ctl_import_misfit },
	{ .name = "check",
	    .words =
		"[FILE] [--mta [--postfix-config DIR] [--sendmail-config DIR]]",
	    .most = 1,
	    .options = "mta postfix-config sendmail-config",
	    .what = "is the configuration good?",
	    .run = ctl_check,
	    .print = text_check,
	    .example = { "check ./postmeter.conf", "check --mta" } },
	{ .name = "setup",
	    .words =
		"postfix|sendmail [--apply|--undo|--check] [--prove] [--postfix-config DIR] [--sendmail-config DIR]",
	    .least = 1,
	    .most = 1,
	    .options = "apply undo check prove postfix-config sendmail-config",
	    .what = "the mail server's half of the wiring",
	    .run = ctl_setup,
	    .print = text_setup,
	    .example = { "setup postfix", "setup postfix --apply --prove" },
	    .misfit = misfit_setup },
	{ .name = "test",
	    .words = "SMARTHOST [--send ADDRESS [--sender ADDRESS]]",
	    .least = 1,
	    .most = 1,
	    .options = "send sender",
	    .what = "can mail be sent through a smarthost?",
	    .run = ctl_test,
	    .print = ctl_test_text,
	    .example = { "test workspace",
		"test workspace --send me@example.net" } },
	{ .name = "smarthost",
	    .words = "NAME open|close [--for SPAN] [--why TEXT]",
	    .least = 2,
	    .most = 2,
	    .options = "for why",
	    .what = "open or close an account's gate by hand",
	    .print = text_smarthost,
	    .name_of = { "smarthost", "action" },
	    .example = { "smarthost workspace open",
		"smarthost workspace close --for 2h" } },
	{ .name = "learn",
	    .words = "",
	    .options = "",
	    .what =
		"what providers refuse, from Sendmail's log on standard input",
	    .run = ctl_learn,
	    .print = ctl_learn_text,
	    .example = { "learn </var/log/mail.log",
		"-c /etc/postmeter/postmeter.conf learn </var/log/mail.log" } },
	{ .name = "login",
	    .words = "SMARTHOST",
	    .least = 1,
	    .most = 1,
	    .options = "",
	    .what = "allow a smarthost's tokens (OAuth)",
	    .run = ctl_login,
	    .print = ctl_login_text,
	    .example = { "login workspace", "--json login workspace" } },
	{ .name = "web",
	    .words = "",
	    .options = "",
	    .what = "an address of the page, good once",
	    .run = ctl_web,
	    .print = ctl_web_text,
	    .example = { "web", "--json web" } },
	{ .name = "providers",
	    .words = "",
	    .options = "",
	    .what = "what is known about providers",
	    .run = ctl_providers,
	    .print = ctl_providers_text,
	    .example = { "providers", "--json providers" } },
	{ .name = "secret",
	    .words = "set NAME | list | remove NAME",
	    .least = 1,
	    .most = 2,
	    .options = "",
	    .what = "the keys of the smarthosts",
	    .run = ctl_secret,
	    .print = ctl_secret_text,
	    .example = { "secret list", "secret set workspace" },
	    .misfit = misfit_secret },
	{ .name = NULL },
};
