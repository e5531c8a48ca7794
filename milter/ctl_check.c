/*
 * ctl_check.c - is the configuration good, and is it what was meant?
 *
 * The daemon would refuse what is wrong here in the same words.  What is
 * right but hardly meant is a warning: it never stops anything.
 */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl.h"
#include "ctl_postfix.h"
#include "secrets.h"

static void warn(json_t *list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
warn(json_t *list, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

static bool
matches_everything(const struct rule *r)
{
	return r->sender.n == 0 && r->login.n == 0 && r->client.n == 0;
}

/* rule_warnings - a rule that an earlier one leaves nothing to */
static void
rule_warnings(const struct config *conf, json_t *list)
{
	for (size_t i = 0; i + 1 < conf->nrule; i++) {
		if (!matches_everything(&conf->rule[i]))
			continue;
		for (size_t j = i + 1; j < conf->nrule; j++)
			warn(list,
			    "rule %s is never reached: rule %s before "
			    "it matches everything",
			    conf->rule[j].name, conf->rule[i].name);
		return;
	}
}

static bool
among(const struct policies *list, const struct policy *p)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i] == p)
			return true;
	return false;
}

static bool
policy_used(const struct config *conf, const struct policy *p)
{
	for (size_t i = 0; i < conf->nrule; i++)
		if (among(&conf->rule[i].policies, p))
			return true;
	for (size_t i = 0; i < conf->nsmarthost; i++)
		if (among(&conf->smarthost[i].policies, p))
			return true;
	return p == conf->senders;
}

static bool
smarthost_used(const struct config *conf, const struct smarthost *sh)
{
	for (size_t i = 0; i < conf->nrule; i++)
		if (config_leads_to(conf->rule[i].route, sh))
			return true;
	return false;
}

static void
unused_warnings(const struct config *conf, json_t *list)
{
	for (size_t i = 0; i < conf->npolicy; i++)
		if (!policy_used(conf, &conf->policy[i]))
			warn(list,
			    "policy %s is used by no rule and no smarthost: it "
			    "limits "
			    "nothing",
			    conf->policy[i].name);
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		if (!smarthost_used(conf, &conf->smarthost[i]))
			warn(list, "smarthost %s is reached by no rule",
			    conf->smarthost[i].name);
		if (conf->smarthost[i].tls == TLS_ENCRYPT)
			warn(list,
			    "smarthost %s has tls = encrypt: whoever "
			    "stands in its place gets the key",
			    conf->smarthost[i].name);
	}
}

json_t *
ctl_warnings(const struct config *conf)
{
	json_t *list = json_array();

	if (conf->observe)
		warn(list, "mode = observe: nothing is refused");
	if (conf->on_store_failure == STORE_FAILURE_ACCEPT)
		warn(list, "on-store-failure = accept: mail passes unmetered "
			   "while the store fails");
	if (conf->unmatched_accept)
		warn(list, "unmatched = accept: outgoing mail without a rule "
			   "is not metered");
	if (strncmp(conf->store, "redis://", 8) == 0 &&
	    strncmp(conf->store, "redis://127.", 12) != 0 &&
	    strncmp(conf->store, "redis://localhost", 17) != 0)
		warn(list, "store = redis:// is in clear: whoever sees or "
			   "changes the traffic sees or changes counters; "
			   "rediss:// is not");
	if (strncmp(conf->store, "memory:", 7) == 0)
		warn(list, "store = memory: every restart forgets what was "
			   "sent");
	rule_warnings(conf, list);
	unused_warnings(conf, list);
	return list;
}

/* check_secrets - do smarthosts and store have their keys?  False: see errors.
 */
static bool
check_secrets(const struct config *conf, FILE *errors)
{
	const struct passwd *pw = getpwnam(conf->user);
	struct secrets *secrets;
	bool good = true;

	if (pw == NULL) {
		fprintf(errors,
		    "%s: user = %s: there is no such user, make "
		    "it with `useradd --system %s`\n",
		    conf->file, conf->user, conf->user);
		return false;
	}
	if (conf->secrets[0] == '\0')
		return true;
	secrets = secrets_load(conf->secrets, pw->pw_uid, pw->pw_gid, errors);
	if (secrets == NULL)
		return false;
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];

		if (sh->secret == NULL || sh->secret[0] == '\0' ||
		    secrets_has(secrets, sh->secret))
			continue;
		fprintf(errors,
		    "%s: smarthost %s: secret %s is missing, add "
		    "it to %s\n",
		    conf->file, sh->name, sh->secret, conf->secrets);
		good = false;
	}
	if (conf->store_secret[0] != '\0' &&
	    !secrets_has(secrets, conf->store_secret)) {
		fprintf(errors,
		    "%s: store-secret: secret %s is missing, add it to %s\n",
		    conf->file, conf->store_secret, conf->secrets);
		good = false;
	}
	secrets_free(&secrets);
	return good;
}

/* failure - the lines of error, one string each */
static json_t *
failure(const char *file, char *text)
{
	json_t *answer = ctl_failure(
	    "each line names what would be right", "%s is not good", file);
	json_t *lines = json_array();
	char *rest = NULL, *line;

	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		json_array_append_new(lines, json_string(line));
	json_object_set_new(answer, "errors", lines);
	return answer;
}

/*
 * check_mta - Postfix as it is set up now, too.  The code to exit with; what
 * was found is in the answer.
 */
static int
check_mta(const struct ctl *ctl, const struct config *conf, json_t **answer_r)
{
	struct postfix pf;
	json_t *found, *answer = NULL;
	size_t musts = 0, i;
	const json_t *f;

	if (postfix_read(&pf, ctl->postfix, &answer) == -1) {
		json_decref(*answer_r);
		*answer_r = answer;
		return EX_CONFIG;
	}
	found = postfix_audit(&pf, conf);
	postfix_free(&pf);
	json_array_foreach (found, i, f)
		musts += json_is_true(json_object_get(f, "must"));
	json_object_set_new(*answer_r, "findings", found);
	if (musts == 0)
		return EX_OK;
	answer = ctl_failure("each finding names its own",
	    "Postfix lets mail go unmetered or a key go astray: %zu", musts);
	json_object_update(*answer_r, answer);
	json_decref(answer);
	return 1;
}

int
ctl_check(const struct ctl *ctl, json_t **answer_r)
{
	const char *file = ctl->nword > 0 ? ctl->word[0] : ctl->config;
	struct config *conf;
	char *text = NULL;
	size_t len = 0;
	FILE *errors = open_memstream(&text, &len);
	bool good;
	int code = EX_OK;

	*answer_r = NULL;
	if (errors == NULL)
		return EX_OSERR;
	conf = config_load(file, errors);
	good = conf != NULL && check_secrets(conf, errors);
	fclose(errors);
	if (good)
		*answer_r = json_pack("{s:b, s:s, s:i, s:i, s:i, s:i, s:o}",
		    "ok", 1, "file", file, "rules", (int)conf->nrule,
		    "policies", (int)conf->npolicy, "routes", (int)conf->nroute,
		    "smarthosts", (int)conf->nsmarthost, "warnings",
		    ctl_warnings(conf));
	else
		*answer_r = failure(file, text);
	if (good && ctl->mta)
		code = check_mta(ctl, conf, answer_r);
	free(text);
	config_free(&conf);
	return good ? code : EX_CONFIG;
}
