/*
 * cmd_check.c - is the configuration good, and is it what was meant?
 *
 * The daemon would refuse what is wrong here in the same words.  What is
 * right but hardly meant is a warning: it never stops anything.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "check.h"
#include "credentials.h"
#include "postfix.h"
#include "store_url.h"
#include "tool.h"

static bool
check_among(const struct policies *list, const struct policy *p)
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
		if (check_among(&conf->rule[i].policies, p))
			return true;
	for (size_t i = 0; i < conf->nsmarthost; i++)
		if (check_among(&conf->smarthost[i].policies, p))
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
			ctl_warn(list,
			    "policy %s is used by no rule and no smarthost: it limits nothing",
			    conf->policy[i].name);
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		if (!smarthost_used(conf, &conf->smarthost[i]))
			ctl_warn(list, "smarthost %s is reached by no rule",
			    conf->smarthost[i].name);
		if (conf->smarthost[i].tls == TLS_ENCRYPT)
			ctl_warn(list,
			    "smarthost %s has tls = encrypt: whoever stands in its place gets the password",
			    conf->smarthost[i].name);
	}
}

json_t *
ctl_warnings(const struct config *conf)
{
	const char *store = store_url_warning(conf->store);
	json_t *list = json_array();

	if (conf->observe)
		ctl_warn(list, "mode = observe: nothing is refused");
	if (conf->on_store_failure == STORE_FAILURE_ACCEPT)
		ctl_warn(list,
		    "on-store-failure = accept: mail passes unmetered while the store fails");
	if (conf->unmatched_accept)
		ctl_warn(list,
		    "unmatched = accept: outgoing mail without a rule is not metered");
	if (store != NULL)
		ctl_warn(list, "%s", store);
	check_rules(conf, list);
	ctl_warn_passwords(conf, list);
	unused_warnings(conf, list);
	return list;
}

/* check_secrets - have smarthosts and store their secrets?  NULL or a failure
 */
static json_t *
check_secrets(const struct config *conf)
{
	struct secrets *secrets = NULL;
	json_t *failure = NULL;
	char *lines = NULL;
	size_t size;
	FILE *errors = open_memstream(&lines, &size);
	uid_t uid;
	gid_t gid;
	bool good;

	if (errors == NULL)
		return ctl_failure("", "memory is out");
	good = credentials_user(conf, &uid, &gid, errors) == 0 &&
	       credentials_load(conf, uid, gid, errors, &secrets) == 0;
	fclose(errors);
	if (!good)
		failure = ctl_mistakes(lines, "%s is not good", conf->file);
	secrets_free(&secrets);
	free(lines);
	return failure;
}

/* audit_postfix - findings about it.  0, or -1 and a failure */
static int
audit_postfix(const struct ctl *ctl, const struct config *conf, json_t *found,
    json_t **failure_r)
{
	struct postfix pf;
	json_t *more;

	if (postfix_read(&pf, ctl->postfix, failure_r) == -1)
		return -1;
	more = postfix_audit(&pf, conf);
	postfix_free(&pf);
	json_array_extend(found, more);
	json_decref(more);
	return 0;
}

/* audit - of the mail server that is here, or of both.  0, or -1 as above */
static int
audit(const struct ctl *ctl, const struct config *conf, json_t *found,
    json_t **failure_r)
{
	const bool sendmail = ctl_sendmail_here(ctl);
	const bool postfix = ctl->postfix != NULL || !sendmail ||
			     (ctl->sendmail == NULL &&
				 access("/etc/postfix/main.cf", F_OK) == 0);

	if (sendmail && ctl_sendmail_audit(ctl, conf, found, failure_r) == -1)
		return -1;
	return postfix ? audit_postfix(ctl, conf, found, failure_r) : 0;
}

/*
 * check_mta - the mail server as it is set up now, too.  The code to exit
 * with; what was found is in the answer.
 */
static int
check_mta(const struct ctl *ctl, const struct config *conf, json_t **answer_r)
{
	json_t *found = json_array(), *answer = NULL;
	size_t musts = 0, i;
	const json_t *f;

	check_living(ctl, conf, found);
	if (audit(ctl, conf, found, &answer) == -1) {
		json_decref(found);
		json_decref(*answer_r);
		*answer_r = answer;
		return EX_CONFIG;
	}
	ctl_oauth_audit(conf, found);
	json_array_foreach (found, i, f)
		musts += obj_yes(f, "must");
	json_object_set_new(*answer_r, "findings", found);
	if (musts == 0)
		return EX_OK;
	answer = ctl_failure("each finding names its own",
	    "the mail server lets mail go unmetered or a password go astray: %zu",
	    musts);
	json_object_update(*answer_r, answer);
	json_decref(answer);
	return 1;
}

/* check_summary - of what was found good; the built-in policy is not counted */
static json_t *
check_summary(const struct config *conf)
{
	return json_pack("{s:b, s:s, s:i, s:i, s:i, s:i, s:o}", "ok", 1, "file",
	    conf->file, "rules", (int)conf->nrule, "policies",
	    (int)conf->npolicy - 1, "routes", (int)conf->nroute, "smarthosts",
	    (int)conf->nsmarthost, "warnings", ctl_warnings(conf));
}

int
ctl_check(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf =
	    ctl_config(ctl->nword > 0 ? ctl->word[0] : ctl->config, answer_r);
	int code = EX_OK;

	if (conf == NULL)
		return EX_CONFIG;
	*answer_r = check_secrets(conf);
	if (*answer_r != NULL)
		code = EX_CONFIG;
	else
		*answer_r = check_summary(conf);
	if (code == EX_OK && ctl->mta)
		code = check_mta(ctl, conf, answer_r);
	config_free(&conf);
	return code;
}
