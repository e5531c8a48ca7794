/*
 * cmd_mail.c - `postmeterctl mail`: what there is to tell, by mail.
 *
 * A timer runs it as the daemon's user.  Not the daemon: it starts no program
 * and has no network, and whatever mail does must not be in the way of an
 * answer.  Not the agent: it holds tokens, and is not needed everywhere.  What
 * was told is noted in a file, after it was handed in: who dies in between
 * tells it twice, never not at all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "mail.h"
#include "mail_words.h"
#include "replace_file.h"

/* --- what was told ------------------------------------------------------- */

static int
day_of(const struct config *conf, int64_t when, int *minute_r)
{
	struct tm tm;

	zone_localtime(conf->zone, when, &tm);
	*minute_r = tm.tm_hour * 60 + tm.tm_min;
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

json_t *
mail_state_load(const char *path, int64_t now)
{
	json_t *state = json_load_file(path, 0, NULL);

	if (json_is_object(state) &&
	    json_is_integer(json_object_get(state, "event")))
		return state;
	json_decref(state);
	/* The first time: what is past is not told. */
	return json_pack("{s:I, s:i, s:{}}", "event", (json_int_t)now, "report",
	    0, "warned");
}

int
mail_state_save(const char *path, const json_t *state, struct why *why)
{
	char *text = json_dumps(state, JSON_COMPACT);
	struct replacement r = {
		.p = text, .uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600
	};
	struct stat dir;
	char *parent = strdup(path), *slash;
	int rc = -1;

	slash = parent != NULL ? strrchr(parent, '/') : NULL;
	if (text == NULL || slash == NULL) {
		why_set(why, "out of memory");
	} else {
		slash[1] = '\0';
		/* Also if root asks: it is the daemon's user who goes on. */
		if (geteuid() == 0 && stat(parent, &dir) == 0) {
			r.uid = dir.st_uid;
			r.gid = dir.st_gid;
		}
		r.len = strlen(text);
		rc = replace_file(path, &r, why);
	}
	free(parent);
	free(text);
	return rc;
}

/* --- the round ----------------------------------------------------------- */

/* reports_due - the report of a day that has ended, on Mondays of the week */
static int
reports_due(struct mail_round *m, json_t *state, struct why *why)
{
	const int last = (int)obj_num(state, "report");
	int minute;
	const int today = day_of(m->conf, m->now, &minute);
	struct tm tm;

	if (m->conf->report_at == -1 || m->conf->report_to.n == 0 ||
	    last == today)
		return 0;
	if (last != 0 && minute < m->conf->report_at)
		return 0;
	zone_localtime(m->conf->zone, m->now, &tm);
	/* last is 0 the first time: the next morning is the first report's. */
	if (last != 0 &&
	    (mail_report(m, false, why) == -1 ||
		(tm.tm_wday == 1 && mail_report(m, true, why) == -1)))
		return -1;
	json_object_set_new(state, "report", json_integer(today));
	return 0;
}

/* round - all that is due; what was told is noted even if the rest fails */
static int
mail_round(struct mail_round *m, struct why *why)
{
	json_t *state = mail_state_load(m->conf->mail_state, m->now);
	struct why other;
	int rc;

	rc = mail_events(m, state, why);
	if (rc == 0)
		rc = reports_due(m, state, why);
	if (mail_state_save(m->conf->mail_state, state, &other) == -1) {
		*why = other;
		rc = -1;
	}
	json_decref(state);
	return rc;
}

static bool
anybody_is_told(const struct config *conf)
{
	bool told = conf->report_to.n > 0 || conf->on_alert[0] != '\0';

	for (size_t i = 0; i < conf->npolicy; i++)
		told |= conf->policy[i].warn_to[0] != '\0';
	return told;
}

static json_t *
mail_answer(struct mail_round *m, int *code)
{
	struct why why = WHY_NONE;
	int rc;

	*code = 1;
	if (m->ctl->report && m->conf->report_to.n == 0)
		return ctl_failure(
		    "report-to = {\"it@office.example\"} in the configuration",
		    "nobody is told anything by mail");
	if (!m->ctl->report && !anybody_is_told(m->conf)) {
		*code = 0;
		return json_pack("{s:b, s:i, s:i, s:i}", "ok", 1, "alerts", 0,
		    "warnings", 0, "reports", 0);
	}
	if (m->conf->mail_state[0] == '\0')
		return ctl_failure("a store that is not memory:",
		    "nothing remembers what was told");
	m->words = mail_words_load(m->conf->mail_texts, &why);
	if (m->words == NULL)
		return ctl_failure(
		    "correct mail-texts in the configuration, or the file",
		    "%s", why.text);
	rc = m->ctl->report ? mail_report(m, m->ctl->week, &why)
			    : mail_round(m, &why);
	json_decref(m->words);
	if (rc == -1)
		return ctl_failure(
		    "it is tried again at the next round", "%s", why.text);
	*code = 0;
	return json_pack("{s:b, s:I, s:I, s:I}", "ok", 1, "alerts",
	    (json_int_t)m->alerts, "warnings", (json_int_t)m->warnings,
	    "reports", (json_int_t)m->reports);
}

int
ctl_mail(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, answer_r);
	struct mail_round m = { .ctl = ctl, .conf = conf, .now = clock_now() };
	int code;

	if (conf == NULL)
		return EX_CONFIG;
	if (gethostname(m.host, sizeof(m.host) - 1) == -1)
		strcpy(m.host, "postmeter");
	*answer_r = mail_answer(&m, &code);
	config_free(&conf);
	return code;
}

void
text_mail(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out, "mailed: alerts %lld, warnings %lld, reports %lld\n",
	    obj_num(a, "alerts"), obj_num(a, "warnings"),
	    obj_num(a, "reports"));
}
